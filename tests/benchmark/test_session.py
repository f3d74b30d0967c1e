"""A session on a device that fails as told: what is tried again, how often, and the end."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bundle_factory import make_bundle
from session_results import phone_facts

from deploy.benchmark.order import round_order
from deploy.benchmark.runner import Ran
from deploy.benchmark.session import USUAL, ArmPlan, Patience, Session
from deploy.benchmark.staging import stage_bundle
from deploy.bundle.open import open_bundle
from deploy.protocol.faults import HarnessKind, fault
from deploy.protocol.messages import Answer, GoldenAnswer, Request
from deploy.results.records import (
    ArmKey,
    Conditions,
    DeviceFacts,
    MeasuredDevice,
    Settings,
)
from deploy.support.cancel import CancelledError
from deploy.support.reporter import Silent

SETTINGS = Settings(
    rounds=2,
    iterations=3,
    warmup=0,
    cool_below_c=38,
    cool_timeout_s=60,
    block_timeout_s=1,
    seed=0,
)
EAGER = Patience(cool_poll_s=0.001)


class Ailing:
    """A device and its runner: each list says what the next calls meet, None for nothing amiss."""

    def __init__(
        self,
        *,
        starts: Sequence[HarnessKind | None] = (),
        runs: Sequence[HarnessKind | None] = (),
        looks: Sequence[HarnessKind | None] = (),
        battery: Sequence[float] = (30.0,),
    ) -> None:
        self._starts, self._runs, self._looks = iter(starts), iter(runs), iter(looks)
        self._battery = list(battery)
        self.asked: list[Request] = []
        self.started = self.recovered = self.abandoned = 0
        self.runner = self

    def facts(self) -> DeviceFacts:
        return phone_facts()

    def conditions(self, at_s: float, *, whole: bool = True) -> Conditions:
        if whole and (kind := next(self._looks, None)):
            raise fault(kind, "looking")
        celsius = self._battery.pop(0) if len(self._battery) > 1 else self._battery[0]
        return Conditions(
            at_s=at_s,
            thermal_status=0,
            temperatures=(),
            battery_celsius=celsius,
            battery_level=None,
            charging=None,
            screen_on=None,
            locked=None,
            power_save=None,
            busy=None,
            clocks=(),
        )

    def warnings(self) -> Sequence[str]:
        return []

    def recover(self) -> str | None:
        self.recovered += 1
        return None

    def abandon(self) -> None:
        self.abandoned += 1

    def start(self) -> None:
        self.started += 1
        if kind := next(self._starts, None):
            raise fault(kind, "starting")

    def put(self, name: str, file: Path) -> None:
        assert file.exists()

    def run(self, request: Request, mask: str | None, timeout: float) -> Ran:
        self.asked.append(request)
        if kind := next(self._runs, None):
            raise fault(kind, "running")
        logits = tuple(
            GoldenAnswer.of(photo.index, np.zeros(3, np.float32)) for photo in request.golden
        )
        answer = Answer.failed(request.id, "internal", "").model_copy(
            update={
                "status": "ok",
                "error": None,
                "load_ns": 5,
                "first_ns": 4,
                "iterations_ns": (3, 2, 1),
                "logits": logits,
            }
        )
        return Ran(answer=answer)

    def stop(self) -> None:
        raise AssertionError("a session leaves that to abandon")


class Broken(Ailing):
    """Its conditions are what nobody has thought of."""

    def conditions(self, at_s: float, *, whole: bool = True) -> Conditions:
        raise ZeroDivisionError("by nought")


@pytest.fixture
def plan(tmp_path: Path) -> ArmPlan:
    make_bundle(tmp_path / "bundle")
    bundle = open_bundle(tmp_path / "bundle")
    artifact = bundle.manifest.artifacts[0]
    return ArmPlan(
        key=ArmKey(
            network="tiny",
            format=artifact.format,
            precision=artifact.precision,
            backend=artifact.backend,
            runner="app",
            threads=1,
            cores=None,
        ),
        staged=stage_bundle(bundle, [artifact], tmp_path),
        bundle_id="a" * 64,
        artifact=artifact,
        mask=None,
    )


def measure(
    device: Ailing, *plans: ArmPlan, patience: Patience = USUAL, settings: Settings = SETTINGS
) -> MeasuredDevice:
    session = Session(
        device, device.facts(), plans, settings, Silent(), threading.Event(), patience
    )
    return session.run()


def test_arms_take_turns_in_an_order_of_chance_that_the_seed_repeats(plan: ArmPlan) -> None:
    plans = [plan.key.model_copy(update={"threads": threads}) for threads in (1, 2, 3)]
    settings = SETTINGS.model_copy(update={"rounds": 4, "seed": 7})
    arms = measure(Ailing(), *(replace(plan, key=key) for key in plans), settings=settings).arms
    ran = sorted((block.order, arm.key.threads) for arm in arms for block in arm.blocks)
    assert [order for order, _ in ran] == list(range(12))
    rounds = [[ran[3 * number + place][1] for place in range(3)] for number in range(4)]
    assert rounds == [
        [1 + arm for arm in round_order(3, round_number=number, seed=7)] for number in range(4)
    ]
    assert all(sorted(names) == [1, 2, 3] for names in rounds)


def test_every_order_is_as_likely_whatever_came_before() -> None:
    """Of 2000 sessions, all 36 pairs of orders in two rounds: chi-square below its 99.9 %."""
    drawn = Counter(
        tuple(tuple(round_order(3, round_number=number, seed=seed)) for number in range(2))
        for seed in range(2000)
    )
    expected = 2000 / 36
    assert len(drawn) == 36
    assert sum((count - expected) ** 2 / expected for count in drawn.values()) < 66.6


def test_an_arm_that_is_given_up_keeps_no_other_from_its_turns(plan: ArmPlan) -> None:
    other = replace(plan, key=plan.key.model_copy(update={"threads": 2}))
    first, second = measure(Ailing(runs=["no-space"]), plan, other).arms
    assert [block.failure is None for block in first.blocks] == [False]
    assert [block.failure is None for block in second.blocks] == [True, True]


def test_golden_photos_are_all_answered_in_the_first_round_alone(plan: ArmPlan) -> None:
    device = Ailing()
    measured = measure(device, plan)
    assert [len(request.golden) for request in device.asked] == [8, 1]
    assert [block.round for block in measured.arms[0].blocks] == [0, 1]
    assert (device.started, device.recovered, device.abandoned) == (1, 0, 1)
    assert not measured.interrupted


@pytest.mark.parametrize("tries", [1, 2, 3])
def test_what_stays_is_tried_as_often_as_told_and_the_arm_given_up(
    plan: ArmPlan, tries: int
) -> None:
    device = Ailing(runs=["hung"] * 9)
    measured = measure(device, plan, patience=Patience(tries=tries))
    (block,) = measured.arms[0].blocks
    assert block.failure is not None
    assert block.failure.kind == "hung"
    assert len(device.asked) == tries
    # Before each further try the device is had back, and its runner made ready.
    assert (device.recovered, device.started) == (tries - 1, tries)
    assert measured.failure is None


def test_three_tries_are_usual() -> None:
    assert USUAL.tries == 3


def test_what_passes_is_told_and_the_block_is_whole(plan: ArmPlan) -> None:
    device = Ailing(runs=["hung", "lost"])
    measured = measure(device, plan)
    assert [block.failure for block in measured.arms[0].blocks] == [None, None]
    assert len(device.asked) == 4
    assert [warning.partition(":")[0] for warning in measured.warnings] == [
        f"round 1, {plan.artifact.name}"
    ] * 2


def test_what_trying_again_does_not_mend_is_tried_once(plan: ArmPlan) -> None:
    device = Ailing(runs=["no-space"])
    (block,) = measure(device, plan).arms[0].blocks
    assert block.failure is not None
    assert block.failure.kind == "no-space"
    assert len(device.asked) == 1


def test_a_device_that_cannot_even_be_looked_at_ends_its_session(plan: ArmPlan) -> None:
    device = Ailing(looks=[None, "lost", "lost", "lost"])
    measured = measure(device, plan)
    assert measured.failure is not None
    assert measured.failure.kind == "lost"
    assert [block.round for block in measured.arms[0].blocks] == [0]
    assert device.abandoned == 1


@pytest.mark.parametrize(
    ("starts", "kind", "started"),
    [(["timeout"] * 9, "timeout", 3), (["app-missing"], "app-missing", 1), (["lost"], None, 2)],
)
def test_a_runner_that_does_not_start(
    plan: ArmPlan, starts: list[HarnessKind], kind: HarnessKind | None, started: int
) -> None:
    device = Ailing(starts=starts)
    measured = measure(device, plan)
    assert (measured.failure.kind if measured.failure else None) == kind
    assert device.started == started
    assert device.recovered == started - 1
    assert device.abandoned == 1


def test_a_hot_device_is_waited_for_once_and_then_only_looked_at(plan: ArmPlan) -> None:
    # Hot, cool; then hot until the wait is given up, and hot still.
    device = Ailing(battery=[40.0, 30.0, 30.0, 40.0])
    settings = SETTINGS.model_copy(update={"rounds": 4, "cool_timeout_s": 0.1})
    measured = measure(device, plan, patience=EAGER, settings=settings)
    assert [block.cooled for block in measured.arms[0].blocks] == [True, False, False, False]
    waits = [block.waited_s for block in measured.arms[0].blocks]
    assert waits[1] >= 0.1
    assert max(waits[2:]) < 0.1
    assert measured.warnings == ("did not cool below 38 C in 0.1 s",)


def test_an_interrupt_keeps_what_there_is(plan: ArmPlan) -> None:
    device = Ailing()

    def interrupted(request: Request, mask: str | None, timeout: float) -> Ran:
        raise CancelledError

    device.run = interrupted  # type: ignore[method-assign]
    measured = measure(device, plan)
    assert measured.interrupted
    assert measured.arms[0].blocks == ()
    assert device.abandoned == 1


def test_an_accident_of_ours_is_not_called_an_interruption(plan: ArmPlan) -> None:
    device = Broken()
    session = Session(device, phone_facts(), [plan], SETTINGS, Silent(), threading.Event(), EAGER)
    with pytest.raises(ZeroDivisionError):
        session.run()
    measured = session.measured()
    assert not measured.interrupted
    assert measured.failure is not None
    assert (measured.failure.kind, device.abandoned) == ("unexpected", 1)
