"""A worker's own side, started by `deploy.support.worker_starts`: python -P worker.py DESCRIPTOR.

Calls what it is sent and answers, until the pipe is closed: so it ends with its parent. With
`--fork` it is the process that workers are forked from (`deploy.support.zygote`).
"""

from __future__ import annotations

import gc
import importlib
import os
import pickle
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection
from queue import SimpleQueue


def main(descriptor: int, forks: bool) -> None:
    # Ctrl-C reaches the whole group: the parent alone decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.set_inheritable(descriptor, False)
    pipe = Connection(descriptor)
    path, scratch, modules, required = pipe.recv()
    sys.path[:] = path
    # coremltools leaves packages among the temporary files of a process that is killed.
    tempfile.tempdir = scratch
    zygote = None
    if forks:
        from deploy.support.zygote import Zygote

        zygote = Zygote()
    broken = _prepare(modules)
    if not required:
        broken = None
    if zygote:
        zygote.fork_workers(pipe, lambda own, place: _serve(own, place, broken))
    else:
        _serve(pipe, scratch, broken)


def _prepare(modules: Sequence[str]) -> Exception | None:
    """Import the toolkits. Gives what failed, which is told as the answer to whatever is asked."""
    # Imports and graph passes make millions of small objects and hardly a cycle: looking for
    # garbage would take a tenth of their time, and these processes are short-lived.
    gc.disable()
    try:
        import torch

        # The processes are the parallelism; their threads would only wait for each other.
        torch.set_num_threads(1)
        for module in modules:
            importlib.import_module(module)
    except Exception as error:  # The parent's to judge.
        return error
    return None


def _serve(pipe: Connection, scratch: str, broken: Exception | None) -> None:
    tempfile.tempdir = scratch
    questions: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, questions), daemon=True).start()
    while True:
        question = questions.get()
        try:
            if broken is not None:
                raise broken
            function, arguments, named = pickle.loads(question)  # noqa: S301 - our parent's own.
            answer = pickle.dumps((function(*arguments, **named), None))
        except Exception as error:  # The parent's to judge, whatever it is.
            answer = pickle.dumps((None, _portable(error)))
        pipe.send_bytes(answer)


def _listen(pipe: Connection, questions: SimpleQueue[bytes]) -> None:
    """Take questions while another is at work: the end of the pipe is the end of us."""
    while True:
        try:
            questions.put(pipe.recv_bytes())
        except (EOFError, OSError):
            os._exit(1)


def _portable(error: Exception) -> Exception:
    """The error, in our own words where it does not survive a pipe; its traceback is printed."""
    traceback.print_exception(error)
    sys.stderr.flush()
    try:
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - made in this line.
    except Exception:  # Classes of exceptions pickle as they like.
        copy = None
    if type(copy) is not type(error) or str(copy) != str(error):
        from deploy.support.errors import RunError

        return RunError(f"{type(error).__name__}: {error}")
    return error


if __name__ == "__main__":
    main(int(sys.argv[1]), "--fork" in sys.argv[2:])
