"""Every fault of a phone, through the real adb: told by its kind, tried again where that helps,
nothing left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from pathlib import Path

import pytest
from adbutils._utils import adb_path
from virtual_phone_fixture import RUNNER, AdbServer, ConnectedPhone, MakePhone

from deploy.android.adb import Adb
from deploy.android.device import AndroidDevice
from deploy.android.devices import (
    PhoneRunner,
    Server,
    alone,
    choose_phones,
    open_server,
    seen_phones,
)
from deploy.android.folders import SHELL_FOLDER
from deploy.android.identity import read_identity
from deploy.android.phone import Phone
from deploy.benchmark.plan import Arms
from deploy.benchmark.profile import DeviceTarget, Profiled, open_bundles, profile
from deploy.results.judge import judge
from deploy.results.records import MeasuredDevice, Settings
from deploy.support.errors import PhoneError, UserError
from deploy.support.reporter import Silent
from deploy.virtual_phone.phone import VirtualPhone

FAST = Settings(
    rounds=2,
    iterations=5,
    warmup=1,
    cool_below_c=38,
    cool_timeout_s=1,
    block_timeout_s=4,
    seed=0,
)


@pytest.fixture(autouse=True)
def _own_server(adb_server: AdbServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever starts adb finds, or starts, the tests' own server."""
    for name, value in adb_server.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def measure(phone_bundle: Path, adb_server: AdbServer, tmp_path: Path) -> Measure:
    binary = tmp_path / "executor_runner"
    binary.write_bytes(RUNNER)

    def run(
        *phones: ConnectedPhone,
        runner: str = "app",
        artifact: str | None = None,
        settings: Settings = FAST,
        cancelled: threading.Event | None = None,
        on_progress: Callable[[int], None] | None = None,
        threads: tuple[int, ...] = (2,),
    ) -> Profiled:
        cancelled = cancelled or threading.Event()
        artifact = artifact or ("onnx-int8" if runner == "app" else "executorch-int8")
        opened = open_bundles([phone_bundle], [artifact], native=runner == "native")
        chosen = PhoneRunner(name=runner, binary=binary)  # type: ignore[arg-type]
        adb = Adb(binary=adb_path(), port=adb_server.port, cancelled=cancelled)
        return profile(
            opened,
            [_target(Phone(adb, each.serial, command_s=4, back_s=12), chosen) for each in phones],
            Arms(runner=chosen.name, threads=threads, cores=None),
            settings,
            reporters=lambda _: Watching(on_progress),
            cancelled=cancelled,
        )

    return run


Measure = Callable[..., Profiled]


class Watching(Silent):
    def __init__(self, on_progress: Callable[[int], None] | None) -> None:
        self._on_progress = on_progress

    def progress(self, what: str, done: int, total: int | None) -> None:
        if self._on_progress:
            self._on_progress(done)


def _target(phone: Phone, runner: PhoneRunner) -> DeviceTarget:
    return DeviceTarget(
        label=phone.serial,
        runner=runner.name,
        open=lambda: nullcontext(AndroidDevice(phone, runner.make)),
    )


def only_device(profiled: Profiled) -> MeasuredDevice:
    assert not profiled.failures
    (device,) = profiled.results.devices
    return device


def left_behind(connected: ConnectedPhone) -> list[str]:
    return [
        path for path in connected.phone.files if "/bench/" in path or "/data/local/tmp/" in path
    ]


@pytest.mark.parametrize("runner", ["app", "native"])
def test_a_healthy_phone_is_measured_and_left_clean(
    phone: MakePhone, measure: Measure, runner: str
) -> None:
    healthy = phone()
    device = only_device(measure(healthy, runner=runner))
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
    (report,) = judge(measure(healthy, runner=runner).results)
    # Two rounds are too few, and nothing else is amiss.
    assert [reason[:14] for reason in report.arms[0].reasons] == ["too few rounds"]
    assert report.arms[0].memory_peak_bytes is not None
    assert report.device.virtual
    assert left_behind(healthy) == []


