"""Writing a file piece by piece as it arrives, whoever serves it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from deploy.support.errors import FetchError
from deploy.support.reporter import Progress
from models.pinned import PinnedFile

# Beyond any file we pin: what serves more is not what was asked for.
_MAX_BYTES = 1 << 30
_CHUNK_BYTES = 1 << 18


def write_part(
    read: Callable[[int], bytes],
    file: PinnedFile,
    part: Path,
    progress: Progress,
    *,
    total: int | None,
) -> int:
    """Write to `part` all that `read` gives, up to so many bytes a call; how many came in all.

    `total` is for `progress`, None where nobody says. Raises FetchError for more than the file has.
    """
    limit = _MAX_BYTES if file.bytes is None else file.bytes
    done = 0
    with part.open("wb") as out:
        while chunk := read(_CHUNK_BYTES):
            done += len(chunk)
            if done > limit:
                raise FetchError(f"serves more than the expected {limit} bytes")
            out.write(chunk)
            progress(file.name, done, total)
    return done
