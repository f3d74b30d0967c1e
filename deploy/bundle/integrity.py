"""Whether a bundle's folder holds what its manifest says: those bytes, all of them, no others."""

from __future__ import annotations

import hashlib
import mmap
import os
import stat
from pathlib import Path

from deploy.bundle.fields import is_plain_path
from deploy.bundle.manifest import MANIFEST_FILE, Manifest
from deploy.bundle.onnx_file import check_self_contained
from deploy.support.errors import GateError
from deploy.support.hashing import sha256_file, sha256_folder
from deploy.support.printable import printable

_REMEDY = "fetch the bundle again, or build it again"


def check_files(folder: Path, manifest: Manifest) -> None:
    """Raise GateError, naming the file, unless `folder` holds exactly what `manifest` describes.

    Refused are links and special files (never opened), files that the manifest does not name, names
    that another file system would confuse, missing files, sizes and hashes that differ, and an
    .onnx that reads further files. Raises OSError where the folder cannot be read.
    """
    # A package counts as one entry, its path with a slash at the end: no file has such a path.
    packages = tuple(f"{item.file}/" for item in manifest.artifacts if item.is_folder)
    hashes = dict(manifest.files())
    sizes: dict[str, int] = {}
    for artifact in manifest.artifacts:
        entry = f"{artifact.file}/" if artifact.is_folder else artifact.file
        hashes[entry], sizes[entry] = artifact.sha256, artifact.bytes

    found: dict[str, int] = {}
    for file, size in _regular_files(folder).items():
        entry = next((package for package in packages if file.startswith(package)), file)
        if entry not in hashes and entry != MANIFEST_FILE:
            raise _wrong(folder, file, "is not named by the manifest: remove it")
        found[entry] = found.get(entry, 0) + size
    for entry in hashes:
        if entry not in found:
            raise _wrong(folder, entry, f"is missing: {_REMEDY}")
    for entry, size in sizes.items():
        if found[entry] != size:
            what = f"has {found[entry]} bytes, the manifest says {size}: {_REMEDY}"
            raise _wrong(folder, entry, what)
    for entry, sha256 in hashes.items():
        digest = sha256_folder if entry in packages else sha256_file
        if digest(folder / entry) != sha256:
            raise _altered(folder, entry)
    for artifact in manifest.artifacts:
        if artifact.format == "onnx":
            _check_onnx(folder, artifact.file)


def read_checked(folder: Path, file: str, sha256: str, most: int) -> bytes:
    """The bytes of one of a bundle's files, once their hash agrees; never more than `most`.

    Raises GateError, naming the file, where it is missing, behind a link, larger or altered, and
    OSError where it cannot be read.
    """
    data = read_regular(folder, file, most)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise _altered(folder, file)
    return data


def read_regular(folder: Path, file: str, most: int) -> bytes:
    """The bytes of a regular file in `folder`, reached without a link; errors as above."""
    try:
        for part in [file[:end] for end, mark in enumerate(file) if mark == "/"] + [file]:
            mode = (folder / part).lstat().st_mode
            _refuse_special(folder, part, mode)
        if stat.S_ISDIR(mode):
            raise _wrong(folder, file, f"is a folder in a file's place: {_REMEDY}")
        with (folder / file).open("rb") as opened:
            data = opened.read(most + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise _wrong(folder, file, f"is missing: {_REMEDY}") from None
    if len(data) > most:
        raise _wrong(folder, file, f"is larger than {most} bytes: {_REMEDY}")
    return data


def _regular_files(folder: Path) -> dict[str, int]:
    """Relative path and size in bytes of each file below `folder`, in the order of the paths."""
    sizes: dict[str, int] = {}
    spelled: dict[str, str] = {}
    pending = [folder]
    while pending:
        for entry in os.scandir(pending.pop()):
            path = Path(entry.path)
            file = path.relative_to(folder).as_posix()
            status = entry.stat(follow_symlinks=False)
            _refuse_special(folder, file, status.st_mode)
            if not is_plain_path(file):
                raise _wrong(folder, file, "is not a name that a bundle holds: remove it")
            other = spelled.setdefault(file.casefold(), file)
            if other != file:
                raise _wrong(folder, file, f"differs from {other} in case alone: remove one")
            if stat.S_ISDIR(status.st_mode):
                pending.append(path)
            else:
                sizes[file] = status.st_size
    return dict(sorted(sizes.items()))


def _check_onnx(folder: Path, file: str) -> None:
    with (
        (folder / file).open("rb") as opened,
        mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        try:
            check_self_contained(data)
        except ValueError as error:
            raise _wrong(folder, file, f"{error}: {_REMEDY}") from error


def _refuse_special(folder: Path, file: str, mode: int) -> None:
    if stat.S_ISLNK(mode):
        raise _wrong(folder, file, "is a link, which a bundle never holds: remove it")
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise _wrong(folder, file, "is neither a file nor a folder: remove it")


def _altered(folder: Path, file: str) -> GateError:
    return _wrong(folder, file, f"has another SHA-256 than the manifest says: {_REMEDY}")


def _wrong(folder: Path, file: str, what: str) -> GateError:
    return GateError(f"{printable(file)} in {printable(str(folder))} {what}")
