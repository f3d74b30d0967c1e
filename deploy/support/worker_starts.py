"""How worker processes begin and end: see docs/decisions/two-worker-processes.md."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.reduction import send_handle
from pathlib import Path
from typing import Protocol

from deploy.support.children import child_environment

_CHILD = Path(__file__).with_name("worker.py")
_PATIENCE_S = 10.0


@dataclass(frozen=True, kw_only=True)
class WorkerProcess:
    """A worker. `end` kills it if it lives, and gives its exit code as subprocess has it."""

    pipe: Connection
    end: Callable[[], int]


class Starts(Protocol):
    """Where workers come from. They import the modules that it was made with at once."""

    def start(self, log: Path) -> WorkerProcess:
        """One that prints to `log` and has its temporary files beside it. Does not wait for it; of
        one that dies its first call tells."""

    def lives(self) -> bool:
        """Whether another can be started."""

    def end(self) -> None:
        """Kill all of them, and wait until they are gone."""


def worker_starts(log: Path, modules: Iterable[str], *, required: bool = True) -> Starts:
    """Forked where that is safe: macOS's own libraries do not survive it.

    Where `modules` are `required` and one cannot be imported, that is the answer to whatever a
    worker is asked; else it is left to those that use it.
    """
    if sys.platform == "linux":
        return Forked(log, modules, required=required)
    return Separate(log, modules, required=required)


class Separate:
    """Each worker imports for itself."""

    def __init__(self, log: Path, modules: Iterable[str], *, required: bool = True) -> None:
        self._modules, self._required = tuple(modules), required
        self._all: list[subprocess.Popen[bytes]] = []

    def start(self, log: Path) -> WorkerProcess:
        process, pipe = _python(log, self._modules, self._required)
        self._all.append(process)
        return WorkerProcess(pipe=pipe, end=partial(_kill, process))

    def lives(self) -> bool:
        return True

    def end(self) -> None:
        for process in self._all:
            process.kill()
        for process in self._all:
            process.wait()


class Forked:
    """One process imports, and is forked for each worker (`deploy.support.zygote`)."""

    def __init__(self, log: Path, modules: Iterable[str], *, required: bool = True) -> None:
        self._process, self._pipe = _python(log, tuple(modules), required, "--fork")
        self._lock = threading.Lock()  # Of the pipe: workers are started and ended in threads.
        self._count = 0

    def start(self, log: Path) -> WorkerProcess:
        pipe, theirs = Pipe()
        with theirs, self._lock:
            self._count += 1
            try:
                self._pipe.send(("start", self._count, str(log)))
                send_handle(self._pipe, theirs.fileno(), self._process.pid)
            except OSError:  # Dead, or asked by half. The worker's first call tells.
                _kill(self._process)
            return WorkerProcess(pipe=pipe, end=partial(self._end, self._count))

    def _end(self, number: int) -> int:
        with self._lock:
            try:
                self._pipe.send(("end", number))
                code: int = self._pipe.recv()
            except (EOFError, OSError):
                return _kill(self._process)
            return code

    def lives(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            _kill(self._process)
        with self._lock:
            self._pipe.close()


def _python(
    log: Path, modules: tuple[str, ...], required: bool, *options: str
) -> tuple[subprocess.Popen[bytes], Connection]:
    """A Python of its own that runs worker.py, and our end of its pipe."""
    pipe, theirs = Pipe()
    with theirs, log.open("ab") as printed:
        process = subprocess.Popen(
            [sys.executable, "-P", str(_CHILD), str(theirs.fileno()), *options],
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=printed,
            pass_fds=[theirs.fileno()],
            # numpy's threads, too, would only wait for each other, and one thread forks.
            env=child_environment() | {"OPENBLAS_NUM_THREADS": "1"},
        )
    with suppress(OSError):  # Of one that has died already its first call tells.
        pipe.send((sys.path, os.fspath(log.parent), modules, required))
    return process, pipe


def _kill(process: subprocess.Popen[bytes]) -> int:
    process.kill()
    return process.wait()
