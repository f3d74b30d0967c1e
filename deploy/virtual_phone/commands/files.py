"""ls, mkdir, rm and what else handles files."""

from __future__ import annotations

import posixpath
import re
import stat as modes
from datetime import UTC, datetime

from deploy.virtual_phone.commands.call import Call, Command
from deploy.virtual_phone.filesystem import USERS, Node


def cd(call: Call) -> int:
    call.files.change_folder(call.args[0] if call.args else "/")
    return 0


def ls(call: Call) -> int:
    """Option l; a name a line, the hidden ones too."""
    letters, paths = call.options()
    status = 0
    for path in paths or (".",):
        try:
            node = call.files.stat(path)
            names = call.files.children(path) if node.is_folder else [path]
        except OSError as error:
            status = call.fail(f"{path}: {error.strerror}")
            continue
        if len(paths) > 1 and names != [path]:
            call.out(f"{path}:\n")
        for name in names:
            inner = node if name == path else call.files.stat(posixpath.join(path, name))
            call.out(f"{_long(call, name, inner)}\n" if "l" in letters else f"{name}\n")
    return status


def _long(call: Call, name: str, node: Node) -> str:
    owner = USERS[call.shell.uid]
    when = datetime.fromtimestamp(node.mtime, UTC)
    kind = modes.filemode(node.mode)
    return f"{kind} 1 {owner} {owner} {node.size:8} {when:%Y-%m-%d %H:%M} {name}"


def mkdir(call: Call) -> int:
    letters, paths = call.options()
    for path in paths:
        call.files.make_folder(path, parents="p" in letters)
    return 0


def rm(call: Call) -> int:
    letters, paths = call.options()
    status = 0
    for path in paths:
        try:
            call.files.remove(path, recursive="r" in letters or "R" in letters)
        except FileNotFoundError as error:
            if "f" not in letters:
                status = call.fail(f"{path}: {error.strerror}")
        except OSError as error:
            status = call.fail(f"{path}: {error.strerror}")
    return status


def cp(call: Call) -> int:
    """One file to another name."""
    if len(call.args) != 2:
        return call.fail("Need 2 arguments")
    source, target = call.args
    mode = modes.S_IMODE(call.files.stat(source).mode)
    call.files.write(target, call.files.read(source), mode=mode)
    return 0


def chmod(call: Call) -> int:
    """With octal modes."""
    if len(call.args) < 2:
        return call.fail("Need 2 arguments")
    mode, *paths = call.args
    if not re.fullmatch("[0-7]{3,4}", mode):
        return call.fail(f"bad mode '{mode}'")
    for path in paths:
        call.files.set_mode(path, int(mode, 8))
    return 0


def test(call: Call) -> int:
    """Of one file: -e, -f, -d or -s."""
    match call.args:
        case ["-e" | "-f" | "-d" | "-s" as kind, path]:
            return int(not _is(call, kind, path))
        case _:
            return call.fail("unknown condition", 2)


def _is(call: Call, kind: str, path: str) -> bool:
    if not call.files.exists(path):
        return False
    node = call.files.stat(path)
    return {"-e": True, "-f": not node.is_folder, "-d": node.is_folder, "-s": node.size > 0}[kind]


def df(call: Call) -> int:
    """Always of /data, in units of 1 kB."""
    _, paths = call.options()
    for path in paths:
        call.files.stat(path)
    used, free = call.files.system.used() // 1024, call.files.system.free() // 1024
    percent = 100 * used // max(1, used + free)
    return call.out(
        "Filesystem       1K-blocks     Used Available Use% Mounted on\n"
        f"/dev/block/dm-44 {used + free:9} {used:8} {free:9} {percent:3}% /data\n"
    )


COMMANDS: dict[str, Command] = {
    "cd": cd,
    "chmod": chmod,
    "cp": cp,
    "df": df,
    "ls": ls,
    "mkdir": mkdir,
    "rm": rm,
    "test": test,
}
