"""Exchange two folders in one step, where the system can."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2  # linux/fs.h
_RENAME_SWAP = 2  # sys/stdio.h of macOS

# What a kernel or a file system without it answers.
_UNSUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}


def exchange(one: Path, other: Path) -> bool:
    """Give each of two existing paths the other's name; nobody ever sees one of them missing.

    Returns False, with nothing changed, where the system or the file system cannot. Raises OSError
    for everything else, FileNotFoundError if one of them does not exist.
    """
    library = ctypes.CDLL(None, use_errno=True)
    paths = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin":
        function, arguments = "renamex_np", (*paths, _RENAME_SWAP)
    else:
        function = "renameat2"
        arguments = (_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE)
    if not hasattr(library, function):
        return False
    if library[function](*arguments) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code), str(one), None, str(other))
