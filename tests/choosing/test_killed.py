"""Real processes that die: a worker takes its own job along, a sweep goes on where it was."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from command_line import command, environment
from small_photos import write_photos

from deploy.choosing.executor import own_processes
from deploy.choosing.file import read_choice, read_variant
from deploy.support.errors import RunError

# Two small bundles, one after another.
SWEEP = (
    "choose --networks mobilenet_v1 --widths 0.25 --resolutions 32,40 --weights none --classes 10 "
    "--formats onnx --precisions fp32 --photos photos --device none --jobs 1 -o sweep"
)
PATIENCE_S = 300.0


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it does not come to be"
        time.sleep(0.01)


@pytest.mark.builds
def test_a_sweep_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    """SIGKILL in the middle of the second build: nothing is lost, nothing is built twice."""
    write_photos(tmp_path / "photos", 12)
    variants = tmp_path / "sweep" / "variants"
    first = subprocess.Popen(
        command(*SWEEP.split()),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def records() -> list[Path]:
        return sorted(variants.glob("*/record.json"))

    def stages() -> list[Path]:
        return [path for path in variants.glob("*/.*") if path.is_dir()]

    try:
        until(lambda: len(records()) == 1 and stages())
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert len(records()) == 1, "it was killed too late to tell"
    (done,) = records()
    before = (done.stat().st_ino, manifest_of(done).stat().st_ino)

    second = subprocess.run(
        command(*SWEEP.split(), "--json"),
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 0, second.stderr
    assert (done.stat().st_ino, manifest_of(done).stat().st_ino) == before
    assert [read_variant(path).error for path in records()] == [None, None]
    assert stages() == []
    assert not (tmp_path / "sweep" / ".scratch").exists()
    choice = read_choice(tmp_path / "sweep")
    assert [variant.state for variant in choice.variants] == ["built", "built"]
    assert json.loads(second.stdout) == choice.model_dump(mode="json")


@pytest.mark.nightly
@pytest.mark.builds
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_sweep_that_is_ended_leaves_nothing_behind(
    number: signal.Signals, tmp_path: Path
) -> None:
    """SIGINT goes to the whole group, as from a terminal."""
    write_photos(tmp_path / "photos", 12)
    own_temporary = tmp_path / "temporary"
    own_temporary.mkdir()
    command_line = command(*SWEEP.replace("--jobs 1", "--jobs 2").split())
    sweep = tmp_path / "sweep"
    ended = subprocess.Popen(
        command_line,
        cwd=tmp_path,
        env=environment(TMPDIR=str(own_temporary)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until(lambda: list(sweep.glob("variants/*/.bundle.build-*")))
        at_work = psutil.Process(ended.pid).children(recursive=True)
        (os.killpg if number == signal.SIGINT else os.kill)(ended.pid, number)
        assert ended.wait(PATIENCE_S) == (130 if number == signal.SIGINT else 128 + number)
    finally:
        ended.kill()
    assert at_work
    assert psutil.wait_procs(at_work, timeout=PATIENCE_S)[1] == []
    assert list(sweep.glob("variants/*/.bundle.build-*")) == []
    assert not (sweep / ".scratch").exists()
    assert os.listdir(own_temporary) == []
    done = subprocess.run(
        command_line, cwd=tmp_path, env=environment(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [variant.state for variant in read_choice(sweep).variants] == ["built", "built"]


def manifest_of(record: Path) -> Path:
    return record.parent / "bundle" / "manifest.json"


def test_a_process_that_dies_takes_no_other_job_along(tmp_path: Path) -> None:
    with own_processes(1, tmp_path) as pool:
        dead, alive = pool.submit(os._exit, 3), pool.submit(math.sqrt, 4.0)
        with pytest.raises(RunError, match="died with exit code 3"):
            dead.result()
        assert alive.result() == 2.0
        # Nor does the one that they are forked from.
        parent = psutil.Process(pool.submit(os.getppid).result())
        if parent.pid != os.getpid():
            parent.kill()
            parent.wait(PATIENCE_S)
        assert pool.submit(math.sqrt, 9.0).result() == 3.0
    assert os.listdir(tmp_path) == []


def test_an_interrupted_sweep_does_not_wait_for_its_builds(tmp_path: Path) -> None:
    def interrupted() -> None:
        with own_processes(2, tmp_path) as pool:
            for _ in range(4):
                pool.submit(time.sleep, PATIENCE_S)
            raise KeyboardInterrupt

    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert time.monotonic() - begin < PATIENCE_S / 2
    assert os.listdir(tmp_path) == []
