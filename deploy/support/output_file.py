"""A file that the user named to be written: whole or not at all, and in place of a file alone.

A device, a FIFO or a terminal is written to; what a link leads to is written, and the link stays.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedWriter, TextIOWrapper
from pathlib import Path
from typing import TextIO

from deploy.support.errors import StorageError, UserError
from deploy.support.printable import printable


def check_output(path: Path) -> None:
    """Raise UserError where nothing can be written to `path`, before any work is done."""
    where = printable(str(path))
    if path.is_dir():
        raise UserError(f"{where} is a folder: name a file to write")
    if not path.absolute().parent.is_dir():
        raise UserError(f"{printable(str(path.parent))} is no folder: make it, or write elsewhere")
    try:
        if is_stream(path):
            writable = os.access(path, os.W_OK)
        else:
            part = _part(_target(path))
            part.touch(exist_ok=False)
            part.unlink()
            writable = True
    except OSError as error:
        raise UserError(f"cannot write {where} ({error.strerror}): write it elsewhere") from error
    if not writable:
        raise UserError(f"cannot write {where} (no permission): write it elsewhere")


def is_stream(path: Path) -> bool:
    """Whether what is written to `path` goes on to somewhere: a device, a terminal, a FIFO.

    Raises OSError for what is there and can be no output, such as a disk or a socket.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISCHR(mode) or stat.S_ISFIFO(mode):
        return True
    if not stat.S_ISREG(mode):
        raise OSError(0, "it is neither a file nor a stream", str(path))
    return False


def write_output(path: Path, data: bytes) -> None:
    """Write `data`: a file beside its place, then renamed. Raises StorageError."""
    with _telling(path):
        if is_stream(path):
            # Of its own position, and waited for as long as its reader takes.
            with path.open("wb") as stream:
                stream.write(data)
        else:
            replace_file(_target(path), data)


@contextmanager
def streamed_output(path: Path) -> Iterator[TextIO]:
    """Text that is written bit by bit: a file beside its place, renamed where all of it was said.

    In UTF-8; names of files that are in none come out as the bytes that they are. Raises
    StorageError where the file system does not take it; what else goes wrong meanwhile passes.
    """
    target = part = None
    with _telling(path):
        if is_stream(path):
            stream = _Stream(path.open("wb"), path)
        else:
            target = _target(path)
            part = _part(target)
            stream = _Stream(part.open("xb"), path)
    try:
        try:
            yield stream
        except BaseException:  # Ctrl-C too: it is not to be hidden by what closing says.
            with suppress(StorageError):
                stream.close()
            raise
        stream.close()
        if part is not None and target is not None:
            with _telling(path):
                _put_in_place(part, target)
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


class _Stream(TextIOWrapper):
    """Tells where it is not taken, apart from what else goes wrong while it is open."""

    def __init__(self, opened: BufferedWriter, path: Path) -> None:
        super().__init__(opened, encoding="utf-8", errors="surrogateescape", newline="")
        self._path = path

    def write(self, text: str, /) -> int:
        with _telling(self._path):
            return super().write(text)

    def close(self) -> None:
        with _telling(self._path):
            super().close()


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    """Make a StorageError of an OSError of the file's own."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"cannot write {printable(str(path))} ({error.strerror or error}): write it elsewhere"
        ) from error


def replace_file(target: Path, data: bytes) -> None:
    """Write a file whole or not at all: beside its place, then renamed. Raises OSError."""
    part = _part(target)
    try:
        with part.open("xb") as stream:
            stream.write(data)
        _put_in_place(part, target)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _put_in_place(part: Path, target: Path) -> None:
    with suppress(FileNotFoundError):
        # What was kept from others stays so.
        part.chmod(stat.S_IMODE(target.stat().st_mode))
    os.replace(part, target)


def same_file(one: Path, other: Path) -> bool:
    """Whether both are the same file, there already or not; streams take both."""
    with suppress(OSError):
        if is_stream(one):
            return False
    return _target(one) == _target(other)


def _target(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _part(target: Path) -> Path:
    """A name that nobody can have put something at, were it a link to elsewhere."""
    return target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.part")
