"""Jobs side by side: each in a process of its own, which ends with us."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

from deploy.support.cancel import CancelledError
from deploy.support.cores import processes_here
from deploy.support.workers import Pool, worker_processes

# What a build of one of our networks at 224 pixels takes at its peak, with room to spare.
_JOB_BYTES = 2 * 2**30
_LOOK_S = 0.2

P = ParamSpec("P")
T = TypeVar("T")


class OpenExecutor(Protocol):
    """How jobs are run side by side; `scratch` is a folder for what they leave behind."""

    def __call__(self, jobs: int, scratch: Path) -> AbstractContextManager[Pool]: ...


def default_jobs() -> int:
    """As many as there are cores for us, as far as there is memory."""
    return processes_here(_JOB_BYTES)


@contextmanager
def own_processes(jobs: int, scratch: Path) -> Iterator[Pool]:
    """A pool in which each call has a fresh process: one that dies takes no other along, and what
    a build leaves in memory goes with it.

    An exception, Ctrl-C included, kills what is at work.
    """
    cancelled = threading.Event()
    with ThreadPoolExecutor(jobs) as threads:
        try:
            yield _FreshProcesses(threads, scratch, cancelled)
        except BaseException:  # Ctrl-C too: nothing is left at work.
            cancelled.set()
            threads.shutdown(cancel_futures=True)
            raise


class _FreshProcesses:
    def __init__(
        self, threads: ThreadPoolExecutor, scratch: Path, cancelled: threading.Event
    ) -> None:
        self._threads, self._scratch, self._cancelled = threads, scratch, cancelled

    def submit(
        self, function: Callable[P, T], /, *arguments: P.args, **named: P.kwargs
    ) -> Future[T]:
        return self._threads.submit(self._call, function, *arguments, **named)

    def _call(self, function: Callable[P, T], /, *arguments: P.args, **named: P.kwargs) -> T:
        with tempfile.TemporaryDirectory(dir=self._scratch) as own:
            return in_fresh_process(
                partial(function, *arguments, **named), Path(own), self._cancelled.is_set
            )


def in_fresh_process(call: Callable[[], T], own: Path, cancelled: Callable[[], bool]) -> T:
    """What `call` gives in a process of its own, whose temporary files go to the folder `own`.

    Raises CancelledError, the process killed, soon after `cancelled` says so, and RunError where
    the process dies.
    """
    with worker_processes(1, own / "worker.log") as pool:
        future = pool.submit(call)
        while wait([future], timeout=_LOOK_S).not_done:
            if cancelled():
                raise CancelledError
        return future.result()
