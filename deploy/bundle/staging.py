"""Where a bundle is built: in a hidden folder beside its target, under a lock of its own.

A build of `x` by process 7 owns, and nobody else touches while it lives:

    .x.build-7-1a2b3c4d.lock    made first, removed last; the system lets go of it with the process
    .x.build-7-1a2b3c4d         what is being built; after an exchange, what was replaced
    .x.build-7-1a2b3c4d.old     what is being replaced where two renames must do: always whole
    .x.build-7-1a2b3c4d.gone    the same on its way out

Whoever gets the lock of another's build knows that its process is gone, and clears up after it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from deploy.bundle import exchange
from deploy.support.errors import BundleError


@dataclass(frozen=True)
class BuildStage:
    """One build's places beside its target."""

    target: Path
    folder: Path

    @property
    def lock(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.lock")

    @property
    def aside(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.old")

    @property
    def gone(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.gone")


@contextmanager
def new_stage(target: Path) -> Iterator[BuildStage]:
    """A stage with an empty folder, locked; afterwards nothing of it is left but the target.

    Raises OSError where the folder beside the target cannot be made.
    """
    with _new_lock(target) as stage:
        try:
            stage.folder.mkdir()
            yield stage
        finally:
            # What cannot be removed now is left, lock included, to the next sweep.
            with suppress(OSError):
                _settle(stage)


def replace_target(stage: BuildStage) -> None:
    """Put the stage's folder in the target's place. What was there stays until the stage ends.

    Of two builds of one target the last to come here wins. Raises OSError where renaming fails.
    """
    while True:
        # The target may come and go under us while other builds of it end.
        with suppress(FileNotFoundError):
            if exchange.exchange(stage.folder, stage.target):
                return
            _discard_aside(stage)
            os.rename(stage.target, stage.aside)
        try:
            os.rename(stage.folder, stage.target)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise


def sweep(target: Path) -> list[Path]:
    """Remove what killed builds of `target` left; those of living processes are left alone.

    Returns the folders in which they were building. Leftovers that cannot be removed stay.
    """
    swept = []
    for stage in _stages(target):
        with suppress(OSError), _locked(stage) as mine:
            if mine:
                _settle(stage)
                swept.append(stage.folder)
    return swept


def repair(target: Path) -> None:
    """Undo the first of two renames where a killed build did not come to the second.

    Raises BundleError while a living build is between the two, OSError where renaming fails.
    """
    if os.path.lexists(target):
        return
    for stage in _stages(target):
        if stage.aside.exists():
            with _locked(stage) as mine:
                if mine:
                    _put_back(stage)
                elif not os.path.lexists(target):
                    raise BundleError(f"{target} is being replaced: try again in a moment")


def _settle(stage: BuildStage) -> None:
    """Make the target whole, then remove the rest; only for the holder of the lock."""
    _put_back(stage)
    _discard_aside(stage)
    _remove(stage.folder)
    stage.lock.unlink()


def _discard_aside(stage: BuildStage) -> None:
    """Remove what was set aside, under another name: half of it must never be put back."""
    _remove(stage.gone)
    if stage.aside.exists():
        os.rename(stage.aside, stage.gone)
        _remove(stage.gone)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _put_back(stage: BuildStage) -> None:
    if stage.aside.exists() and not os.path.lexists(stage.target):
        try:
            os.rename(stage.aside, stage.target)
        except OSError:
            if not os.path.lexists(stage.target):
                raise


def _stages(target: Path) -> list[BuildStage]:
    """Builds of `target`, alive or dead, that have left a lock beside it."""
    ours = re.compile(rf"(\.{re.escape(target.name)}\.build-\d+-[0-9a-f]{{8}})\.lock")
    try:
        names = sorted(os.listdir(target.parent))
    except (FileNotFoundError, NotADirectoryError):
        return []
    matches = [match for name in names if (match := ours.fullmatch(name))]
    return [BuildStage(target, target.with_name(match[1])) for match in matches]


@contextmanager
def _new_lock(target: Path) -> Iterator[BuildStage]:
    """A new build's name, with its lock held."""
    while True:
        name = f".{target.name}.build-{os.getpid()}-{secrets.token_hex(4)}"
        stage = BuildStage(target, target.with_name(name))
        # A sweep may find the lock, and take it for a dead build's, before we hold it: then anew.
        with _locked(stage, os.O_CREAT | os.O_EXCL) as mine:
            if mine:
                yield stage
                return


@contextmanager
def _locked(stage: BuildStage, flags: int = 0) -> Iterator[bool]:
    """Hold the stage's lock, if nobody else does; says whether it is held."""
    lock = os.open(stage.lock, os.O_RDWR | os.O_NOFOLLOW | flags, 0o600)
    try:
        yield take_lock(lock) and is_still(lock, stage.lock)
    finally:
        os.close(lock)


def take_lock(lock: int, how: int = fcntl.LOCK_EX) -> bool:
    """Lock an open file, if nobody else has; says whether it is ours."""
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_still(lock: int, path: Path) -> bool:
    """Whether the lock is the file at `path`, not one that its owner has removed since."""
    try:
        return os.path.samestat(os.fstat(lock), os.lstat(path))
    except FileNotFoundError:
        return False
