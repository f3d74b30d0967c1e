"""Writing a bundle: whatever happens, the target holds the whole old one or the whole new one."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from bundle_factory import make_bundle
from bundles_in_place import NEW, NEWEST, OLD, alone, build, can_exchange, seed_of

from deploy.bundle import exchange
from deploy.bundle.open import check_integrity, open_bundle
from deploy.bundle.write import build_alone, check_alone, check_target, staged, sweep
from deploy.support.errors import BundleError, StorageError


def test_a_bundle_appears_whole_and_alone(target: Path) -> None:
    build(target, NEW)
    assert seed_of(target) == NEW
    assert alone(target)


def test_the_folders_above_are_made(tmp_path: Path) -> None:
    build(tmp_path / "a" / "b" / "x", NEW)
    assert seed_of(tmp_path / "a" / "b" / "x") == NEW


def test_an_empty_folder_is_taken(target: Path) -> None:
    target.mkdir()
    build(target, NEW)
    assert seed_of(target) == NEW
    assert alone(target)


def test_the_old_bundle_stays_until_the_new_one_is_whole(target: Path) -> None:
    build(target, OLD)
    (target / "extra").mkdir()
    with staged(target) as folder:
        assert folder.parent == target.parent
        make_bundle(folder, seed=NEW)
        assert seed_of(target) == OLD
    assert seed_of(target) == NEW
    assert not (target / "extra").exists()
    assert alone(target)


def test_a_link_goes_on_pointing_where_it_did(target: Path, tmp_path: Path) -> None:
    build(target, OLD)
    link = tmp_path / "link"
    link.symlink_to(target)
    build(link, NEW)
    assert link.is_symlink()
    assert seed_of(target) == NEW


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit, FileNotFoundError])
def test_an_exception_leaves_the_target_as_it_was(target: Path, error: type[BaseException]) -> None:
    def fail(folder: Path) -> None:
        make_bundle(folder, seed=NEW)
        raise error

    build(target, OLD)
    with pytest.raises(error), staged(target) as folder:
        fail(folder)
    assert seed_of(target) == OLD
    assert alone(target)


def test_an_exception_leaves_no_folders_that_were_made_for_it(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), staged(tmp_path / "a" / "b" / "x"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_rename_that_fails_half_way_is_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "x"
    build(target, OLD)
    monkeypatch.setattr(exchange, "exchange", lambda one, other: False)
    rename = os.rename
    renamed = []

    def second_fails(source: Path, destination: Path) -> None:
        renamed.append(destination)
        if len(renamed) == 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(source))
        rename(source, destination)

    monkeypatch.setattr(os, "rename", second_fails)
    with pytest.raises(StorageError, match=os.strerror(errno.EIO)):
        build(target, NEW)
    assert len(renamed) == 3
    assert seed_of(target) == OLD
    assert alone(target)


def test_opening_does_not_meddle_with_a_living_build_between_its_renames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "x"
    build(target, OLD)
    monkeypatch.setattr(exchange, "exchange", lambda one, other: False)
    rename, seen = os.rename, []

    def look_between(source: Path, destination: Path) -> None:
        rename(source, destination)
        if source == target:
            with pytest.raises(BundleError, match="is being replaced: try again") as caught:
                open_bundle(target)
            seen.append(caught.value)

    monkeypatch.setattr(os, "rename", look_between)
    build(target, NEW)
    assert len(seen) == 1
    assert seed_of(target) == NEW


def test_a_living_build_is_not_swept_and_the_last_to_end_wins(target: Path) -> None:
    build(target, OLD)
    with staged(target) as first:
        make_bundle(first, seed=NEW)
        assert sweep(target) == []
        build(target, NEWEST)
        assert seed_of(target) == NEWEST
    assert seed_of(target) == NEW
    assert alone(target)


def test_of_builds_of_one_target_that_start_at_once_one_wins(tmp_path: Path) -> None:
    target = tmp_path / "x"
    # Processes, as they are in life; each says what became of it once all have tried.
    code = """
import sys, time
from pathlib import Path
from deploy.bundle.write import build_alone
from deploy.support.errors import BundleError
time.sleep(max(0, float(sys.argv[2]) - time.time()))
try:
    with build_alone(Path(sys.argv[1])):
        print("built", flush=True)
        sys.stdin.read()
except BundleError as error:
    print(error, flush=True)
