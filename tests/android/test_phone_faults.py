"""Every fault of a phone, through the real adb: told by its kind, tried again where that helps,
nothing left behind."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from phone_sessions import (
    FAST,
    Measure,
    left_behind,
    measure,
    only_device,
    own_server,
)
from virtual_phone_fixture import AdbServer, ConnectedPhone, MakePhone

from deploy.benchmark.session import Patience
from deploy.results.records import RunnerName
from deploy.virtual_phone.phone import VirtualPhone

__all__ = ["measure", "own_server"]

# Where a test waits for what never comes: a healthy block takes a third of a second.
SOON_HUNG = FAST.model_copy(update={"block_timeout_s": 2})


# Each strikes once; the kind is what the retried try is told to have met.
RECOVERED = [
    ("native", "drop-mid-push:1"),
    ("app", "drop-mid-run:1"),
    ("native", "drop-mid-run:1"),
    ("app", "stall:1"),
    ("app", "reboot-mid-run:1"),
    ("app", "app-crashes:1"),
    ("app", "app-debuggable app-crashes:1"),
    ("app", "app-killed:1"),
    ("app", "app-hangs:1"),
    ("app", "answer-truncated:1"),
    ("app", "answer-not-json:1"),
    ("app", "answer-other-id:1"),
    ("app", "answer-nan:1"),
    ("app", "answer-negative:1"),
]


@pytest.mark.parametrize(("runner", "fault"), RECOVERED)
def test_what_passes_is_tried_again(
    phone: MakePhone, measure: Measure, runner: RunnerName, fault: str
) -> None:
    ailing = phone(faults=fault.split())
    settings = SOON_HUNG if fault == "app-hangs:1" else FAST
    command_s = 1.5 if fault == "stall:1" else 4
    device = only_device(measure(ailing, runner=runner, settings=settings, command_s=command_s))
    assert device.failure is None
    assert [block.failure for block in device.arms[0].blocks] == [None, None]
    # What happened is told; the phone's own words on its state are warnings too.
    told = [said for said in device.warnings if said.startswith(("round 1", "while preparing"))]
    assert told, device.warnings
    assert left_behind(ailing) == []


# What stays: the kind of the arm's failure. Tried once here, since another try is the same again.
LASTING = [
    ("app", "app-crashes", "app-crashed"),
    ("app", "app-killed", "killed-for-memory"),
    # The record of how the provider's process ended is none of the app's.
    ("app", "app-ends", "app-crashed"),
    ("app", "app-hangs", "hung"),
    ("app", "answer-truncated", "bad-answer"),
    ("app", "answer-not-json", "bad-answer"),
    ("app", "answer-other-id", "bad-answer"),
    ("app", "answer-newer-schema", "bad-answer"),
    ("app", "answer-nan", "bad-answer"),
    ("app", "answer-negative", "bad-answer"),
    ("app", "operator-missing", "operator-missing"),
    ("native", "operator-missing", "operator-missing"),
    ("native", "runner-crashes", "runner-failed"),
    ("app", "no-space", "no-space"),
]


@pytest.mark.parametrize(("runner", "fault", "kind"), LASTING)
def test_what_stays_fails_the_arm_by_its_kind(
    phone: MakePhone, measure: Measure, runner: RunnerName, fault: str, kind: str
) -> None:
    ailing = phone(faults=[fault])
    settings = SOON_HUNG if fault == "app-hangs" else FAST
    once = Patience(tries=1)
    device = only_device(measure(ailing, runner=runner, settings=settings, patience=once))
    (block,) = device.arms[0].blocks
    assert block.failure is not None
    assert block.failure.kind == kind
    assert left_behind(ailing) == []


# What keeps the whole phone from being measured.
PHONE_FAILS = [
    ("app", "app-missing", "app-missing"),
    ("app", "app-old", "app-old"),
    ("app", "app-release", "app-not-debuggable"),
    ("app", "never-unlocked", "locked"),
    ("app", "content-reads", "android-old"),
    ("native", "no-space", "no-space"),
    ("native", "runner-other-abi", "runner-abi"),
]


@pytest.mark.parametrize(("runner", "fault", "kind"), PHONE_FAILS)
def test_what_the_phone_lacks_ends_its_session_by_its_kind(
    phone: MakePhone, measure: Measure, runner: RunnerName, fault: str, kind: str
) -> None:
    ailing = phone(faults=[fault])
    device = only_device(measure(ailing, runner=runner))
    failures = [block.failure for arm in device.arms for block in arm.blocks] or [device.failure]
    assert [failure.kind for failure in failures if failure] == [kind]
    if fault == "app-release":
        # Why, in the phone's own words.
        assert "IllegalStateException: Could not find" in str(failures[0])
    assert left_behind(ailing) == []


def test_one_phone_that_fails_does_not_lose_the_others_results(
    phone: MakePhone, measure: Measure
) -> None:
    healthy, ailing = phone(seed=1), phone(seed=2, faults=["app-missing"])
    profiled = measure(healthy, ailing)
    by_serial = {device.device.serial: device for device in profiled.results.devices}
    assert by_serial[healthy.serial].failure is None
    assert all(block.answer for block in by_serial[healthy.serial].arms[0].blocks)
    failure = by_serial[ailing.serial].failure
    assert failure is not None
    assert failure.kind == "app-missing"


def test_an_unplugged_phone_keeps_what_was_measured(
    adb_server: AdbServer, measure: Measure
) -> None:
    with ExitStack() as cable:
        lost = cable.enter_context(VirtualPhone())
        adb_server.run("connect", lost.serial, timeout=15)
        connected = ConnectedPhone(serial=lost.serial, phone=lost, server=adb_server)

        def unplug(done: int) -> None:
            if done == 2:
                cable.close()

        settings = FAST.model_copy(update={"rounds": 5})
        device = only_device(measure(connected, settings=settings, on_progress=unplug, back_s=2))
    assert [bool(block.answer) for block in device.arms[0].blocks] == [True, True]
    assert device.failure is not None
    assert device.failure.kind in ("offline", "lost")
    adb_server.disconnect(lost.serial)


def test_a_killed_server_is_started_again_and_the_phone_connected(
    phone: MakePhone, measure: Measure, adb_server: AdbServer
) -> None:
    connected = phone()

    def kill(done: int) -> None:
        if done == 1:
            adb_server.kill()

    device = only_device(measure(connected, on_progress=kill))
    assert device.failure is None
    assert [block.failure for block in device.arms[0].blocks] == [None, None]
    assert left_behind(connected) == []
