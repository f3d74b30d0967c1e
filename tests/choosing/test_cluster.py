"""A real Dask cluster on this computer: jobs go there, and workers that die lose nothing."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cluster_jobs
import pytest

from deploy.capture.spec import UNTRAINED
from deploy.choosing.choose import choose
from deploy.choosing.cluster import Held, on_cluster
from deploy.choosing.keys import versions_here
from deploy.choosing.latency import Measuring
from deploy.choosing.records import Choice
from deploy.choosing.sweep import Sweep
from deploy.support.errors import RunError, UserError

NOT_MEASURED = Measuring(device="none")
PATIENCE_S = 120.0


@contextmanager
def cluster(**said: Any) -> Iterator[Any]:
    distributed = pytest.importorskip(
        "distributed", reason="dask.distributed is missing: pip install -e '.[dev]'"
    )
    with distributed.LocalCluster(
        threads_per_worker=1, dashboard_address=None, protocol="tcp://", **said
    ) as found:
        yield found


def sweep_on(address: str, folder: Path, *, sizes: int = 1, **said: Any) -> Choice:
    sweep = Sweep(
        networks=("mobilenet_v1",),
        widths=(0.25,),
        resolutions=tuple((32 + 8 * size, 32) for size in range(sizes)),
        weights=UNTRAINED,
        classes=3,
    )
    return choose(sweep, folder, measuring=NOT_MEASURED, executor=on_cluster(address), **said)


@pytest.mark.builds
def test_a_sweep_is_built_on_a_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with cluster(n_workers=1, processes=False) as one:
        choice = sweep_on(one.scheduler_address, Path("sweep"), work=cluster_jobs.work)
        elsewhere = on_cluster(one.scheduler_address, [tmp_path / "my_photos"])
        with pytest.raises(UserError, match=r"does not see .*my_photos: mount it there"):
            choose(Sweep(), tmp_path / "other", measuring=NOT_MEASURED, executor=elsewhere)
        (tmp_path / "scratch").mkdir()
        with on_cluster(one.scheduler_address)(1, tmp_path / "scratch") as pool:
            dead = pool.submit(os._exit, 3)
            with pytest.raises(RunError, match="died with exit code 3"):
                dead.result()
    assert [variant.state for variant in choice.variants] == ["built"]
    assert sorted(path.name for path in (tmp_path / "sweep").iterdir()) == [
        *(".lock", "choice.json", "variants")
    ]


def test_a_worker_that_hangs_is_told_by_name(tmp_path: Path) -> None:
    with cluster(n_workers=1, processes=False) as one:
        (address,) = one.scheduler_info["workers"]
        hung = on_cluster(one.scheduler_address, answer_s=0.0)
        with (
            pytest.raises(UserError, match=f"worker {address} gives no answer within 0 s: start"),
            hung(1, tmp_path),
        ):
            pass


@pytest.mark.parametrize("address", ["127.0.0.1:9", "nonsense", ""])
def test_a_scheduler_that_is_not_there_is_told_in_one_line(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed", reason="pip install -e '.[dev]'")
    monkeypatch.setattr("deploy.choosing.cluster._CONNECT_S", 0.5)
    with pytest.raises(UserError, match=f"no Dask scheduler answers at {address} [^\n]*$"):
        sweep_on(address, tmp_path / "sweep")


def test_in_a_notebook_too_it_is_the_scheduler_that_does_not_answer(tmp_path: Path) -> None:
    """Where a loop of asyncio runs already."""
    pytest.importorskip("distributed", reason="pip install -e '.[dev]'")

    async def cell() -> None:
        with on_cluster("nonsense")(1, tmp_path):
            pass

    with pytest.raises(UserError, match="no Dask scheduler answers at nonsense") as caught:
        asyncio.run(cell())
    assert "event loop" not in str(caught.value)


def test_a_machine_that_cannot_work_for_a_sweep_says_why(tmp_path: Path) -> None:
    """Each as a worker would see it."""
    file = tmp_path / "sweep" / ".scratch" / "held"
    ours = Held(path=file, shared=(), versions=versions_here())
    assert "does not see" in str(ours.problem())
    file.parent.mkdir(parents=True)
    file.touch()
    assert "but no file locks" in str(ours.problem())
    with file.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        assert ours.is_held()
        assert ours.problem() is None
        older = Held(path=file, shared=(), versions={**versions_here(), "torch": "1.0"})
        assert "not 1.0 as here: install the same" in str(older.problem())
        blind = Held(path=file, shared=(tmp_path / "photos",), versions=versions_here())
        assert "does not see" in str(blind.problem())
    assert not ours.is_held()


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it does not come to be"
        time.sleep(0.02)


@pytest.mark.nightly
@pytest.mark.builds
def test_a_worker_that_is_killed_loses_nothing_and_nothing_is_done_twice(tmp_path: Path) -> None:
    """SIGKILL of a worker at its second job: that one alone is begun again."""
    diary = tmp_path / "sweep" / "diary"

    def entries() -> list[list[str]]:
        return [line.split() for line in diary.read_text().splitlines()] if diary.exists() else []

    with cluster(n_workers=2, processes=True) as two:
        done: list[Choice] = []
        sweep = threading.Thread(
            target=lambda: done.append(
                sweep_on(
                    two.scheduler_address,
                    tmp_path / "sweep",
                    sizes=6,
                    work=cluster_jobs.slow_work,
                )
            )
        )
        sweep.start()
        until(lambda: len(entries()) > 3 and entries()[-1][1] == "begin")
        victim, _, worker = entries()[-1]
        os.kill(int(worker), signal.SIGKILL)
        sweep.join(PATIENCE_S)
    assert [variant.state for variant in done[0].variants] == ["built"] * 6
    keys = {str(variant.key) for variant in done[0].variants}
    for key in keys:
        moves = [move for found, move, _ in entries() if found == key]
        assert moves == (["begin", "begin", "end"] if key == victim else ["begin", "end"])
    assert not (tmp_path / "sweep" / ".scratch").exists()


@pytest.mark.nightly
@pytest.mark.builds
def test_a_cluster_without_workers_is_given_up_and_gone_on_with_later(tmp_path: Path) -> None:
    with cluster(n_workers=0) as empty, pytest.raises(UserError, match="has no worker: start one"):
        sweep_on(empty.scheduler_address, tmp_path / "sweep")
    diary = tmp_path / "sweep" / "diary"
    with cluster(n_workers=1, processes=True) as one:

        def close_when_at_work() -> None:
            until(lambda: diary.exists() and "end" in diary.read_text())
            one.scale(0)

        threading.Thread(target=close_when_at_work).start()
        impatient = on_cluster(one.scheduler_address, no_worker_s=2.0)
        sweep = Sweep(
            networks=("mobilenet_v1",),
            widths=(0.25,),
            resolutions=((32, 32), (40, 40), (48, 48)),
            weights=UNTRAINED,
            classes=3,
        )
        first = choose(
            sweep,
            tmp_path / "sweep",
            measuring=NOT_MEASURED,
            executor=impatient,
            work=cluster_jobs.slow_work,
        )
    states = [variant.state for variant in first.variants]
    assert "built" in states
    assert "failed" in states
    assert any("has had no worker for 2 s" in str(variant.why) for variant in first.variants)
    again = choose(sweep, tmp_path / "sweep", measuring=NOT_MEASURED, work=cluster_jobs.slow_work)
    assert [variant.state for variant in again.variants] == ["built"] * 3


@pytest.mark.nightly
@pytest.mark.builds
def test_workers_end_with_the_sweep(tmp_path: Path) -> None:
    """Ctrl-C here ends what is at work there."""
    (tmp_path / "scratch").mkdir()
    told = tmp_path / "pid"

    def interrupted(address: str) -> None:
        with on_cluster(address)(1, tmp_path / "scratch") as pool:
            pool.submit(cluster_jobs.sleep_and_tell, told, PATIENCE_S)
            until(lambda: told.exists() and told.read_text())
            raise KeyboardInterrupt

    with cluster(n_workers=1, processes=True) as one:
        with pytest.raises(KeyboardInterrupt):
            interrupted(one.scheduler_address)
        until(lambda: not Path("/proc", told.read_text()).exists())