"""
    for _ in range(2):
        begin = str(time.time() + 1)
        command = [sys.executable, "-c", code, str(target), begin]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        started = [subprocess.Popen(command, **pipes) for _ in range(3)]  # type: ignore[call-overload]
        said = [one.stdout.readline().strip() for one in started]
        winner = started[said.index("built")]
        told = f"{target} is being built by process {winner.pid}: wait for it to end, "
        assert [line for line in said if not line.startswith(told)] == ["built"]
        with pytest.raises(BundleError, match=f"by process {winner.pid}: wait"):
            check_alone(target)
        winner.kill()  # What it leaves is taken over.
        for one in started:
            one.communicate()
        check_alone(target)
    with build_alone(target), pytest.raises(BundleError, match=f"process {os.getpid()}: wait"):
        check_alone(target)
    assert not os.listdir(target.parent)


def test_a_build_whose_lock_is_swept_before_it_is_held_takes_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, flock, swept = tmp_path / "x", fcntl.flock, []

    def sweep_before_the_first(lock: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        swept.extend(sweep(target))
        flock(lock, how)

    monkeypatch.setattr(fcntl, "flock", sweep_before_the_first)
    with staged(target) as folder:
        assert len(swept) == 1
        assert folder not in swept
        assert folder.with_name(f"{folder.name}.lock").exists()
        make_bundle(folder, seed=NEW)
    assert seed_of(target) == NEW
    assert alone(target)


def test_sweeping_takes_the_leftovers_of_this_target_alone(tmp_path: Path) -> None:
    ours = tmp_path / ".x.build-7-0123abcd"
    others = [".y.build-7-0123abcd", ".x.build-7-0123abcd.build-8-0123abcd", ".x.build-mine"]
    for folder in (ours, *(tmp_path / name for name in others)):
        folder.mkdir()
        (folder / "file").write_bytes(b"x")
        folder.with_name(f"{folder.name}.lock").touch()
    assert sweep(tmp_path / "x") == [ours]
    expected = {*others, *(f"{name}.lock" for name in others)}
    assert set(os.listdir(tmp_path)) == expected


def test_a_link_in_a_leftovers_place_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    make_bundle(precious, photos=1)
    (tmp_path / ".x.build-7-0123abcd").symlink_to(precious)
    (tmp_path / ".x.build-7-0123abcd.lock").touch()
    build(tmp_path / "x", NEW)
    check_integrity(open_bundle(precious))


def refuse(target: Path, says: str) -> None:
    """Both the early check and the writing itself refuse `target`, and leave all as it was."""
    with pytest.raises(BundleError, match=says):
        check_target(target)
    with pytest.raises(BundleError, match=says), staged(target):
        pytest.fail("the target was taken")


def test_a_target_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("mine")
    refuse(tmp_path / "x", "x is a file")
    assert (tmp_path / "x").read_text() == "mine"


def test_a_target_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("mine")
    refuse(tmp_path / "x" / "a" / "b", "x is not a folder")


@pytest.mark.parametrize(
    "manifest",
    [None, "", "[]", '{"manifest_version": 3}', '{"tool": {"name": "other"}}', "[" * 9999],
)
def test_a_strangers_folder_is_refused(tmp_path: Path, manifest: str | None) -> None:
    target = tmp_path / "x"
    target.mkdir()
    (target / "thesis.txt").write_text("years of work")
    if manifest is not None:
        (target / "manifest.json").write_text(manifest)
    refuse(target, "x holds something that is not a bundle")
    assert (target / "thesis.txt").read_text() == "years of work"


def test_a_strangers_folder_that_appears_during_the_build_is_refused(target: Path) -> None:
    def meanwhile() -> None:
        target.mkdir()
        (target / "thesis.txt").write_text("years of work")

    with pytest.raises(BundleError, match="x holds something"), staged(target):
        meanwhile()
    assert (target / "thesis.txt").exists()
    assert alone(target)


def test_a_bundle_of_a_newer_schema_may_be_replaced(target: Path) -> None:
    target.mkdir()
    (target / "manifest.json").write_text(
        '{"schema_version": 9, "tool": {"name": "mobile-deploy"}}'
    )
    build(target, NEW)
    assert seed_of(target) == NEW


def test_a_name_too_long_to_build_beside_is_refused(tmp_path: Path) -> None:
    refuse(tmp_path / ("x" * 230), "no name that a folder can take")
    refuse(Path("/"), "no name that a folder can take")


@contextmanager
def without_privileges() -> Iterator[None]:
    """Root ignores permissions, so be nobody for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_that_cannot_be_written_to_is_refused() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        with without_privileges():
            refuse(folder / "x", "cannot be written to")
        folder.chmod(0o000)
        with without_privileges():
            refuse(folder / "x", "cannot be written to")
        folder.chmod(0o755)
        assert list(folder.iterdir()) == []


def test_a_full_disk_is_told_by_path_and_remedy(target: Path) -> None:
    build(target, OLD)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with (
            pytest.raises(StorageError, match=r"cannot write .*x .*: free space"),
            staged(target) as folder,
        ):
            (folder / "big").write_bytes(bytes(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert seed_of(target) == OLD
    assert alone(target)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, which Linux has")
def test_no_space_left_is_told_by_path_and_remedy(target: Path) -> None:
    build(target, OLD)
    with (
        pytest.raises(StorageError, match=r"\(No space left on device\): free space"),
        staged(target),
        open("/dev/full", "wb") as full,
    ):
        full.write(b"x")
    assert seed_of(target) == OLD
    assert alone(target)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_disk_that_fails_while_syncing_leaves_the_old_bundle(
    target: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    build(target, OLD)

    def fail(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with pytest.raises(StorageError, match=os.strerror(code)):
            build(target, NEW)
    assert seed_of(target) == OLD
    assert alone(target)


def test_everything_is_on_the_disk_before_the_exchange_and_the_folder_above_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "x"
    build(target, OLD)
    sync, swap, seen = os.fsync, exchange.exchange, []

    def note_sync(descriptor: int) -> None:
        seen.append(os.fstat(descriptor).st_ino)
        sync(descriptor)

    def note_exchange(one: Path, other: Path) -> bool:
        seen.append(0)
        return swap(one, other)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(exchange, "exchange", note_exchange)
    build(target, NEW)
    before, after = set(seen[: seen.index(0)]), seen[seen.index(0) + 1 :]
    assert before == {path.stat().st_ino for path in (target, *target.rglob("*"))}
    assert after == [tmp_path.stat().st_ino]


def test_exchanging_swaps_two_folders(tmp_path: Path) -> None:
    if not can_exchange(tmp_path):
        pytest.skip("needs a file system that can exchange two folders in one step")
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    assert exchange.exchange(tmp_path / "one", tmp_path / "other")
    assert os.listdir(tmp_path / "one") == ["other"]
    assert os.listdir(tmp_path / "other") == ["one"]
    with pytest.raises(FileNotFoundError):
        exchange.exchange(tmp_path / "one", tmp_path / "missing")
