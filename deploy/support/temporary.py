"""Folders for what is needed for a while, gone afterwards: at the latest when the next is made.

Each has a lock beside it, held as long as its process lives, or a child that was forked: of one
that was killed the system lifts it, and whoever comes next takes the folder away.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "mobile-deploy-run-"
_LOCK = ".lock"


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """An empty folder among the system's temporary ones. Raises OSError where none can be made."""
    parent = Path(tempfile.gettempdir())
    _sweep(parent)
    folder = parent / f"{_PREFIX}{secrets.token_hex(6)}"
    lock = folder.with_name(folder.name + _LOCK)
    # First its lock, so that no folder is ever there without.
    descriptor = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        folder.mkdir(0o700)
        yield folder
    finally:
        _remove(folder, lock)
        os.close(descriptor)


def _sweep(parent: Path) -> None:
    """What killed processes of this user left."""
    for lock in parent.glob(f"{_PREFIX}*{_LOCK}"):
        with suppress(OSError):
            status = lock.lstat()
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.getuid():
                continue
            descriptor = os.open(lock, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(lock.with_name(lock.name.removesuffix(_LOCK)), lock)
            finally:
                os.close(descriptor)


def _remove(folder: Path, lock: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    lock.unlink(missing_ok=True)
