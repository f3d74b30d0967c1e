"""Sessions on virtual phones, in this process and soon over.

A test module imports the fixtures: `from phone_sessions import measure, own_server`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Protocol

import pytest
from adbutils._utils import adb_path
from virtual_phone_fixture import RUNNER, AdbServer, ConnectedPhone

from deploy.android.adb import Adb
from deploy.android.device import AndroidDevice
from deploy.android.devices import PhoneRunner
from deploy.android.phone import Phone
from deploy.benchmark.bundles import open_bundles
from deploy.benchmark.plan import Arms
from deploy.benchmark.profile import DeviceTarget, Profiled, profile_targets
from deploy.benchmark.session import USUAL, Patience
from deploy.results.records import MeasuredDevice, RunnerName, Settings
from deploy.support.reporter import Silent

FAST = Settings(
    rounds=2,
    iterations=5,
    warmup=1,
    cool_below_c=38,
    cool_timeout_s=1,
    block_timeout_s=4,
    seed=0,
)


class Measure(Protocol):
    """Measure `artifact`, else the one that `runner` runs, on the phones.

    `command_s` and `back_s` are how long a command may take, and how long a phone may be gone;
    `on_progress` is told how many blocks are done.
    """

    def __call__(
        self,
        *phones: ConnectedPhone,
        runner: RunnerName = "app",
        artifact: str | None = None,
        folder: Path | None = None,
        settings: Settings = FAST,
        patience: Patience = USUAL,
        command_s: float = 4,
        back_s: float = 12,
        cancelled: threading.Event | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> Profiled: ...


@pytest.fixture
def own_server(adb_server: AdbServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever starts adb finds, or starts, the tests' own server."""
    for name, value in adb_server.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def measure(
    phone_bundle: Path, adb_server: AdbServer, own_server: None, warm_runtimes: None, tmp_path: Path
) -> Measure:
    binary = tmp_path / "mobile-deploy-runner"
    binary.write_bytes(RUNNER)

    def run(
        *phones: ConnectedPhone,
        runner: RunnerName = "app",
        artifact: str | None = None,
        folder: Path | None = None,
        settings: Settings = FAST,
        patience: Patience = USUAL,
        command_s: float = 4,
        back_s: float = 12,
        cancelled: threading.Event | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> Profiled:
        cancelled = cancelled or threading.Event()
        artifact = artifact or ("onnx-int8" if runner == "app" else "executorch-int8")
        adb = Adb(binary=adb_path(), port=adb_server.port, cancelled=cancelled)
        made = PhoneRunner(name=runner, binary=binary)
        return profile_targets(
            open_bundles([folder or phone_bundle], [artifact], runners=frozenset({runner})),
            [
                _target(Phone(adb, connected.serial, command_s=command_s, back_s=back_s), made)
                for connected in phones
            ],
            Arms(threads=(2,), cores=None),
            settings,
            reporters=lambda _: _Watching(on_progress),
            cancelled=cancelled,
            patience=patience,
        )

    return run


class _Watching(Silent):
    def __init__(self, on_progress: Callable[[int], None] | None) -> None:
        self._on_progress = on_progress

    def progress(self, what: str, done: int, total: int | None) -> None:
        if self._on_progress:
            self._on_progress(done)


def _target(phone: Phone, runner: PhoneRunner) -> DeviceTarget:
    return DeviceTarget(
        label=phone.serial,
        open=lambda: nullcontext(AndroidDevice(phone, runner.on(phone))),
    )


def only_device(profiled: Profiled) -> MeasuredDevice:
    assert not profiled.failures
    (device,) = profiled.results.devices
    return device


def left_behind(connected: ConnectedPhone) -> list[str]:
    """The files of ours that are still on a phone."""
    return [
        path for path in connected.phone.files if "/bench/" in path or "/data/local/tmp/" in path
    ]
