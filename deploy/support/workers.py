"""Processes that lower and prove artifacts, so that independent work uses both cores.

Processes, since the passes of the exporters are Python and would wait for each other in threads.
None of them sees the program it is started from: a script without the `__main__` guard, a notebook
and `python -` can build as well as our own command (docs/decisions/two-worker-processes.md).
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import ParamSpec, Protocol, TypeVar

from deploy.support.errors import RunError
from deploy.support.worker_starts import Starts, worker_starts

P = ParamSpec("P")
T = TypeVar("T")


class Pool(Protocol):
    """What `worker_processes` gives: as much of an executor as is needed."""

    def submit(
        self, function: Callable[P, T], /, *arguments: P.args, **named: P.kwargs
    ) -> Future[T]:
        """Call a module's function in the next process that is free."""


class OpenPool(Protocol):
    """How a pool is opened: see `worker_processes`."""

    def __call__(
        self, count: int, log: Path, *, modules: Iterable[str] = ()
    ) -> AbstractContextManager[Pool]: ...


@contextmanager
def in_process(count: int, log: Path, *, modules: Iterable[str] = ()) -> Iterator[Pool]:
    """A pool without processes, for many small builds in one: each call is made at once, here."""
    yield _Here()


class _Here:
    def submit(
        self, function: Callable[P, T], /, *arguments: P.args, **named: P.kwargs
    ) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(function(*arguments, **named))
        except Exception as error:  # The caller's to judge, as from a process.
            future.set_exception(error)
        return future


@contextmanager
def worker_processes(
    count: int, log: Path, *, modules: Iterable[str] = (), source: Starts | None = None
) -> Iterator[Pool]:
    """A pool whose processes end with us, however we end; what they print goes to `log`.

    They import `modules` at once, while we are at other work, or come of a `source` that has.

    An exception takes the log along as a note, which tracebacks show. Raises RunError where a
    process died.
    """
    with ExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(count))
        own = None
        if source is None:
            source = own = stack.enter_context(worker_source(log, modules))
        workers: list[_Worker] = []

        def kill() -> None:
            if own:
                own.end()
            for worker in workers:
                worker.kill()

        stack.callback(kill)
        try:
            for _ in range(count):
                workers.append(_Worker(source, log))
                stack.callback(workers[-1].close)
            yield _Pool(threads, workers)
            threads.shutdown()
        except BaseException as error:  # A lowering takes long and cannot be asked to stop.
            kill()
            threads.shutdown(cancel_futures=True)
            if said := _printed(log):
                error.add_note(f"What the worker processes printed:\n{said}")
            raise


@contextmanager
def worker_source(log: Path, modules: Iterable[str]) -> Iterator[Starts]:
    """Where workers come from that have imported `modules`: all of them end with it.

    What the imports print goes to `log`.
    """
    source = worker_starts(log, modules)
    try:
        yield source
    finally:
        source.end()


class _Pool:
    def __init__(self, threads: ThreadPoolExecutor, workers: Iterable[_Worker]) -> None:
        self._threads = threads
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        for worker in workers:
            self._idle.put(worker)

    def submit(
        self, function: Callable[P, T], /, *arguments: P.args, **named: P.kwargs
    ) -> Future[T]:
        return self._threads.submit(self._call, function, *arguments, **named)

    def _call(self, function: Callable[P, T], /, *arguments: P.args, **named: P.kwargs) -> T:
        worker = self._idle.get()  # There is one: threads are as many.
        try:
            return worker.call(function, *arguments, **named)
        finally:
            self._idle.put(worker)


class _Worker:
    """One process, asked and answered over a pipe that nothing else knows."""

    def __init__(self, source: Starts, log: Path) -> None:
        self._started = source.start(log)

    def call(self, function: Callable[P, T], /, *arguments: P.args, **named: P.kwargs) -> T:
        """Its value or its exception. Raises RunError where the process ends before it answers."""
        pipe = self._started.pipe
        try:
            pipe.send((function, arguments, named))
            answer: tuple[T, BaseException | None] = pipe.recv()
        except (EOFError, OSError):
            raise _death(self._started.end()) from None
        value, error = answer
        if error is not None:
            raise error
        return value

    def kill(self) -> None:
        """The end of its pipe would not do: a process that the caller forked may hold it open."""
        self._started.end()

    def close(self) -> None:
        self._started.pipe.close()


def _death(code: int) -> RunError:
    if code == -signal.SIGKILL:
        return RunError(
            "a worker process was killed (died of SIGKILL), most likely for want of memory: close "
            "other programs, or do less at once with --formats, --artifact or --jobs"
        )
    how = f"of {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    return RunError(
        f"a worker process died {how}: see what it printed with --debug, or leave out the format "
        "that it was at, with --formats or --artifact"
    )


def _printed(log: Path) -> str:
    try:
        return log.read_text("utf-8", "replace")
    except OSError:
        return ""
