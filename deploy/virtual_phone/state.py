"""The phone as its commands see it: everything but the wire."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version

import deploy
from deploy.protocol.messages import PLAIN_VERSION, PROTOCOL_VERSION
from deploy.virtual_phone.clock import PhoneClock
from deploy.virtual_phone.device_model import DeviceModel
from deploy.virtual_phone.faults import Faults
from deploy.virtual_phone.filesystem import APPS_FOLDER, FileSystem
from deploy.virtual_phone.processes import AppExit, LogLine, Process, Processes
from deploy.virtual_phone.profiles import Profile
from deploy.virtual_phone.system_files import system_files

PACKAGE = "dev.mobiledeploy.demo"
# Where the app's provider lives, apart from what is measured.
FILES_PROCESS = f"{PACKAGE}:files"
ACTIVITY = f"{PACKAGE}/.BenchmarkActivity"
APP_DATA = f"{APPS_FOLDER}/{PACKAGE}"
MANUFACTURER = "mobile-deploy"

# What our Android app is built with; the .onnx it must load are no newer.
APP_ONNXRUNTIME = "1.23.2"
_ODD_NAME = "Virtual \"odd\" 'phone' $(touch /tmp/pwned) `id` 小米; rm -rf /"


@dataclass
class Screen:
    is_on: bool = True
    locked: bool = False
    secured: bool = False


class State:
    """One phone. `disconnect` and `stall` act on its connections; the wire puts them in."""

    def __init__(self, profile: Profile, *, seed: int, faults: Sequence[str], speed: float) -> None:
        """Raises UserError for a fault that there is none of."""
        self.profile = profile
        self.seed = seed
        self.faults = Faults(faults)
        self.clock = PhoneClock(speed)
        self.model = DeviceModel(
            profile,
            seed,
            self.clock,
            heats_fast=self.faults.expects("throttles"),
            never_cools=self.faults.expects("never-cools"),
        )
        self.filesystem = FileSystem(
            generated=lambda: system_files(self),
            seconds=lambda: int(self.clock.wall().timestamp()),
            is_full=lambda: self.faults.strike("no-space"),
        )
        self.processes = Processes()
        self.log: list[LogLine] = []
        self.exits: list[AppExit] = []
        self.commands: list[str] = []
        self.screen = Screen()
        if self.faults.expects("screen-locked"):
            self.screen = Screen(is_on=False, locked=True, secured=True)
        self.settings = {
            ("global", "low_power"): "0",
            # Drawn when a phone is set up: by no seed, as no two have the same.
            ("secure", "android_id"): uuid.uuid4().hex[:16],
        }
        self.boot_id = self._new_boot_id()
        self._installed = not self.faults.expects("app-missing")
        if self._installed:
            self.install()
        self.jobs: set[asyncio.Task[None]] = set()
        self.disconnect: Callable[[], None] = lambda: None
        self.stall: Callable[[], None] = lambda: None

    # --- what it is --------------------------------------------------------------------------

    @property
    def serial(self) -> str:
        """The phone's own serial number, not what adb calls it."""
        return f"virtual-{self.profile.name}-{self.seed}"

    @property
    def model_name(self) -> str:
        return _ODD_NAME if self.faults.expects("odd-names") else self.profile.model

    @property
    def soc_name(self) -> str:
        return _ODD_NAME if self.faults.expects("odd-names") else self.profile.soc

    # --- the app -----------------------------------------------------------------------------

    def install(self) -> None:
        self._installed = True
        self.filesystem.add_folder(f"{APP_DATA}/files")
        self.filesystem.add_folder(f"{APP_DATA}/cache")

    def uninstall(self) -> None:
        self._installed = False
        self.filesystem.remove_tree(APP_DATA)

    def is_installed(self, package: str) -> bool:
        return package == PACKAGE and self._installed

    @property
    def app_protocol(self) -> int:
        """What the app speaks."""
        if self.faults.expects("app-old"):
            return 0
        return PLAIN_VERSION if self.faults.expects("app-older") else PROTOCOL_VERSION

    @property
    def is_debuggable(self) -> bool:
        """Whether the app's is a debug build, which run-as enters."""
        return self.faults.expects("app-debuggable")

    def app_version(self) -> str:
        """The app's versionName: its own version, its protocol, its runtimes."""
        executorch = "1.0.0" if self.faults.expects("app-old") else executorch_version()
        return (
            f"{deploy.__version__}+protocol.{self.app_protocol}.executorch.{executorch}"
            f".onnxruntime.{APP_ONNXRUNTIME}"
        )

    # --- what happens ------------------------------------------------------------------------

    def now(self) -> datetime:
        return self.clock.wall()

    def say(self, pid: int, level: str, tag: str, text: str) -> None:
        """Add lines to the log."""
        for line in text.splitlines():
            self.log.append(LogLine(at=self.now(), pid=pid, level=level, tag=tag, text=line))

    def record_exit(
        self, process: Process, reason: int, title: str, status: int, description: str = "null"
    ) -> None:
        record = AppExit(
            at=self.now(),
            pid=process.pid,
            process=process.name,
            reason=reason,
            title=title,
            status=status,
            description=description,
        )
        self.exits.insert(0, record)

    def disturb_run(self) -> bool:
        """What may strike in the middle of a block; True if the phone stalls from now on."""
        if self.faults.strike("drop-mid-run"):
            self.disconnect()
        if self.faults.strike("reboot-mid-run"):
            self.reboot()
        if self.faults.strike("stall"):
            self.stall()
            return True
        return False

    def end_block(self) -> None:
        if self.faults.strike("clock-jumps"):
            self.clock.jump(-3600)

    def reboot(self) -> None:
        """Files stay; processes, log, connections and the unlocked screen do not."""
        self.processes.kill_all()
        self.log.clear()
        self.clock.boot()
        self.boot_id = self._new_boot_id()
        self.screen.is_on = False
        self.screen.locked = True
        self.disconnect()

    def _new_boot_id(self) -> str:
        # By no seed: a kernel that starts draws what none has had before.
        return str(uuid.uuid4())


def executorch_version() -> str:
    """The version that the app is built with: the one this toolkit is pinned to."""
    try:
        return version("executorch")
    except PackageNotFoundError:
        return "unknown"
