"""The worker processes end with their parent, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from command_line import environment

from deploy.backends import BACKENDS
from deploy.support import workers
from deploy.support.errors import RunError
from deploy.support.worker_starts import Forked, Separate
from deploy.support.workers import worker_processes

PARENT = """
import sys, time
from pathlib import Path
from deploy.support.workers import worker_processes
with worker_processes(2, Path(sys.argv[1])) as pool:
    for future in [pool.submit(abs, -1) for _ in range(2)]:
        future.result()
    futures = [pool.submit(time.sleep, 600) for _ in range(2)]
    print("running", flush=True)
    futures[0].result()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_workers_die_with_their_parent(tmp_path: Path, how: signal.Signals) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "log")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"running\n"
    children = psutil.Process(parent.pid).children(recursive=True)
    assert len(children) >= 2
    parent.send_signal(how)
    parent.wait(30)
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []


def test_what_workers_print_goes_to_the_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with worker_processes(1, tmp_path / "log") as pool:
        pool.submit(os.write, 1, b"noise of a toolkit\n").result()
    assert "noise of a toolkit" in (tmp_path / "log").read_text()
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("starts", [Forked, Separate])
def test_a_worker_that_dies_is_an_error_not_a_hang(
    starts: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forked as on Linux, and each a Python of its own as on macOS."""
    monkeypatch.setattr(workers, "worker_starts", starts)
    start = time.monotonic()
    with (
        pytest.raises(RunError, match="died with exit code 3"),
        worker_processes(1, tmp_path / "log") as pool,
    ):
        pool.submit(os._exit, 3).result()
    assert time.monotonic() - start < 60


def test_an_exception_brings_what_the_workers_printed(tmp_path: Path) -> None:
    with (
        pytest.raises(OSError, match="Bad file descriptor") as caught,
        worker_processes(1, tmp_path / "log") as pool,
    ):
        pool.submit(print_and_fail).result()
    assert "noise of a toolkit" in caught.value.__notes__[0]


def print_and_fail() -> None:
    os.write(2, b"noise of a toolkit\n")
    os.close(999)


class OddError(Exception):
    """Like many a toolkit's: what makes it is not what it was made with."""

    def __init__(self, layer: str, reason: str) -> None:
        super().__init__(f"{layer}: {reason}")


def raise_odd() -> None:
    raise OddError("conv", "too wide")


def test_an_exception_that_no_pipe_takes_says_what_it_said(tmp_path: Path) -> None:
    with (
        pytest.raises(RunError, match="OddError: conv: too wide"),
        worker_processes(1, tmp_path / "log") as pool,
    ):
        pool.submit(raise_odd).result()


POOL = """
print("once")
from pathlib import Path
from deploy.support.workers import worker_processes
with worker_processes(2, Path("log")) as pool:
    print([future.result() for future in [pool.submit(abs, -1), pool.submit(len, "ab")]])
"""


@pytest.mark.parametrize("way", ["script", "stdin", "-c"])
def test_processes_need_no_guard_and_no_file(way: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(POOL)
    arguments = {"script": ["script.py"], "stdin": ["-"], "-c": ["-c", POOL]}[way]
    assert run_python(*arguments, folder=tmp_path, stdin=POOL) == "once\n[1, 2]\n"


def run_python(*arguments: str, folder: Path, stdin: str) -> str:
    """What it prints."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        input=stdin,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_end_waits_for_no_process_that_the_caller_forked(tmp_path: Path) -> None:
    """A notebook's data loaders hold a copy of every pipe that was open when they were forked."""
    with worker_processes(1, tmp_path / "log") as pool:
        pool.submit(len, "a").result()
        forked = os.fork()
        if forked == 0:
            time.sleep(60)
            os._exit(0)
        begin = time.monotonic()
    assert time.monotonic() - begin < 30
    os.kill(forked, signal.SIGKILL)
    os.waitpid(forked, 0)


def test_a_value_that_does_not_survive_the_pipe_is_an_error_not_a_death(tmp_path: Path) -> None:
    with (
        worker_processes(1, tmp_path / "log") as pool,
        pytest.raises(Exception, match=r"pickle"),
    ):
        pool.submit(threading.Lock).result()


def test_one_that_cannot_import_says_so_to_whatever_is_asked(tmp_path: Path) -> None:
    with worker_processes(1, tmp_path / "log", modules=["no_such_toolkit"]) as pool:
        for _ in range(2):
            with pytest.raises(ModuleNotFoundError, match="no_such_toolkit"):
                pool.submit(len, "a").result()


@pytest.mark.parametrize("starts", [Forked, Separate])
def test_what_need_not_be_imported_is_left_to_those_that_use_it(
    starts: type, tmp_path: Path
) -> None:
    source = starts(tmp_path / "imports.log", ["no_such_toolkit"], required=False)
    try:
        with worker_processes(1, tmp_path / "log", source=source) as pool:
            assert pool.submit(len, "a").result() == 1
    finally:
        source.end()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere none is forked")
def test_workers_die_with_what_they_are_forked_from(tmp_path: Path) -> None:
    """Were it killed for memory, one of them could not be ended any more."""
    begin = time.monotonic()
    with worker_processes(2, tmp_path / "log") as pool:
        first, second = (pool.submit(os.getpid) for _ in range(2))
        own = [psutil.Process(pid) for pid in {first.result(), second.result()}]
        sleeping = pool.submit(time.sleep, 600)
        os.kill(pool.submit(os.getppid).result(), signal.SIGKILL)
        with pytest.raises(RunError, match="SIGKILL"):
            sleeping.result()
    assert time.monotonic() - begin < 60
    _, alive = psutil.wait_procs(own, timeout=30)
    assert alive == []


@pytest.mark.nightly
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere none is forked")
def test_what_workers_are_forked_from_has_one_thread_after_all_imports(tmp_path: Path) -> None:
    """With more, a lock may be held for ever in a worker. By night: it hangs on pinned versions."""
    modules = ["deploy.pipeline.build", *(backend.toolkit for backend in BACKENDS.values())]
    with worker_processes(1, tmp_path / "log", modules=modules) as pool:
        assert pool.submit(threads_before_the_fork).result() == 1
        assert pool.submit(torch_threads).result() == 1


def threads_before_the_fork() -> int:
    return len(os.listdir(f"/proc/{os.getppid()}/task"))


def torch_threads() -> int:
    import torch

    return torch.get_num_threads()
