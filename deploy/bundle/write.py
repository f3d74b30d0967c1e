"""Write a bundle so that its target holds, at every moment, the whole old one or the whole new."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deploy.bundle.claim import claim, claimant
from deploy.bundle.integrity import read_regular
from deploy.bundle.manifest import MANIFEST_FILE, TOOL_NAME, FileRecord, Manifest
from deploy.bundle.parse import MAX_MANIFEST_BYTES
from deploy.bundle.staging import new_stage, replace_target, sweep
from deploy.support.errors import BundleError, GateError, StorageError
from deploy.support.hashing import sha256_file
from deploy.support.json_text import json_text
from deploy.support.printable import check_encoding, printable

__all__ = [
    "build_alone",
    "check_alone",
    "check_target",
    "file_record",
    "size_of",
    "staged",
    "sweep",
    "write_floats",
    "write_json",
    "write_manifest",
]

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}

# Room for what a build appends to it within the 255 bytes that file systems allow.
_LONGEST_NAME = 200


def check_target(target: Path) -> None:
    """Refuse, before any work, a target that a bundle cannot be written to.

    Raises BundleError if it is anything but a new path, an empty folder or a bundle, if its name is
    too long, or if its parent (made by `staged` where missing) cannot be written to.
    """
    target = Path(os.path.realpath(target))
    where = printable(str(target))
    check_encoding(target)
    if not 0 < len(os.fsencode(target.name)) <= _LONGEST_NAME:
        raise BundleError(f"{where} has no name that a folder can take: choose another with -o")
    try:
        parent = next(folder for folder in target.parents if os.path.lexists(folder))
        if not parent.is_dir():
            raise BundleError(f"{printable(str(parent))} is not a folder: choose another with -o")
        effective = os.access in os.supports_effective_ids
        if not os.access(parent, os.W_OK | os.X_OK, effective_ids=effective):
            raise _not_writable(parent)
        _refuse_strangers(target)
    except PermissionError as error:
        raise _not_writable(target) from error


def check_alone(target: Path) -> None:
    """Raise BundleError where another build is writing `target` now."""
    target = Path(os.path.realpath(target))
    if (process := claimant(target)) is not None:
        raise _being_built(target, process)


@contextmanager
def build_alone(target: Path) -> Iterator[None]:
    """Be the one build of `target`: of several that start at once the others get a BundleError.

    They would not harm each other, but the last to end would win, and the others' work be lost. The
    folder that the target is in must be there (`staged` makes it). Raises StorageError or
    BundleError where it cannot be written to.
    """
    target = Path(os.path.realpath(target))
    with ExitStack() as stack:
        try:
            mine = stack.enter_context(claim(target))
        except OSError as error:
            raise _storage_error(target, error) from error
        if not mine:
            raise _being_built(target, claimant(target) or "")
        yield


def _being_built(target: Path, process: str) -> BundleError:
    who = f"process {process}" if process else "another process"
    return BundleError(
        f"{printable(str(target))} is being built by {who}: wait for it to end, or choose another "
        "path with -o"
    )


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """Write a bundle: yields an empty folder beside `target`, which takes its place at the end.

    First sweeps what killed builds left. At the end the folder is synced to disk and exchanged with
    the old bundle, which is then removed. After an exception, Ctrl-C included, the folder is
    removed and the target is as it was.

    Raises BundleError as `check_target` does, StorageError where the disk is full (in the caller's
    block too) or refuses.
    """
    target = Path(os.path.realpath(target))
    check_target(target)
    missing = [folder for folder in target.parents if not folder.exists()]
    callers: OSError | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep(target)
        with new_stage(target) as stage:
            try:
                yield stage.folder
            except OSError as error:
                callers = error
                raise
            _refuse_strangers(target)
            _sync_tree(stage.folder)
            replace_target(stage)
            _sync(target.parent)
    except BaseException as error:  # Ctrl-C too: no folder of ours is left behind.
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()
        if isinstance(error, OSError) and (error is not callers or error.errno in _FULL):
            raise _storage_error(target, error) from error
        raise


def write_json(path: Path, value: object) -> None:
    """Write `value` as UTF-8 JSON. Raises ValueError for numbers that are not finite."""
    path.write_bytes(json_text(value).encode())


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest into a bundle's folder."""
    (folder / MANIFEST_FILE).write_bytes(manifest.to_json().encode())


def write_floats(path: Path, values: npt.ArrayLike) -> None:
    """Write numbers as little-endian float32 without a header, row by row.

    Raises ValueError for numbers that are not finite.
    """
    array = np.asarray(values, dtype="<f4")
    if not np.isfinite(array).all():
        raise ValueError(f"{path.name} would hold numbers that are not finite")
    path.write_bytes(array.tobytes())


def file_record(folder: Path, file: str) -> FileRecord:
    """The record of a file that lies in a bundle's folder already."""
    return FileRecord(file=file, sha256=sha256_file(folder / file))


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder: what `Artifact.bytes` says."""
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size


def _refuse_strangers(target: Path) -> None:
    """Raise BundleError if `target` holds anything but a bundle: it would be removed."""
    # Another build may replace it while we look: only what was there before and after counts.
    while (seen := _identity(target)) is not None:
        fault = _fault(target)
        if fault is None:
            return
        if _identity(target) == seen:
            raise BundleError(f"{printable(str(target))} {fault}")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _fault(target: Path) -> str | None:
    """Why `target` must not be replaced; None for an empty folder and for a bundle."""
    try:
        empty = not os.listdir(target)
    except (FileNotFoundError, NotADirectoryError):
        return "is a file: a bundle is a folder, choose another path with -o"
    if empty or _is_ours(target):
        return None
    return (
        "holds something that is not a bundle: choose another path with -o, or remove it yourself"
    )


def _is_ours(folder: Path) -> bool:
    """Whether a bundle of any schema, newer ones included, seems to lie in `folder`."""
    try:
        content = json.loads(read_regular(folder, MANIFEST_FILE, MAX_MANIFEST_BYTES))
    except (GateError, ValueError, RecursionError):
        return False
    tool = content.get("tool") if isinstance(content, dict) else None
    return isinstance(tool, dict) and tool.get("name") == TOOL_NAME


def _storage_error(target: Path, error: OSError) -> BundleError | StorageError:
    """What to tell the user of an OSError while writing `target`."""
    path = Path(str(error.filename or target))
    if error.errno in _FORBIDDEN:
        return _not_writable(path)
    where = printable(str(path))
    if error.errno in _FULL:
        return StorageError(
            f"cannot write {where} ({error.strerror}): free space on its disk, "
            "or choose another path with -o"
        )
    return StorageError(f"cannot write {where} ({error.strerror}): choose another path with -o")


def _not_writable(path: Path) -> BundleError:
    return BundleError(
        f"{printable(str(path))} cannot be written to: change its permissions, "
        "or choose another path with -o"
    )


def _sync_tree(folder: Path) -> None:
    """Have everything below `folder` on the disk, so that a loss of power cannot empty a file."""
    for root, _, files in os.walk(folder):
        for file in files:
            _sync(Path(root, file))
        _sync(Path(root))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
