"""Jobs side by side: each in a process of its own, which ends with us."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import ParamSpec, Protocol, Self, TypeVar

from deploy.support.cancel import CancelledError
from deploy.support.cores import processes_here
from deploy.support.worker_starts import Starts, worker_starts
from deploy.support.workers import Pool, worker_processes

# What a build of one of our networks at 224 pixels takes at its peak, with room to spare.
_JOB_BYTES = 2 * 2**30
_LOOK_S = 0.2

P = ParamSpec("P")
T = TypeVar("T")


class OpenExecutor(Protocol):
    """How jobs are run side by side; `scratch` is a folder for what they leave behind. `modules`
    are those that every job imports."""

    def __call__(
        self, jobs: int, scratch: Path, *, modules: Iterable[str] = ()
    ) -> AbstractContextManager[Pool]: ...


def default_jobs() -> int:
    """As many as there are cores for us, as far as there is memory."""
    return processes_here(_JOB_BYTES)


@contextmanager
def own_processes(jobs: int, scratch: Path, *, modules: Iterable[str] = ()) -> Iterator[Pool]:
    """A pool in which each call has a fresh process: one that dies takes no other along, and what
    a build leaves in memory goes with it.

    An exception, Ctrl-C included, kills what is at work.
    """
    with (
        ThreadPoolExecutor(jobs) as threads,
        tempfile.TemporaryDirectory(dir=scratch) as place,
        _FreshProcesses(threads, Path(place), modules) as pool,
    ):
        try:
            yield pool
        except BaseException:  # Ctrl-C too: nothing is left at work.
            pool.cancel()
            threads.shutdown(cancel_futures=True)
            raise
        threads.shutdown()


class _FreshProcesses:
    def __init__(self, threads: ThreadPoolExecutor, place: Path, modules: Iterable[str]) -> None:
        self._threads, self._place, self._modules = threads, place, modules
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._source: Starts | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def cancel(self) -> None:
        self._cancelled.set()
        self._end()

    def _end(self) -> None:
        with self._lock:
            if self._source:
                self._source.end()

    def submit(
        self, function: Callable[P, T], /, *arguments: P.args, **named: P.kwargs
    ) -> Future[T]:
        return self._threads.submit(self._call, function, *arguments, **named)

    def _call(self, function: Callable[P, T], /, *arguments: P.args, **named: P.kwargs) -> T:
        with tempfile.TemporaryDirectory(dir=self._place) as own:
            return in_fresh_process(
                partial(function, *arguments, **named),
                Path(own),
                self._cancelled.is_set,
                self._from(),
            )

    def _from(self) -> Starts:
        """Started with the first job: where all has been built already there is none."""
        with self._lock:
            if self._cancelled.is_set():
                raise CancelledError
            if self._source is None or not self._source.lives():
                self._source = worker_starts(
                    self._place / "imports.log", self._modules, required=False
                )
            return self._source


def in_fresh_process(
    call: Callable[[], T], own: Path, cancelled: Callable[[], bool], source: Starts | None = None
) -> T:
    """What `call` gives in a process of its own, whose temporary files go to the folder `own`. It
    comes of `source` where there is one.

    Raises CancelledError, the process killed, soon after `cancelled` says so, and RunError where
    the process dies.
    """
    with worker_processes(1, own / "worker.log", source=source) as pool:
        future = pool.submit(call)
        while wait([future], timeout=_LOOK_S).not_done:
            if cancelled():
                raise CancelledError
        return future.result()
