"""SHA-256 of files and of folders, as the bundle's manifest and the table of sources give them."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from deploy.support.errors import UserError

# What `sort`, `xargs` and `sha256sum` print as it is. A line break in a name could otherwise
# forge a line of the text that is hashed.
_PLAIN = re.compile(r"[^\s'\"\\\x00-\x1f\x7f]+")


def sha256_file(path: str | os.PathLike[str]) -> str:
    """The file's SHA-256 as 64 lower-case hex digits. Raises OSError where it cannot be read."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_folder(path: str | os.PathLike[str]) -> str:
    """SHA-256 of what `find . -type f | LC_ALL=C sort | xargs sha256sum` prints inside the folder.

    Like `find`, it sees neither links nor empty folders: a caller for whom they matter refuses
    them first. Raises UserError for a folder without files and for a name that the command could
    not hash (white space, quotes, backslashes), OSError where a file cannot be read.
    """
    root = Path(path)
    names = sorted(_files(root), key=os.fsencode)
    if not names:
        raise UserError(f"{root} is empty or not a folder: there is nothing to hash")
    for name in names:
        if not _PLAIN.fullmatch(name):
            raise UserError(f"{root} holds a file named {name!r}: remove it, or rename it plainly")
    text = "".join(f"{sha256_file(root / name)}  {name}\n" for name in names)
    return hashlib.sha256(os.fsencode(text)).hexdigest()


def _files(root: Path) -> Iterator[str]:
    """Regular files below `root` as `find` writes them: `./a/b`."""
    for folder, _, names in os.walk(root, onerror=_fail):
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                yield f"./{path.relative_to(root).as_posix()}"


def _fail(error: OSError) -> None:
    raise error
