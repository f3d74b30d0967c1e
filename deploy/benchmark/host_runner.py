"""Blocks on this computer: a real figure for those without a phone."""

from __future__ import annotations

import platform
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import deploy
from deploy.backends import RunnerName
from deploy.benchmark.parsers.process import parse_status
from deploy.benchmark.runner import Ran
from deploy.native_runner.build import build, command
from deploy.native_runner.targets import TargetName
from deploy.protocol.answers import parse_answer
from deploy.protocol.faults import HarnessKind, fault
from deploy.protocol.messages import Request
from deploy.results.cores import cores_of
from deploy.support.cancel import CancelledError
from deploy.support.children import child_environment
from deploy.support.errors import UserError
from deploy.support.printable import last_line
from deploy.support.temporary import temporary_folder

WHERE = "this computer"
# The native runner is Linux's.
HOST_TARGET: TargetName = (
    "linux-arm64" if platform.machine() in ("aarch64", "arm64") else "linux-x86_64"
)
ETDUMP = "block.etdump"
_LOOK_S = 0.1


class HostRunner:
    """A fresh process of this Python for each block, in its own runtimes."""

    name: RunnerName = "host"
    _died: HarnessKind = "app-crashed"

    def __init__(self, cancelled: threading.Event) -> None:
        self._cancelled = cancelled
        self._folder: Path | None = None
        self._open = ExitStack()

    def start(self) -> None:
        self.stop()
        self._folder = self._open.enter_context(temporary_folder())

    def put(self, name: str, file: Path) -> None:
        link = self._path / name
        if not link.exists():
            link.symlink_to(file.resolve())

    def run(self, request: Request, mask: str | None, timeout: float) -> Ran:
        asked = self._path / f"{request.id}.request.json"
        answered = self._path / f"{request.id}.answer.json"
        log = self._path / f"{request.id}.log"
        asked.write_text(request.to_json(), encoding="utf-8")
        command, folder = self._command(asked, answered, mask)
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=child_environment(),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
            try:
                self._wait(process, timeout)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
        if not answered.exists():
            said = last_line(log.read_text("utf-8", "replace")) or "no word"
            raise fault(self._died, f"the runner on {WHERE} ended without an answer ({said})")
        answer = parse_answer(answered.read_bytes(), request, WHERE)
        seen = parse_status(log.read_text("utf-8", "replace"))
        return Ran(
            answer=answer,
            threads_seen=seen.threads if seen else None,
            cores_seen=seen.cores_allowed if seen else None,
        )

    def stop(self) -> None:
        self._open.close()
        self._folder = None

    def _command(
        self, asked: Path, answered: Path, mask: str | None
    ) -> tuple[Sequence[str | Path], Path]:
        """What runs the block, and where."""
        assert mask is None, "planned for the native runner alone"
        command = (sys.executable, "-m", "deploy.benchmark.host_child", asked, answered)
        # Python looks there first: not into the user's folder, which may hold any name.
        return command, Path(deploy.__file__).parents[1]

    @property
    def _path(self) -> Path:
        assert self._folder is not None, "start comes first"
        return self._folder

    def _wait(self, process: subprocess.Popen[bytes], timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while True:
            try:
                process.wait(_LOOK_S)
                return
            except subprocess.TimeoutExpired:
                if self._cancelled.is_set():
                    raise CancelledError from None
                if time.monotonic() > deadline:
                    what = f"the runner on {WHERE} gave no answer in {timeout:g} s"
                    raise fault("hung", what) from None


class NativeHostRunner(HostRunner):
    """The native runner, compiled for this computer."""

    name: RunnerName = "native"
    _died: HarnessKind = "runner-failed"
    _traced = False

    def __init__(self, cancelled: threading.Event) -> None:
        """Raises what `build` does, and UserError where this is no Linux."""
        super().__init__(cancelled)
        if sys.platform != "linux":
            raise UserError("the native runner is for Linux and phones: leave --runner native out")
        self._runner = build(HOST_TARGET)

    def trace(self, request: Request, timeout: float) -> bytes:
        """The ETDump of a block, whose times are not to be used otherwise.

        Raises PhoneError, also for a block that the runner refuses.
        """
        self._traced = True
        try:
            error = self.run(request, None, timeout).answer.error
        finally:
            self._traced = False
        if error is not None:
            raise fault(error.kind, f"the runner says {error.text}")
        return (self._path / ETDUMP).read_bytes()

    def _command(
        self, asked: Path, answered: Path, mask: str | None
    ) -> tuple[Sequence[str | Path], Path]:
        pinned = ("--cores", ",".join(map(str, cores_of(mask)))) if mask else ()
        traced = ("--etdump", ETDUMP) if self._traced else ()
        words = command(HOST_TARGET, self._runner)
        return (*words, *pinned, *traced, asked.name), asked.parent
