"""One session at a time on a phone, across the processes of this computer."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from deploy.android.identity import read_identity
from deploy.android.phone import Phone
from deploy.assets import cache_folder
from deploy.protocol.faults import fault
from deploy.support.errors import StorageError


@contextmanager
def alone(phone: Phone) -> Iterator[None]:
    """Two sessions on one phone would measure each other. Raises PhoneError (busy).

    By what it is, not by what adb calls it: that may be a cable or an address.
    """
    identity = read_identity(phone)
    itself = identity.lasting if identity.is_known else f"{identity.serialno} {phone.serial}"
    name = hashlib.sha256(itself.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    try:
        lock = _locked(f"phone-{name}.lock")
    except Timeout:
        raise fault("busy", f"another session measures on {phone.serial}") from None
    with lock:
        yield


def _locked(name: str) -> BaseFileLock:
    """A lock of that name, taken. Raises Timeout where another process has it.

    Among the temporary files where the cache cannot be written to; StorageError where neither can.
    """
    problem: Exception | None = None
    for find in (cache_folder, _temporary_folder):
        try:
            folder = find() / "locks"
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder / name, timeout=0)
            lock.acquire()
            return lock
        except Timeout:
            raise
        except (OSError, NotImplementedError, StorageError) as error:
            problem = problem or error
    if isinstance(problem, StorageError):
        raise problem
    raise StorageError(
        f"cannot lock the phone for this session ({problem}): set MOBILE_DEPLOY_CACHE to a folder "
        "that this user may write to"
    ) from problem


def _temporary_folder() -> Path:
    return Path(tempfile.gettempdir(), f"mobile-deploy-{os.getuid()}")
