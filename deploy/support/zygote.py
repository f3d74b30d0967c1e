"""The process that worker processes are forked from, so that toolkits are imported once: on Linux.

It does nothing but import, so that it has one thread and holds no lock when it forks. Asked over
its pipe by `deploy.support.worker_starts.Forked`:

    ("start", number, log)    and then the descriptor of the worker's own pipe: gives no answer
    ("end", number)           kill that worker: its exit code as subprocess has it

All its workers end with it, however it ends: when its pipe is closed, on SIGTERM, or killed.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from pathlib import Path
from typing import NoReturn

_PR_SET_PDEATHSIG = 1  # Of linux/prctl.h.

# Answers on a pipe for ever, with a folder for temporary files.
Serve = Callable[[Connection, str], None]


class Zygote:
    """Made before the imports, which a SIGTERM may interrupt."""

    def __init__(self) -> None:
        self._workers: dict[int, int] = {}  # Process ids by number, of those not waited for.
        self._codes: dict[int, int] = {}  # Exit codes of the others.
        signal.signal(signal.SIGTERM, lambda *_: self._end_all())

    def fork_workers(self, pipe: Connection, serve: Serve) -> None:
        # So that looking for garbage in a worker does not copy what is shared.
        gc.freeze()
        while True:
            try:
                asked, number, *more = pipe.recv()
            except (EOFError, OSError):
                self._end_all()
            if asked == "start":
                self._fork(number, recv_handle(pipe), str(more[0]), pipe, serve)
            else:
                code = self._end(number)
                with suppress(OSError):  # Nobody reads it: the next question tells.
                    pipe.send(code)

    def _fork(
        self, number: int, descriptor: int, log: str, control: Connection, serve: Serve
    ) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        own = os.getpid()
        with _uninterrupted():
            try:
                child = os.fork()
            except OSError as error:  # No memory, or too many processes: its first call tells.
                _note(log, f"no worker could be started: {error}")
                self._codes[number] = 1
                os.close(descriptor)
                return
            if child:
                self._workers[number] = child
                os.close(descriptor)
                return
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            _end_with(own)
            control.close()
            os.set_inheritable(descriptor, False)
            _print_to(log)
            serve(Connection(descriptor), str(Path(log).parent))
        except BaseException:  # As the last of a program of its own; never back into our loop.
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(1)

    def _end(self, number: int) -> int:
        with _uninterrupted():
            if number not in self._codes:
                child = self._workers.pop(number)
                os.kill(child, signal.SIGKILL)  # Of one that has died this changes nothing.
                self._codes[number] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return self._codes[number]

    def _end_all(self) -> NoReturn:
        for number in tuple(self._workers):
            self._end(number)
        os._exit(0)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """No worker is lost sight of between its start and its note."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with(parent: int) -> None:
    """Have the kernel kill this process with the `parent` that forked it."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # It died before that was said.
        os._exit(1)


def _note(log: str, line: str) -> None:
    with open(log, "a", encoding="utf-8") as stream:
        stream.write(line + "\n")


def _print_to(log: str) -> None:
    with open(log, "ab") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
