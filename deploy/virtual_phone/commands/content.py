"""content: Android's command for content providers, as far as our app's provider goes.

As the real one does, it ends with 0 whatever happens, and says on stderr what went wrong.
"""

from __future__ import annotations

import errno
import hashlib
import re

from deploy.virtual_phone.benchmark import FOLDER
from deploy.virtual_phone.commands.call import Call, Command
from deploy.virtual_phone.filesystem import APP, SHELL, UserFiles
from deploy.virtual_phone.state import FILES_PROCESS, PACKAGE

AUTHORITY = f"{PACKAGE}.benchmark"
_RSS_KB = 58_000
_URI = re.compile(r"content://([^/]+)(?:/(.*))?")
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,79}")


class _RefusedError(Exception):
    """In the words of Java's exceptions."""


async def content(call: Call) -> int:
    match call.args:
        case ["write", *_] if call.phone.faults.expects("content-reads"):
            return call.out("[ERROR] Unsupported operation: write\n")
        case ["query" | "read" | "write" | "delete" as operation, "--uri", uri]:
            return await _act(call, operation, uri)
        case [operation, *_] if operation in ("query", "read", "write", "delete"):
            return call.out("[ERROR] Content provider URI not specified.\n")
        case _:
            return call.out(f"[ERROR] Unsupported operation: {' '.join(call.args[:1])}\n")


async def _act(call: Call, operation: str, uri: str) -> int:
    parsed = _URI.fullmatch(uri)
    authority, name = (parsed[1], parsed[2] or "") if parsed else ("", "")
    # Read whatever becomes of it, as a pipe is.
    data = await call.read_all() if operation == "write" else b""
    try:
        files = _provider(call, authority)
        if name and not _NAME.fullmatch(name):
            raise _RefusedError(f"java.lang.IllegalArgumentException: no name of a file: {name}")
        _OPERATIONS[operation](call, files, name, data)
    except _RefusedError as refused:
        _complain(call, authority, str(refused))
    except OSError as error:
        code = errno.errorcode.get(error.errno or 0, "EIO")
        what = f"java.io.IOException: {name}: {code} ({error.strerror})"
        _complain(call, authority, what)
    return 0


def _provider(call: Call, authority: str) -> UserFiles:
    """The app's folder as the app sees it. Raises _RefusedError."""
    expects = call.phone.faults.expects
    hidden = expects("app-release") or expects("never-unlocked")
    is_there = call.phone.is_installed(PACKAGE) and not hidden
    if call.shell.uid != SHELL:
        raise _RefusedError(
            "java.lang.SecurityException: Permission Denial: getContentProviderExternal() from "
            f"pid=1, uid={call.shell.uid} requires "
            "android.permission.ACCESS_CONTENT_PROVIDERS_EXTERNALLY"
        )
    if authority != AUTHORITY or not is_there:
        what = f"Could not find provider: {authority}"
        raise _RefusedError(f"java.lang.IllegalStateException: {what}")
    if not call.phone.processes.named(FILES_PROCESS):
        cores = tuple(range(call.phone.profile.cores))
        call.phone.processes.start(FILES_PROCESS, APP, cores=cores, threads=14, rss_kb=_RSS_KB)
    UserFiles(call.phone.filesystem, APP).make_folder(FOLDER, parents=True)
    return UserFiles(call.phone.filesystem, APP, FOLDER)


def _query(call: Call, files: UserFiles, name: str, data: bytes) -> None:
    names = [one for one in files.children(".") if name in ("", one)]
    if not names:
        call.out("No result found.\n")
    for row, one in enumerate(names):
        held = files.read(one)
        digest = hashlib.sha256(held).hexdigest()
        call.out(f"Row: {row} name={one}, bytes={len(held)}, sha256={digest}\n")


def _read(call: Call, files: UserFiles, name: str, data: bytes) -> None:
    call.streams.stdout.write(files.read(_named(name)))


def _write(call: Call, files: UserFiles, name: str, data: bytes) -> None:
    files.write(_named(name), data)


def _delete(call: Call, files: UserFiles, name: str, data: bytes) -> None:
    for one in files.children("."):
        if name in ("", one):
            files.remove(one)


def _named(name: str) -> str:
    if not name:
        raise _RefusedError("java.lang.IllegalArgumentException: no name of a file: ")
    return name


def _complain(call: Call, authority: str, what: str) -> None:
    text = f"Error while accessing provider:{authority}\n{what}\n\tat android.os.Parcel\n"
    call.streams.stderr.write(text.encode())


_OPERATIONS = {"query": _query, "read": _read, "write": _write, "delete": _delete}

COMMANDS: dict[str, Command] = {"content": content}
