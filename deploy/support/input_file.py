"""A file that the user named to be read."""

from __future__ import annotations

from pathlib import Path

from deploy.support.errors import UserError
from deploy.support.printable import printable


def read_input(path: Path, most: int, remedy: str) -> bytes:
    """What it holds, but no more than `most` bytes and one, by which the reader sees that it is too
    large. Raises UserError, ending with `remedy`, where it cannot be read."""
    try:
        with path.open("rb") as stream:
            return stream.read(most + 1)
    except OSError as error:
        raise UserError(
            f"cannot read {printable(str(path))} ({error.strerror}): {remedy}"
        ) from error
