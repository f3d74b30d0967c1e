"""What is not whole yet, in a folder of the cache: one process at a time makes it."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked_scratch(folder: Path, prefix: str) -> Iterator[Path]:
    """An empty folder in `folder`, whose name begins with `prefix`, while no other process has one.

    Whoever holds the lock first sweeps what a killed run left; the system lifts it if this one
    dies. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for left in folder.glob(f"{prefix}*"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=prefix, dir=folder) as scratch:
            yield Path(scratch)
