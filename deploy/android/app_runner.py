"""Blocks in the benchmark activity of the Android app: ExecuTorch and ONNX."""

from __future__ import annotations

import contextlib
import math
import re
import time
from functools import cached_property
from pathlib import Path

from deploy.android.app_folders import (
    PACKAGE,
    AppFolder,
    ProvidedFolder,
    app_folder,
    check_provider,
    installed,
)
from deploy.android.looks import pause
from deploy.android.parsers.am import parse_started
from deploy.android.parsers.deaths import DeathKind, parse_deaths
from deploy.android.parsers.packages import AppVersion, parse_app_version
from deploy.android.parsers.power import parse_keyguard
from deploy.android.parsers.processes import ExitInfo, parse_exit_info, parse_pidof
from deploy.android.phone import Phone
from deploy.backends import RunnerName, loads_pte
from deploy.benchmark.runner import Ran
from deploy.protocol.answers import parse_answer
from deploy.protocol.faults import HarnessKind, fault
from deploy.protocol.messages import PLAIN_VERSION, PROTOCOL_VERSION, Request
from deploy.support.errors import PhoneError
from deploy.support.temporary import temporary_folder

ACTIVITY = f"{PACKAGE}/.BenchmarkActivity"
RUNS_ON = {"arm64-v8a", "x86_64"}
_START_S = 60.0
# Blocks whose numbers of inferences differ by no more than this factor take about as long.
_ALIKE = 1.25

_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.000")
_KINDS_OF_DEATHS: dict[DeathKind, HarnessKind] = {
    "java-crash": "app-crashed",
    "native-crash": "app-crashed",
    "not-responding": "hung",
    "low-memory": "killed-for-memory",
    "died": "killed",
}

# android.app.ApplicationExitInfo's reasons.
_SIGNALED, _LOW_MEMORY, _CRASH, _NATIVE_CRASH, _ANR = 2, 3, 4, 5, 6


class AppRunner:
    """The app on one phone."""

    name: RunnerName = "app"

    def __init__(self, phone: Phone, abis: tuple[str, ...], executorch: str | None = None) -> None:
        """`abis` are those that the phone runs; `executorch` is the version that the .pte
        artifacts need."""
        self._phone, self._abis, self._executorch = phone, abis, executorch
        self._speaks = PLAIN_VERSION
        self._began = ""
        # How long blocks took, by all of a request that makes them take so long.
        self._took_s: dict[tuple[object, ...], float] = {}

    def start(self) -> None:
        if not RUNS_ON & set(self._abis):
            raise fault("wrong-abi", f"{self._phone.serial} runs {', '.join(self._abis)}")
        self._speaks = check_app(self._phone, self._executorch).protocol
        self._phone.shell(f"am force-stop {PACKAGE}")
        self._folder.make()

    @cached_property
    def _folder(self) -> AppFolder | ProvidedFolder:
        # Looked up when it is needed: whoever only cleans up never starts.
        return app_folder(self._phone)

    def put(self, name: str, file: Path) -> None:
        self._folder.put(name, file)

    def run(self, request: Request, mask: str | None, timeout: float) -> Ran:
        assert mask is None, "the shell cannot pin another user's process"
        if self._speaks < request.schema_version:
            request = request.without_preparation()
        answer_name = f"{request.id}.answer.json"
        with temporary_folder() as local:
            file = Path(local, "request.json")
            file.write_text(request.to_json(), encoding="utf-8")
            self._folder.lay(f"{request.id}.request.json", file)
        self._launch(request)
        data: bytes | None = None
        try:
            data = self._wait_for(answer_name, request, timeout)
            answer = parse_answer(data, request, self._phone.serial)
            return Ran(answer=answer, debuggable=self._folder.debuggable)
        finally:
            # Behind a provider the process is gone by then, and what it leaves is swept with the
            # folder: removing it here would keep the phone at work, and the session waiting.
            if data is None or isinstance(self._folder, AppFolder):
                self._tidy(request)

    def stop(self) -> None:
        self._phone.shell(f"am force-stop {PACKAGE}")
        self._folder.remove()
        if isinstance(self._folder, ProvidedFolder):
            # What removed the files ran in the app's name.
            self._phone.shell(f"am force-stop {PACKAGE}")

    def _launch(self, request: Request) -> None:
        # -S ends what may still run: extras that reach a running activity start nothing new.
        command = f"am start -W -S -n {ACTIVITY} --es id {request.id}"
        prepare = "date '+%Y-%m-%d %H:%M:%S.000'; input keyevent KEYCODE_WAKEUP"
        done = self._phone.shell(f"{prepare}; {command}", timeout=_START_S)
        began = _TIME.search(done.out)
        self._began = began[0] if began else ""
        started = parse_started(done.out + done.err)
        if started.status == "error":
            raise fault(
                "app-missing", f"cannot start the app on {self._phone.serial} ({started.error})"
            )

    def _wait_for(self, name: str, request: Request, timeout: float) -> bytes:
        """The answer, once it is there. Raises PhoneError where the process goes without one or
        `timeout` seconds are over."""
        folder = self._folder
        look = {"process": f"pidof {PACKAGE}"}
        if isinstance(folder, AppFolder):
            # In this order: the app may answer and end between the two.
            look["answer"] = folder.look(name)
        kind = (
            request.artifact.sha256,
            request.threads,
            request.warmup,
            # Blocks of a stretch differ by a little.
            round(math.log(request.iterations, _ALIKE)),
            len(request.golden),
        )
        began = time.monotonic()
        pid: int | None = None
        while True:
            seen = self._phone.shell_each(look)
            elapsed = time.monotonic() - began
            running = parse_pidof(seen["process"])
            is_late = elapsed > timeout
            data: bytes | None = None
            if isinstance(folder, AppFolder):
                data = folder.get(name) if "there" in seen["answer"] else None
            elif not running or is_late:
                # A provider is asked once, when the process is gone, which it is as soon as it has
                # answered; it lives in another process, which pidof does not take for this one.
                if running:
                    self._phone.shell(f"am force-stop {PACKAGE}")
                data = folder.find(name)
            if data is not None:
                self._took_s[kind] = elapsed
                return data
            if not running:
                raise self._death(pid)
            pid = running[0]
            if is_late:
                what = f"the app on {self._phone.serial} gave no answer in {timeout:g} s"
                locked = parse_keyguard(self._phone.shell("dumpsys window policy").out).locked
                raise fault("locked" if locked else "hung", what)
            self._phone.adb.rest(min(pause(elapsed, self._took_s.get(kind)), timeout - elapsed))

    def _death(self, pid: int | None) -> PhoneError:
        """Why the process is gone: by the system's record of it, or before Android 11 by logcat.

        `pid` is None where it went before it was seen: then only what is later than its start
        counts, by the phone's own clock.
        """
        said = self._phone.shell_each(
            {
                "exit": f"dumpsys activity exit-info {PACKAGE}",
                "log": f"logcat -d -v threadtime -b main,system,crash -T '{self._began[5:]}'",
            }
        )
        for record in parse_exit_info(said["exit"]):
            # The provider's process is ended, too, when the app is started anew.
            if record.process not in (None, PACKAGE):
                continue
            later = (record.timestamp or "") >= self._began
            if record.pid == pid or (pid is None and later):
                return _why(record, self._phone.serial)
        deaths = [
            death for death in parse_deaths(said["log"], PACKAGE) if pid is None or death.pid == pid
        ]
        where = f"the app on {self._phone.serial}"
        if not deaths:
            return fault("app-crashed", f"{where} ended without an answer")
        kind = _KINDS_OF_DEATHS[deaths[-1].kind]
        return fault(kind, f"{where} ended ({deaths[-1].text})")

    def _tidy(self, request: Request) -> None:
        commands = [f"am force-stop {PACKAGE}"]
        if isinstance(self._folder, AppFolder):
            files = (f"{request.id}.{kind}.json" for kind in ("request", "answer"))
            commands.append(self._folder.forget(*files))
        # What went wrong before says more; `stop` and the next run sweep the folder.
        with contextlib.suppress(PhoneError):
            self._phone.shell("; ".join(commands))


