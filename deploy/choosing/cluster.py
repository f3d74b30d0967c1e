"""Jobs on the workers of a Dask cluster, by the interface of those side by side here.

    we ── a locked file in the sweep's folder ── the same folder on the worker's machine
     │                                              │ sees it? locked there too? same toolkits?
     └── scheduler ── worker ── a fresh process, as long as the file is there and locked

A sweep that ends, however it ends, lets go of its file: workers then kill what they are at. Of a
worker that is lost the scheduler gives the job to another one. What two of them may be at all the
same is kept apart by the lock of each variant's folder.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError as FutureCancelled
from concurrent.futures import Executor, Future, InvalidStateError, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from deploy.choosing.executor import OpenExecutor, in_fresh_process
from deploy.choosing.keys import versions_here
from deploy.support.cancel import CancelledError
from deploy.support.errors import RunError, UserError
from deploy.support.printable import printable
from deploy.support.telling import telling_line
from deploy.support.temporary import temporary_folder
from deploy.support.workers import Pool

if TYPE_CHECKING:
    from distributed import Client

_CONNECT_S = 5.0
_FIRST_WORKER_S = 10.0
# A worker that has never imported us takes some of it.
_ANSWER_S = 60.0
# A cluster may be replacing its workers: longer than any of them takes to come back.
_NO_WORKER_S = 120.0
_LOOK_FOR_WORKERS_S = 5.0
_CLOSE_S = 10.0

P = ParamSpec("P")
T = TypeVar("T")


def on_cluster(
    address: str,
    shared: Iterable[Path | None] = (),
    *,
    no_worker_s: float = _NO_WORKER_S,
    answer_s: float = _ANSWER_S,
) -> OpenExecutor:
    """An executor on the cluster whose scheduler is at `address`, such as "tcp://10.0.0.7:8786".

    `shared` are the photos and other files that jobs read. Each worker takes as many jobs at a time
    as it has threads. Opened, it raises UserError for a cluster that cannot be reached, has no
    worker, or one that cannot work for us: that does not see the sweep's folder and what is shared,
    has other versions of the toolkits, or gives no answer within `answer_s`. Jobs raise RunError
    once there has been no worker for `no_worker_s`, or where the scheduler is lost.
    """
    needed = tuple(path.absolute() for path in shared if path is not None)

    @contextmanager
    def opened(jobs: int, scratch: Path, *, modules: Iterable[str] = ()) -> Iterator[Pool]:
        with _connected(address) as client, _held(scratch, needed) as held:
            _check_workers(client, held, answer_s)
            with _Cluster(client, held, address, no_worker_s) as pool:
                yield pool

    return opened


@dataclass(frozen=True, kw_only=True)
class Held:
    """A file that is locked as long as the sweep lives, and what a worker has to have."""

    path: Path
    shared: tuple[Path, ...]
    versions: Mapping[str, str]

    def problem(self) -> str | None:
        """Why the process that this is called in cannot work for the sweep; None where it can."""
        folder = printable(str(self.path.parent.parent))
        if not self.path.exists():
            return f"does not see {folder}: mount the sweep's folder there under the same path"
        if not self.is_held():
            return f"sees {folder}, but no file locks: mount it with locks that machines share"
        if not os.access(self.path.parent, os.W_OK):
            return f"may not write {folder}: let its user"
        for path in self.shared:
            if not path.exists():
                return f"does not see {printable(str(path))}: mount it there under the same path"
        there = versions_here()
        for name, ours in self.versions.items():
            if there.get(name) != ours:
                return f"has {name} {there.get(name)}, not {ours} as here: install the same"
        return None

    def is_held(self) -> bool:
        """Whether the sweep lives."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            # Shared, so that two that look do not take each other for the sweep.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False


@contextmanager
def _held(scratch: Path, shared: tuple[Path, ...]) -> Iterator[Held]:
    # By a name of its own: what an earlier sweep left at work must not take it for that one's.
    path = scratch.absolute() / f"held-{secrets.token_hex(8)}"
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield Held(path=path, shared=shared, versions=versions_here())
    finally:
        os.close(descriptor)
        path.unlink(missing_ok=True)


def _call_held(held: Held, call: Callable[[], T]) -> T:
    """On a worker: what `call` gives in a fresh process, unless the sweep ends before.

    Raises RunError on a machine that cannot work for it, such as one that joined late.
    """
    problem = held.problem()
    if problem is not None:
        raise RunError(f"a Dask worker on {os.uname().nodename} {problem}")
    with temporary_folder() as own:
        return in_fresh_process(call, own, lambda: not held.is_held())


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    where = printable(address)
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        if error.name not in ("distributed", "dask"):
            raise
        raise UserError(
            "--dask needs dask.distributed: pip install 'mobile-deploy[dask]'"
        ) from error
    try:
        # In a thread of its own: a notebook's has a loop already.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, asyncio.wait_for(_reach(address), _CONNECT_S)).result()
    except Exception as error:  # Each scheme has its own, and a TLS that is not set up.
        raise UserError(
            f"no Dask scheduler answers at {where} ({telling_line(error)}): start one with "
            "`dask scheduler`, and give the address it prints"
        ) from error
    client = Client(address, timeout=_CONNECT_S, set_as_default=False, name="mobile-deploy")
    try:
        try:
            client.wait_for_workers(1, timeout=_FIRST_WORKER_S)
        except TimeoutError as error:
            raise UserError(
                f"the Dask cluster at {where} has no worker: start one with "
                f"`dask worker {where} --nthreads 1`"
            ) from error
        yield client
    finally:
        with suppress(Exception):  # Of a scheduler that is lost; there is nothing to be done.
            client.close(timeout=_CLOSE_S)


