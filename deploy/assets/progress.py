"""How a fetch tells what it does; who listens draws it."""

from __future__ import annotations

from collections.abc import Callable

# (file's name, bytes so far, bytes in all or None where nobody says)
Progress = Callable[[str, int, int | None], None]

# Beyond any file we pin: what serves more is not what was asked for.
MAX_BYTES = 1 << 30
CHUNK_BYTES = 1 << 18


def silent(name: str, done: int, total: int | None) -> None:
    """Progress that nobody watches."""