# Each strikes once; the kind is what the retried try is told to have met.
RECOVERED = [
    ("native", "drop-mid-push:1"),
    ("app", "drop-mid-run:1"),
    ("native", "drop-mid-run:1"),
    ("app", "stall:1"),
    ("app", "reboot-mid-run:1"),
    ("app", "app-crashes:1"),
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
    phone: MakePhone, measure: Measure, runner: str, fault: str
) -> None:
    ailing = phone(faults=[fault])
    device = only_device(measure(ailing, runner=runner))
    assert device.failure is None
    assert [block.failure for block in device.arms[0].blocks] == [None, None]
    # What happened is told; the phone's own words on its state are warnings too.
    told = [each for each in device.warnings if each.startswith(("round 1", "while preparing"))]
    assert told, device.warnings
    assert left_behind(ailing) == []


# What stays: the kind of the arm's failure, tried three times at the most.
LASTING = [
    ("app", "app-crashes", "app-crashed"),
    ("app", "app-killed", "killed-for-memory"),
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
    phone: MakePhone, measure: Measure, runner: str, fault: str, kind: str
) -> None:
    ailing = phone(faults=[fault])
    device = only_device(measure(ailing, runner=runner))
    (block,) = device.arms[0].blocks
    assert block.failure is not None
    assert block.failure.kind == kind
    assert left_behind(ailing) == []


# What keeps the whole phone from being measured.
PHONE_FAILS = [
    ("app", "app-missing", "app-missing"),
    ("app", "app-old", "app-old"),
    ("native", "no-space", "no-space"),
    ("native", "runner-other-abi", "runner-abi"),
]


@pytest.mark.parametrize(("runner", "fault", "kind"), PHONE_FAILS)
def test_what_the_phone_lacks_ends_its_session_by_its_kind(
    phone: MakePhone, measure: Measure, runner: str, fault: str, kind: str
) -> None:
    ailing = phone(faults=[fault])
    device = only_device(measure(ailing, runner=runner))
    failures = [block.failure for arm in device.arms for block in arm.blocks] or [device.failure]
    assert [failure.kind for failure in failures if failure] == [kind]
    assert left_behind(ailing) == []


WARNED = [
    ("screen-locked", "locked"),
    ("low-battery", "battery was low"),
    ("charging", "charging"),
    ("thermal-unknown", "heat is unknown"),
    ("forced-thermal", "forced"),
    ("unreadable-cpufreq", "clocks are unknown"),
]


@pytest.mark.parametrize(("fault", "words"), WARNED)
def test_what_is_unfavourable_is_told_and_measured(
    phone: MakePhone, measure: Measure, fault: str, words: str
) -> None:
    profiled = measure(phone(faults=[fault]))
    (report,) = judge(profiled.results)
    assert any(words in warning for warning in report.warnings)
    assert all(block.answer for block in only_device(profiled).arms[0].blocks)


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


@pytest.mark.parametrize("fault", ["crlf", "clock-jumps", "odd-names"])
@pytest.mark.parametrize("runner", ["app", "native"])
def test_odd_phones_are_measured_like_others(
    phone: MakePhone, measure: Measure, runner: str, fault: str
) -> None:
    odd = phone(faults=[fault])
    device = only_device(measure(odd, runner=runner))
    assert [block.failure for block in device.arms[0].blocks] == [None, None]
    assert left_behind(odd) == []


def test_wrong_answers_are_invalid_however_fast(phone: MakePhone, measure: Measure) -> None:
    (report,) = judge(measure(phone(faults=["wrong-answers"])).results)
    assert any(reason.startswith("wrong answers") for reason in report.arms[0].reasons)


