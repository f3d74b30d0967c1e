"""How many processes this computer can take."""

from __future__ import annotations

import os

import psutil

# Not on macOS.
_KNOWS_AFFINITY = hasattr(psutil.Process, "cpu_affinity")


def cores_here() -> int:
    """How many cores are for us."""
    return len(psutil.Process().cpu_affinity()) if _KNOWS_AFFINITY else os.cpu_count() or 1


def processes_here(bytes_each: int) -> int:
    """As many as there are cores for us, as far as there is memory for each; at least 1."""
    in_memory = int(psutil.virtual_memory().available) // bytes_each
    return max(1, min(cores_here(), in_memory))
