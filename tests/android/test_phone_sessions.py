"""Sessions on phones in order, and on those that are merely odd or unfavourable."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import pytest
from phone_sessions import (
    FAST,
    Measure,
    left_behind,
    measure,
    only_device,
    own_server,
)
from virtual_phone_fixture import RUNNER, MakePhone

from deploy.android.app_folders import PROVIDER
from deploy.android.folders import SHELL_FOLDER
from deploy.benchmark.session import Patience
from deploy.results.judge import judge
from deploy.results.records import APP_VERSION, RunnerName

__all__ = ["measure", "own_server"]


@pytest.mark.parametrize("runner", ["app", "native"])
def test_a_healthy_phone_is_measured_and_left_clean(
    phone: MakePhone, measure: Measure, runner: RunnerName
) -> None:
    healthy = phone()
    profiled = measure(healthy, runner=runner)
    device = only_device(profiled)
    (arm,) = device.arms
    assert device.failure is None
    assert [block.round for block in arm.blocks] == [0, 1]
    for block in arm.blocks:
        assert block.answer is not None
        assert block.answer.status == "ok"
        assert len(block.answer.iterations_ns) == FAST.iterations
        assert block.before.battery_celsius is not None
        assert block.before.clocks
    assert [len(block.answer.logits) for block in arm.blocks if block.answer] == [8, 1]
    (report,) = judge(profiled.results)
    # Two rounds are too few, and nothing else is amiss.
    assert [reason[:14] for reason in report.arms[0].reasons] == ["too few rounds"]
    assert report.arms[0].memory_peak_bytes is not None
    assert report.device.virtual
    assert left_behind(healthy) == []


@pytest.mark.parametrize("debuggable", [False, True])
def test_the_app_is_measured_by_the_way_in_that_it_has_and_which_is_told(
    phone: MakePhone, measure: Measure, debuggable: bool
) -> None:
    connected = phone(faults=["app-debuggable"] * debuggable)
    profiled = measure(connected)
    (arm,) = only_device(profiled).arms
    assert [block.debuggable for block in arm.blocks] == [debuggable, debuggable]
    assert profiled.results.schema_version == APP_VERSION
    (report,) = judge(profiled.results)
    assert any("CheckJNI" in warning for warning in report.warnings) == debuggable
    sent = "\n".join(connected.phone.commands)
    assert ("run-as" in sent, "content write" in sent) == (debuggable, not debuggable)
    assert left_behind(connected) == []


def test_a_block_behind_the_provider_takes_one_write_and_one_read(
    phone: MakePhone, measure: Measure
) -> None:
    connected = phone()
    measure(connected)
    sent = connected.phone.commands
    (second,) = [at for at, one in enumerate(sent) if "--es id block-1-" in one]
    first = next(at for at, one in enumerate(sent) if "--es id block-0-" in one)
    between = [one for one in sent[first + 1 : second] if "content " in one]
    assert [re.findall(r"content (\w+)", one) for one in between] == [["read"], ["write"]]
    assert "am force-stop" not in "\n".join(sent[first:second])


def test_an_app_that_answers_and_does_not_end_is_heard_at_the_time_out(
    phone: MakePhone, measure: Measure
) -> None:
    lingers = phone(faults=["app-lingers"])
    settings = FAST.model_copy(update={"rounds": 1, "block_timeout_s": 3})
    profiled = measure(lingers, settings=settings, patience=Patience(tries=1))
    (block,) = only_device(profiled).arms[0].blocks
    assert block.failure is None
    assert block.answer is not None
    assert left_behind(lingers) == []


def test_an_app_tells_once_what_it_takes_before_the_network(
    phone: MakePhone, measure: Measure
) -> None:
    profiled = measure(phone())
    (arm,) = only_device(profiled).arms
    told = [block.answer.preparation for block in arm.blocks if block.answer]
    assert [times and len(times.crop_ns) for times in told] == [20, None]
    (report,) = judge(profiled.results)
    before = report.arms[0].before
    assert before is not None
    assert before.crop_ns > before.input_ns > 0


def test_an_older_app_is_measured_without_what_it_does_not_know(
    phone: MakePhone, measure: Measure
) -> None:
    older = phone(faults=["app-older"])
    profiled = measure(older)
    device = only_device(profiled)
    assert device.failure is None
    answers = [block.answer for block in device.arms[0].blocks if block.answer]
    assert [answer.preparation for answer in answers] == [None, None]
    (report,) = judge(profiled.results)
    assert report.arms[0].before is None


@pytest.mark.parametrize("fault", ["crlf", "clock-jumps", "odd-names"])
@pytest.mark.parametrize("runner", ["app", "native"])
def test_odd_phones_are_measured_like_others(
    phone: MakePhone, measure: Measure, runner: RunnerName, fault: str
) -> None:
    odd = phone(faults=[fault])
    device = only_device(measure(odd, runner=runner))
    assert [block.failure for block in device.arms[0].blocks] == [None, None]
    assert left_behind(odd) == []


WARNED = [
    ("screen-locked", "locked"),
    ("low-battery", "battery was low"),
    ("charging", "charging"),
    ("thermal-unknown", "heat is unknown"),
    ("heat-not-ready", "heat is unknown"),
    ("forced-thermal", "forced"),
    ("unreadable-cpufreq", "clocks are unknown"),
    ("unreadable-caps", "what its clocks are allowed is unknown"),
    ("capped-clocks", "GHz to 55 %"),
]


@pytest.mark.parametrize(("fault", "words"), WARNED)
def test_what_is_unfavourable_is_told_and_measured(
    phone: MakePhone, measure: Measure, fault: str, words: str
) -> None:
    profiled = measure(phone(faults=[fault]))
    (report,) = judge(profiled.results)
    assert any(words in warning for warning in report.warnings)
    assert all(block.answer for block in only_device(profiled).arms[0].blocks)


def test_wrong_answers_are_invalid_however_fast(phone: MakePhone, measure: Measure) -> None:
    (report,) = judge(measure(phone(faults=["wrong-answers"])).results)
    assert any(reason.startswith("wrong answers") for reason in report.arms[0].reasons)


@pytest.mark.parametrize("runner", ["app", "native"])
def test_a_phone_that_never_cools_is_measured_and_invalid(
    phone: MakePhone, measure: Measure, runner: RunnerName
) -> None:
    device = measure(phone(faults=["never-cools"]), runner=runner)
    blocks = only_device(device).arms[0].blocks
    assert [block.cooled for block in blocks] == [False, False]
    (report,) = judge(device.results)
    assert any(reason.startswith("hot") for reason in report.arms[0].reasons)


def test_a_throttling_phone_is_invalid(phone: MakePhone, measure: Measure) -> None:
    settings = FAST.model_copy(update={"rounds": 6, "iterations": 40, "cool_timeout_s": 0})
    (report,) = judge(measure(phone(faults=["throttles"]), settings=settings).results)
    reasons = " ".join(report.arms[0].reasons)
    assert "throttled" in reasons or "hot" in reasons


def test_an_interrupt_keeps_what_there_is_and_cleans_the_phone(
    phone: MakePhone, measure: Measure
) -> None:
    connected = phone()
    cancelled = threading.Event()
    settings = FAST.model_copy(update={"rounds": 50})

    def interrupt(done: int) -> None:
        if done == 2:
            cancelled.set()

    begin = time.monotonic()
    profiled = measure(connected, settings=settings, cancelled=cancelled, on_progress=interrupt)
    assert time.monotonic() - begin < 60
    device = only_device(profiled)
    assert device.interrupted
    assert len(device.arms[0].blocks) == 2
    assert left_behind(connected) == []


def test_a_runner_that_was_left_running_is_ended(phone: MakePhone, measure: Measure) -> None:
    connected = phone()
    binary = f"{SHELL_FOLDER}/runner-0a"
    connected.shell(f"mkdir -p {SHELL_FOLDER}")
    connected.shell(f"cat > {binary}; chmod 755 {binary}", input=RUNNER)
    connected.shell(f"echo x > {SHELL_FOLDER}-network-old.pte")
    assert len(left_behind(connected)) == 2
    only_device(measure(connected, runner="app"))
    assert left_behind(connected) == []
    assert "pidof runner-0a" in "\n".join(connected.phone.commands)


def test_older_leftovers_of_ours_are_swept(phone: MakePhone, measure: Measure) -> None:
    connected = phone()
    connected.shell(f"mkdir -p {SHELL_FOLDER}; echo old > {SHELL_FOLDER}/network-old.pte")
    connected.shell(f"echo old | content write --uri {PROVIDER}/x")
    assert len(left_behind(connected)) == 2
    measure(connected, runner="native")
    measure(connected, runner="app")
    assert left_behind(connected) == []


def test_no_string_of_the_users_reaches_a_shell(
    phone: MakePhone, measure: Measure, phone_bundle: Path, tmp_path: Path
) -> None:
    evil = "a b'\"$(touch pwned)`id`\n;犬"
    (tmp_path / evil).symlink_to(phone_bundle, target_is_directory=True)
    connected = phone(faults=["odd-names"])
    assert only_device(measure(connected, folder=tmp_path / evil)).failure is None
    shells = "\n".join(connected.phone.commands)
    assert not any(part in shells for part in ("pwned", "touch", "犬", "`id`"))