async def _reach(address: str) -> None:
    """Raise where no scheduler answers. A client that fails to does not go without a traceback."""
    from distributed.comm import connect
    from distributed.security import Security

    arguments = Security().get_connection_args("client")
    (await connect(address, timeout=_CONNECT_S, **arguments)).abort()


def _check_workers(client: Client, held: Held, answer_s: float) -> None:
    workers = list(client.scheduler_info(n_workers=-1)["workers"])
    asked = {worker: _ask(client, held, worker) for worker in workers}
    end = time.monotonic() + answer_s
    for worker, answered in asked.items():
        try:
            answer = answered.result(max(0.0, end - time.monotonic()))
        except TimeoutError as error:
            raise UserError(
                f"the Dask worker {printable(worker)} gives no answer within {answer_s:g} s: start "
                "it again, or take it off the cluster"
            ) from error
        if isinstance(answer, BaseException):
            raise UserError(
                f"the Dask worker {printable(worker)} cannot run mobile-deploy "
                f"({type(answer).__name__}: {telling_line(answer)}): install {_ours(held)} there"
            )
        if answer is not None:
            raise UserError(f"the Dask worker {printable(worker)} {answer}")


def _ask(client: Client, held: Held, worker: str) -> Future[str | BaseException | None]:
    """What keeps a worker from working for the sweep. In a thread that nobody waits for at the end:
    one that hangs would keep its asker for ever."""
    answered: Future[str | BaseException | None] = Future()

    def ask() -> None:
        try:
            found = client.run(held.problem, workers=[worker], on_error="return")
            # One that has just left the cluster is no matter.
            answered.set_result(found.get(worker))
        except Exception as error:  # Of the connection: the same to us as of the worker's own.
            answered.set_result(error)

    threading.Thread(target=ask, daemon=True).start()
    return answered


def _ours(held: Held) -> str:
    name, version = next(iter(held.versions.items()))
    return f"{name} {version}"


class _Cluster:
    """The pool. A thread watches whether there is any worker: the scheduler would wait for ever."""

    def __init__(self, client: Client, held: Held, address: str, no_worker_s: float) -> None:
        self._client, self._held, self._no_worker_s = client, held, no_worker_s
        self._where = printable(address)
        # Each call is its own: equal ones are not to be taken for one another.
        self._executor: Executor = client.get_executor(pure=False)
        self._waiting: set[Future[object]] = set()
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._look_for_workers, daemon=True)

    def __enter__(self) -> Pool:
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._watch.join(_CLOSE_S)
        with suppress(Exception):  # As of `close`.
            self._executor.shutdown(wait=False)

    def submit(
        self, function: Callable[P, T], /, *arguments: P.args, **named: P.kwargs
    ) -> Future[T]:
        ours: Future[T] = Future()
        call = partial(function, *arguments, **named)
        theirs: Future[T] = self._executor.submit(_call_held, self._held, call)
        self._waiting.add(ours)  # type: ignore[arg-type]
        theirs.add_done_callback(partial(self._pass_on, ours))
        return ours

    def _pass_on(self, ours: Future[T], theirs: Future[T]) -> None:
        self._waiting.discard(ours)
        with suppress(InvalidStateError):  # Given up already.
            try:
                ours.set_result(theirs.result())
            except FutureCancelled:
                ours.set_exception(
                    RunError(
                        f"the Dask scheduler at {self._where} was lost: start it again, and run "
                        "the same command: what was built is kept"
                    )
                )
            except Exception as error:  # The caller's to judge, as from a process.
                ours.set_exception(self._told(error))

    def _told(self, error: Exception) -> Exception:
        from distributed.scheduler import KilledWorker

        if isinstance(error, KilledWorker):
            return RunError(
                f"{error.allowed_failures + 1} Dask workers died at it, most likely for want of "
                "memory: give them more, or fewer threads"
            )
        if isinstance(error, CancelledError):
            return RunError("a Dask worker lost sight of the sweep's folder: mount it again")
        return error

    def _look_for_workers(self) -> None:
        seen = time.monotonic()
        while not self._ended.wait(min(_LOOK_FOR_WORKERS_S, self._no_worker_s)):
            # Of a scheduler that is lost each future tells by itself.
            with suppress(Exception):
                if self._client.scheduler_info(n_workers=1)["workers"]:
                    seen = time.monotonic()
            if time.monotonic() - seen > self._no_worker_s:
                for future in list(self._waiting):
                    with suppress(InvalidStateError):
                        future.set_exception(
                            RunError(
                                f"the Dask cluster at {self._where} has had no worker for "
                                f"{self._no_worker_s:g} s: start some, and run the same command: "
                                "what was built is kept"
                            )
                        )