def has_app(phone: Phone) -> bool:
    """Whether it is installed there, of whatever version."""
    return installed(phone) is not None


def app_version(phone: Phone) -> AppVersion | None:
    """What the name of its version says; None where there is no app, or another's."""
    package = installed(phone)
    return parse_app_version(package.version_name or "") if package else None


def check_app(phone: Phone, executorch: str | None) -> AppVersion:
    """The app that is installed there.

    Raises PhoneError: app-missing; app-not-debuggable, locked or android-old where it gives its
    files in no way, or takes none; app-old where its protocol or, for .pte artifacts, its
    ExecuTorch is none that is known to load them.
    """
    package = installed(phone)
    if package is None:
        raise fault("app-missing", f"{PACKAGE} is not installed on {phone.serial}")
    version = parse_app_version(package.version_name or "")
    if version is None or not PLAIN_VERSION <= version.protocol <= PROTOCOL_VERSION:
        what = package.version_name or "of unknown version"
        raise fault(
            "app-old",
            f"the app on {phone.serial} ({what}) does not speak protocol {PROTOCOL_VERSION}",
        )
    if executorch is not None and not loads_pte(version.executorch, executorch):
        raise fault(
            "app-old",
            f"the app on {phone.serial} has ExecuTorch {version.executorch}, the bundle needs "
            f"{executorch}",
        )
    if package.debuggable is False:
        check_provider(phone)
    return version


def _why(record: ExitInfo, serial: str) -> PhoneError:
    detail = f"{record.reason_name}, status {record.status}"
    if record.description:
        detail += f", {record.description}"
    match record.reason:
        case reason if reason == _LOW_MEMORY or (reason == _SIGNALED and record.status == 9):
            return fault("killed-for-memory", f"{serial} killed the app for memory ({detail})")
        case reason if reason in (_CRASH, _NATIVE_CRASH, _SIGNALED):
            return fault("app-crashed", f"the app on {serial} crashed ({detail})")
        case reason if reason == _ANR:
            return fault("hung", f"the app on {serial} did not respond ({detail})")
        case _:
            return fault("killed", f"{serial} ended the app ({detail})")