@pytest.mark.parametrize("runner", ["app", "native"])
def test_a_phone_that_never_cools_is_measured_and_invalid(
    phone: MakePhone, measure: Measure, runner: str
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


def test_one_phone_that_fails_does_not_lose_the_others_results(
    phone: MakePhone, measure: Measure
) -> None:
    healthy, ailing = phone(seed=1), phone(seed=2, faults=["app-missing"])
    profiled = measure(healthy, ailing)
    by_serial = {each.device.serial: each for each in profiled.results.devices}
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
        device = only_device(measure(connected, settings=settings, on_progress=unplug))
    assert [bool(block.answer) for block in device.arms[0].blocks] == [True, True]
    assert device.failure is not None
    assert device.failure.kind in ("offline", "lost")
    adb_server.run("disconnect", lost.serial)


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


def test_older_leftovers_of_ours_are_swept(phone: MakePhone, measure: Measure) -> None:
    connected = phone()
    connected.shell(f"mkdir -p {SHELL_FOLDER}; echo old > {SHELL_FOLDER}/network-old.pte")
    connected.shell(
        "run-as dev.mobiledeploy.demo sh -c 'mkdir -p files/bench; echo > files/bench/x'"
    )
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
    adb = Adb(binary=adb_path(), port=connected.server.port)
    profiled = profile(
        open_bundles([tmp_path / evil], ["onnx-int8"]),
        [_target(Phone(adb, connected.serial), PhoneRunner(name="app"))],
        Arms(runner="app", threads=(1,), cores=None),
        FAST,
    )
    assert only_device(profiled).failure is None
    shells = "\n".join(connected.phone.commands)
    assert not any(part in shells for part in ("pwned", "touch", "犬", "`id`"))


STATES = [
    ("unauthorized", "unauthorized"),
    ("offline", "offline"),
    ("recovery", "not-booted"),
]


@pytest.mark.parametrize(("fault", "kind"), STATES)
def test_a_phone_that_cannot_be_used_is_refused_by_its_state(
    phone: MakePhone, adb_server: AdbServer, fault: str, kind: str
) -> None:
    ailing = phone(faults=[fault])
    adb = Adb(binary=adb_path(), port=adb_server.port)
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        states = {each.serial: each.state for each in adb.devices()}
        if states.get(ailing.serial) not in (None, "device", "authorizing", "connecting"):
            break
        time.sleep(0.1)
    with pytest.raises(PhoneError) as refused:
        choose_phones(adb.devices(), [ailing.serial])
    assert refused.value.kind == kind


def test_no_phone_and_many_phones_say_what_to_do(phone: MakePhone, adb_server: AdbServer) -> None:
    adb = Adb(binary=adb_path(), port=adb_server.port)
    with pytest.raises(PhoneError) as none:
        choose_phones([], [])
    assert none.value.kind == "no-phone"
    first, second = phone(), phone()
    with pytest.raises(UserError, match="give --device all or one of"):
        choose_phones(adb.devices(), [])
    assert {each.serial for each in choose_phones(adb.devices(), ["all"])} == {
        first.serial,
        second.serial,
    }
    with pytest.raises(PhoneError) as unknown:
        choose_phones(adb.devices(), ["nobody"])
    assert unknown.value.kind == "not-found"


def test_one_phone_by_two_transports_is_one_phone(phone: MakePhone, adb_server: AdbServer) -> None:
    connected = phone()
    again = connected.serial.replace("127.0.0.1", "localhost")
    adb_server.run("connect", again, timeout=15)
    adb = Adb(binary=adb_path(), port=adb_server.port)
    try:
        assert len(adb.devices()) == 2
        (seen,) = seen_phones(adb, adb.devices(), [])
        assert {seen.attached.serial, *seen.also} == {connected.serial, again}
        assert len(seen_phones(adb, adb.devices(), ["all"])) == 1
        assert len(seen_phones(adb, adb.devices(), [again, connected.serial])) == 1
        with (
            alone(Phone(adb, connected.serial)),
            pytest.raises(PhoneError, match="another session"),
            alone(Phone(adb, again)),
        ):
            pass
    finally:
        adb_server.run("disconnect", again)


def test_two_phones_with_one_serial_number_are_two(phone: MakePhone, adb_server: AdbServer) -> None:
    first, second = phone(), phone()
    adb = Adb(binary=adb_path(), port=adb_server.port)
    told = [read_identity(Phone(adb, each.serial)) for each in (first, second)]
    assert told[0].serialno == told[1].serialno == first.phone.state.serial
    assert len(seen_phones(adb, adb.devices(), ["all"])) == 2
    with alone(Phone(adb, first.serial)), alone(Phone(adb, second.serial)):
        pass


def test_a_lock_needs_no_home(
    phone: MakePhone, adb_server: AdbServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    connected = phone()
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", "/proc/nowhere")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with alone(Phone(Adb(binary=adb_path(), port=adb_server.port), connected.serial)):
        assert len(list(tmp_path.rglob("phone-*.lock"))) == 1


def test_an_address_where_nobody_listens_is_refused(adb_server: AdbServer) -> None:
    with pytest.raises(PhoneError, match="cannot connect to"):
        open_server(Server(port=adb_server.port, connect=("127.0.0.1:9",)))
