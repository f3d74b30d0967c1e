"""Who builds a target: of builds that start at once one wins, the others are told which.

    .x.building    locked by the build of `x` at work, and gone with it; holds its process' number

Of what a killed build left the system has let go: the next one takes it over.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from deploy.bundle.staging import is_still, take_lock

# A look at it by `claimant` holds it for microseconds.
_TRIES, _BETWEEN_S = 5, 0.02


@contextmanager
def claim(target: Path) -> Iterator[bool]:
    """Hold the claim on `target` where no other build does; says whether it is held.

    Raises OSError where the file beside the target cannot be made.
    """
    path = _file(target)
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(_BETWEEN_S)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            # It may be one whose build has removed it since.
            if take_lock(lock) and is_still(lock, path):
                os.truncate(lock, 0)
                os.write(lock, str(os.getpid()).encode())
                try:
                    yield True
                finally:
                    with suppress(OSError):
                        path.unlink()
                return
        finally:
            os.close(lock)
    yield False


def claimant(target: Path) -> str | None:
    """The process that builds `target`, by its number ("" where it has not said); None without."""
    try:
        lock = os.open(_file(target), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # Shared, so that two that look do not take each other for a build.
        if take_lock(lock, fcntl.LOCK_SH):
            return None
        said = os.read(lock, 20).decode("ascii", "replace")
    finally:
        os.close(lock)
    return said if said.isdecimal() else ""


def _file(target: Path) -> Path:
    return target.with_name(f".{target.name}.building")
