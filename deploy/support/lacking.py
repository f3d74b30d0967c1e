"""What this computer lacks, told from errors that look like a bug of ours, or a fault of a file's.

No memory, no room, no folder to write to, limits of the user's: the one thing to do is to say so.
"""

from __future__ import annotations

import errno
import os
import re
import resource
import shutil
import tempfile

from deploy.support.errors import DeployError, RunError, StorageError, UserError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_FILES = (errno.EMFILE, errno.ENFILE)

# Of a disk with less left, in bytes, whatever was to be written there did not fit.
_LITTLE = 2**20

# Toolkits pass on what the system said, in exceptions of any kind.
_MEMORY = re.compile(
    r"cannot allocate memory|can't allocate memory|not enough memory|failed to map segment"
    r"|std::bad_alloc|out of memory|unable to allocate [\d.]+ [kmgt]?i?b",
    re.IGNORECASE,
)
_THREADS = re.compile(
    r"can't start new thread|pthread_create|thread creation failed"
    r"|resource temporarily unavailable",
    re.IGNORECASE,
)
_OPEN_FILES = re.compile(r"too many open files", re.IGNORECASE)
_NO_ROOM = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)


def lacking(error: BaseException) -> DeployError | None:
    """The error that names what is lacking; None where `error` is of another kind, or names it."""
    if isinstance(error, DeployError):
        return None
    if isinstance(error, OSError):
        found = _of_the_system(error)
        if found is not None:
            return found
    # Such are bugs of ours, whatever they quote.
    if isinstance(error, AssertionError | AttributeError | LookupError | TypeError):
        return None
    text = str(error)
    if isinstance(error, MemoryError) or _MEMORY.search(text):
        return RunError(
            "there is not enough memory: close other programs"
            + _limit("v", resource.RLIMIT_AS, unit=1024)
        )
    if _OPEN_FILES.search(text):
        return _too_many_files()
    if isinstance(error, BlockingIOError) or _THREADS.search(text):
        return RunError(
            "no more processes or threads can be started: end other programs"
            + _limit("u", resource.RLIMIT_NPROC)
        )
    if _NO_ROOM.search(text):
        what = f"no space left ({_first_line(text)}): free space on that disk"
        return full_temporary_folder() or StorageError(what)
    return None


def check_current_folder() -> None:
    """Raise UserError where it is gone. Intel's MKL, and torch with it, then ends the process."""
    try:
        os.getcwd()
    except OSError as error:
        raise UserError(
            "the folder that this was started in is gone: change to one that exists"
        ) from error


def full_temporary_folder() -> StorageError | None:
    """The error that says so where the folder for temporary files has no room left."""
    try:
        folder = tempfile.gettempdir()
        free = shutil.disk_usage(folder).free
    except OSError:
        return None
    if free > _LITTLE:
        return None
    return StorageError(
        f"no space left in {folder}, the folder for temporary files: free space on its disk, or "
        "set TMPDIR to another folder"
    )


def _of_the_system(error: OSError) -> DeployError | None:
    if error.errno in _FULL:
        if error.filename is None and (full := full_temporary_folder()):
            return full
        return StorageError(
            f"cannot write {_named(error)} ({error.strerror}): free space on its disk"
        )
    if error.errno in _FILES:
        return _too_many_files()
    if error.errno == errno.ENOENT:
        if "No usable temporary directory" in str(error.strerror):
            return StorageError(
                "there is no folder for temporary files that can be written to: "
                "set TMPDIR to one with room"
            )
        try:
            check_current_folder()
        except UserError as gone:
            return gone
    if error.errno in _FORBIDDEN and error.filename is not None:
        return StorageError(
            f"cannot use {_named(error)} ({error.strerror}): let this user read and write it, "
            "or choose another place"
        )
    return None


def _named(error: OSError) -> str:
    return os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else "the output"


def _too_many_files() -> RunError:
    return RunError(
        "too many files are open at once: end other programs" + _limit("n", resource.RLIMIT_NOFILE)
    )


def _limit(option: str, which: int, unit: int = 1) -> str:
    """What to do about this process's own limit, where it has one."""
    soft, _ = resource.getrlimit(which)
    if soft == resource.RLIM_INFINITY:
        return ""
    return f", or raise the limit (ulimit -{option} is {soft // unit})"


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:200]
