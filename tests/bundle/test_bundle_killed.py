"""Builds that are killed, and many at once: the target holds a whole bundle all the same."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from bundles_in_place import NEW, NEWEST, OLD, alone, build, seed_of

from deploy.bundle.write import sweep


@pytest.fixture
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Builds that do not wait for the disk: a kill, other than a loss of power, loses no writes."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.mark.usefixtures("unsynced")
def test_killed_before_any_of_its_operations_on_files_a_build_leaves_a_whole_bundle(
    target: Path, request: pytest.FixtureRequest
) -> None:
    """Between two renames the target is missing: opening it puts the old bundle back."""
    left, missing = set(), 0
    for operation in itertools.count():
        shutil.rmtree(target, ignore_errors=True)
        build(target, OLD)
        if not killed_before(operation, target):
            break
        missing += not target.exists()
        left.add(seed_of(target))
        build(target, NEWEST)
        assert seed_of(target) == NEWEST, f"after a kill before operation {operation}"
        assert alone(target), f"after a kill before operation {operation}"
    assert operation > 30
    assert left == {OLD, NEW}
    assert (missing > 0) == ("two renames" in request.node.name)
    assert seed_of(target) == NEW


@pytest.mark.usefixtures("unsynced")
def test_a_first_build_that_is_killed_leaves_nothing_or_a_whole_bundle(target: Path) -> None:
    appeared = set()
    for operation in itertools.count():
        shutil.rmtree(target, ignore_errors=True)
        if not killed_before(operation, target):
            break
        appeared.add(target.exists())
        assert not target.exists() or seed_of(target) == NEW
        sweep(target)
        assert alone(target) or not os.listdir(target.parent)
    assert appeared == {False, True}


def killed_before(operation: int, target: Path) -> bool:
    """Whether a process that builds NEW was killed: by itself, before the operation of that number.

    The interpreter announces each of its operations on files (an audit event) before it is done.
    """

    def build_and_die() -> None:
        counter = itertools.count()

        def kill_in_time(event: str, _: tuple[object, ...]) -> None:
            on_files = event.startswith(("open", "os.", "shutil.", "fcntl.", "ctypes.dlsym"))
            if on_files and next(counter) == operation:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(kill_in_time)
        build(target, NEW)

    status = ended(start(build_and_die))
    assert status in (0, -signal.SIGKILL), "the build itself failed"
    return status != 0


def start(body: Callable[[], None]) -> int:
    """The id of a new process that runs `body`."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            body()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return child


def ended(child: int) -> int:
    """The exit code of a process once it has ended; minus the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_builds_of_one_target_at_once_leave_one_of_them_whole(target: Path) -> None:
    seeds = range(NEW, NEW + 6)

    def build_often(seed: int) -> None:
        for _ in range(5):
            build(target, seed)

    children = [start(lambda seed=seed: build_often(seed)) for seed in seeds]
    assert [ended(child) for child in children] == [0] * len(children)
    assert seed_of(target) in seeds
    assert alone(target)
