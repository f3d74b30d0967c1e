"""Two processes that lower and prove artifacts, so that independent work uses both cores.

Processes, since the passes of the exporters are Python and would wait for each other in threads.
"""

from __future__ import annotations

import gc
import importlib
import multiprocessing
import os
import signal
import tempfile
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait
from pathlib import Path

from deploy.errors import RunError


@contextmanager
def worker_processes(
    count: int, log: Path, *, modules: Iterable[str] = ()
) -> Iterator[ProcessPoolExecutor]:
    """A pool whose processes end with us, however we end; what they print goes to `log`.

    They import `modules` at once, while we are at other work.

    An exception takes the log along as a note, which tracebacks show. Raises RunError where a
    process died.
    """
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, context, initializer=_start, initargs=(str(log), (*modules,)))
    try:
        for _ in range(count):
            pool.submit(os.getpid)  # Start now.
        yield pool
        pool.shutdown()
    except BaseException as error:
        # A lowering takes many seconds and cannot be asked to stop.
        for process in multiprocessing.active_children():
            process.kill()
        pool.shutdown(cancel_futures=True)
        if log.exists():
            error.add_note(f"What the worker processes printed:\n{log.read_text(errors='replace')}")
        # With a cause, a process lives but sent what cannot be read: our bug.
        if isinstance(error, BrokenProcessPool) and error.__cause__ is None:
            raise RunError(
                "a process that exports died, most likely for want of memory: "
                "close other programs, or build fewer artifacts at once with --formats"
            ) from error
        raise


def _start(log: str, modules: Iterable[str]) -> None:
    # Ctrl-C reaches the whole group: the parent alone decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(file, 1)
    os.dup2(file, 2)
    # coremltools leaves packages among the temporary files of a process that is killed.
    tempfile.tempdir = str(Path(log).parent)
    import torch

    # The processes are the parallelism; their threads would only wait for each other.
    torch.set_num_threads(1)
    # Graph passes make millions of small objects and hardly a cycle: looking for garbage would
    # take a tenth of their time, and these processes are short-lived.
    gc.disable()
    threading.Thread(target=_die_with_parent, daemon=True).start()
    for module in modules:
        importlib.import_module(module)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
