"""A session of stretches without pauses, on a device that heats in time of its own."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from bundle_factory import make_bundle
from stretch_device import HeatingDevice

from deploy.benchmark.expected import describe_rest, describe_session, session_seconds
from deploy.benchmark.plan import check_mode
from deploy.benchmark.session import ArmPlan, Patience, Session
from deploy.benchmark.staging import stage_bundle
from deploy.bundle.open import open_bundle
from deploy.results.records import ArmKey, MeasuredDevice, Settings, Sustained
from deploy.results.stretch import at_work, lay_out
from deploy.results.sustained import judge_stretch
from deploy.support.errors import UserError
from deploy.support.reporter import Silent

MINUTES = 5
SETTINGS = Settings(
    rounds=1,
    iterations=20,
    warmup=2,
    cool_below_c=38,
    cool_timeout_s=60,
    block_timeout_s=60,
    seed=0,
    sustained=Sustained(seconds=60 * MINUTES, mode=False),
)
# The device's time goes on with every look: nobody has to wait.
EAGER = Patience(cool_poll_s=0.0)


@pytest.fixture
def plan(tmp_path: Path) -> ArmPlan:
    make_bundle(tmp_path / "bundle")
    bundle = open_bundle(tmp_path / "bundle")
    artifact = bundle.manifest.artifacts[0]
    key = ArmKey(
        network="tiny",
        format=artifact.format,
        precision=artifact.precision,
        backend=artifact.backend,
        runner="app",
        threads=4,
        cores=None,
    )
    staged = stage_bundle(bundle, [artifact], tmp_path)
    return ArmPlan(key=key, staged=staged, bundle_id="a" * 64, artifact=artifact, mask=None)


class Watching(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.done: list[tuple[int, int | None]] = []

    def ahead(self, text: str) -> None:
        self.notes.append(text)

    def progress(self, what: str, done: int, total: int | None) -> None:
        self.done.append((done, total))


def measure(
    device: HeatingDevice,
    plans: Sequence[ArmPlan],
    settings: Settings = SETTINGS,
    watching: Watching | None = None,
) -> MeasuredDevice:
    session = Session(
        device,
        device.facts(),
        plans,
        settings,
        watching or Watching(),
        threading.Event(),
        EAGER,
    )
    return session.run()


def with_threads(plan: ArmPlan, threads: int) -> ArmPlan:
    return replace(plan, key=plan.key.model_copy(update={"threads": threads}))


def test_a_stretch_is_blocks_back_to_back_for_as_long_as_said(plan: ArmPlan) -> None:
    device, watching = HeatingDevice(), Watching()
    (arm,) = measure(device, [plan], watching=watching).arms
    placed = lay_out(arm.blocks, warmup=SETTINGS.warmup)
    assert placed[-1].end == pytest.approx(60 * MINUTES, rel=0.05)
    assert at_work(placed) > 0.9
    # The first tells how many inferences fill the others; all golden photos are answered in it.
    assert device.asked[0].iterations == SETTINGS.iterations
    assert [len(request.golden) for request in device.asked[:2]] == [8, 1]
    lengths = [one.end - one.begin for one in placed[1:-1]]
    assert 8 < min(lengths) <= max(lengths) < 14
    # Nobody waits, and only its heat is looked at, once between two blocks.
    assert device.looks == [True] + [False] * len(placed)
    assert all(before.after == after.before for before, after in pairwise(arm.blocks))
    assert [block.cooled for block in arm.blocks] == [True] + [None] * (len(placed) - 1)
    assert watching.notes == ["about 5 min: 1 arm x 5 min without pauses"]
    assert watching.done[-1][0] > 290


def test_it_shows_that_the_phone_throttles_and_when(plan: ArmPlan) -> None:
    four, one = measure(HeatingDevice(), [plan, with_threads(plan, 1)]).arms
    found, reasons, warnings = judge_stretch(four, SETTINGS)
    assert (reasons, warnings) == ([], [])
    assert found is not None
    stretch = found.stretch
    # docs: 16 degrees over the room, from 32 at balance, in 41 s without pauses; 0.8 of the clock.
    assert stretch.turn is not None
    assert stretch.turn.earliest_s < 46
    assert stretch.turn.latest_s > 38
    assert stretch.fall.value == pytest.approx(0.25, abs=0.03)
    assert found.lowest_clock == pytest.approx(0.8, abs=0.001)
    assert found.hottest_c is not None
    cool, _, _ = judge_stretch(one, SETTINGS)
    assert cool is not None
    assert cool.stretch.turn is None
    assert abs(cool.stretch.fall.value) < 0.03


def test_the_next_stretch_begins_as_cool_as_the_first(plan: ArmPlan) -> None:
    device = HeatingDevice()
    first, second = measure(device, [plan, with_threads(plan, 2)]).arms
    began = [arm.blocks[0].before.battery_celsius or 0.0 for arm in (first, second)]
    ended = first.blocks[-1].after
    assert ended is not None
    assert (ended.battery_celsius or 0.0) > began[0] + 2
    assert began[1] <= began[0] + 2
    assert second.blocks[0].cooled is True
    # It was looked at more than once before the second began.
    assert device.looks.count(True) > 2


def test_a_stretch_that_ends_early_keeps_what_there_is(plan: ArmPlan) -> None:
    device = HeatingDevice(dies_after=4)
    first, second = measure(device, [plan, with_threads(plan, 1)]).arms
    assert [block.failure is None for block in first.blocks] == [True] * 4 + [False]
    assert len(second.blocks) == 1
    found, reasons, _ = judge_stretch(first, SETTINGS)
    assert found is None
    assert reasons == ["too few blocks, 4 of at least 6; give more minutes"]


def test_a_block_that_is_tried_again_goes_on_with_the_stretch_and_the_pause_is_seen(
    plan: ArmPlan,
) -> None:
    device = HeatingDevice(stumbles_at=6)
    measured = measure(device, [plan])
    (arm,) = measured.arms
    assert [warning.partition(":")[0] for warning in measured.warnings] == [
        f"round 6, {plan.artifact.name}"
    ]
    before, after = arm.blocks[4:6]
    # It is looked at anew, for it has cooled since, and is not waited for.
    assert before.after is not None
    assert after.before.at_s == pytest.approx(before.after.at_s + 30)
    assert (after.waited_s, after.cooled) == (0.0, None)
    assert device.looks.count(True) == 1
    found, _, _ = judge_stretch(arm, SETTINGS)
    assert found is not None
    assert found.at_work < 0.9
    assert found.stretch.seconds == pytest.approx(60 * MINUTES, rel=0.05)


@pytest.mark.parametrize("mode", [False, True])
def test_sustained_performance_mode_is_asked_for_and_lasts(plan: ArmPlan, mode: bool) -> None:
    device = HeatingDevice()
    sustained = Sustained(seconds=60 * MINUTES, mode=mode)
    settings = SETTINGS.model_copy(update={"sustained": sustained})
    (arm,) = measure(device, [plan], settings).arms
    assert {request.sustained for request in device.asked} == {mode}
    found, _, _ = judge_stretch(arm, settings)
    assert found is not None
    assert (found.stretch.turn is None) is mode


def test_only_the_app_can_ask_for_that_mode() -> None:
    check_mode("app")
    with pytest.raises(UserError, match="--sustained-mode: only an Android app can ask for it"):
        check_mode("native")


def test_how_long_it_takes_is_said_where_it_is_long(plan: ArmPlan) -> None:
    settings = SETTINGS.model_copy(update={"sustained": None, "rounds": 10})
    facts = HeatingDevice().facts()
    plans = [with_threads(plan, threads) for threads in (1, 2, 4)]
    seconds = session_seconds(plans, settings, facts)
    assert describe_session(seconds, 3, settings) == "about 75 s: 3 arms x 10 rounds"
    virtual = facts.model_copy(update={"virtual": True})
    assert session_seconds(plans, settings, virtual) < seconds / 3
    assert describe_session(4.0, 3, settings) is None
    assert describe_session(720.0, 2, SETTINGS) == (
        "about 12 min: 2 arms x 5 min without pauses, each begun cool, within 5 min"
    )
    # Of the rest, where the guess was bad.
    assert describe_rest(100.0, 90.0) is None
    assert describe_rest(200.0, 90.0) == "about 3 min more"
    assert describe_rest(4.0, 2.0) is None
