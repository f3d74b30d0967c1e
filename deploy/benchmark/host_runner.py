"""Blocks on this computer, in its own runtimes: a real figure for those without a phone."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import deploy
from deploy.benchmark.runner import Ran
from deploy.protocol.answers import parse_answer
from deploy.protocol.faults import fault
from deploy.protocol.messages import Request
from deploy.support.cancel import CancelledError
from deploy.support.children import child_environment
from deploy.support.printable import last_line

WHERE = "this computer"
_LOOK_S = 0.1


class HostRunner:
    """A fresh process of this Python for each block."""

    def __init__(self, cancelled: threading.Event) -> None:
        self._cancelled = cancelled
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def start(self) -> None:
        self.stop()
        self._folder = tempfile.TemporaryDirectory(prefix="mobile-deploy-")

    def put(self, name: str, file: Path) -> None:
        link = self._path / name
        if not link.exists():
            link.symlink_to(file.resolve())

    def run(self, request: Request, mask: str | None, timeout: float) -> Ran:
        assert mask is None, "cores are chosen on phones alone"
        asked = self._path / f"{request.id}.request.json"
        answered = self._path / f"{request.id}.answer.json"
        log = self._path / f"{request.id}.log"
        asked.write_text(request.to_json(), encoding="utf-8")
        command = [sys.executable, "-m", "deploy.benchmark.host_child", str(asked)]
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [*command, str(answered)],
                # Python looks there first: not into the user's folder, which may hold any name.
                cwd=Path(deploy.__file__).parents[1],
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
            raise fault("app-crashed", f"the runner on {WHERE} ended without an answer ({said})")
        return Ran(answer=parse_answer(answered.read_bytes(), request, WHERE))

    def stop(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    @property
    def _path(self) -> Path:
        assert self._folder is not None, "start comes first"
        return Path(self._folder.name)

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
