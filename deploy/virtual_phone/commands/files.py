"""ls, mkdir, rm and what else handles files."""

from __future__ import annotations

import posixpath
import stat as modes
from datetime import UTC, datetime

from deploy.virtual_phone.commands.call import Call, Command
from deploy.virtual_phone.filesystem import APP, ROOT, SHELL, Node

_OWNERS = {ROOT: "root", SHELL: "shell", APP: "u0_a234"}


def cd(call: Call) -> int:
    call.files.change_folder(call.args[0] if call.args else "/")
    return 0


def pwd(call: Call) -> int:
    return call.out(f"{call.files.cwd}\n")


def ls(call: Call) -> int:
    letters, paths = call.options()
    status = 0
    for path in paths or (".",):
        try:
            node = call.files.stat(path)
            names = call.files.children(path) if node.is_folder and "d" not in letters else [path]
        except OSError as error:
            status = call.fail(f"{path}: {error.strerror}")
            continue
        if len(paths) > 1 and names != [path]:
            call.out(f"{path}:\n")
        for name in names:
            if name.startswith(".") and name not in paths and not set("aA") & set(letters):
                continue
            inner = node if name == path else call.files.stat(posixpath.join(path, name))
            call.out(f"{_long(call, name, inner)}\n" if "l" in letters else f"{name}\n")
    return status


def _long(call: Call, name: str, node: Node) -> str:
    owner = _OWNERS[call.shell.uid]
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


def rmdir(call: Call) -> int:
    for path in call.args:
        if call.files.children(path):
            return call.fail(f"{path}: Directory not empty")
        call.files.remove(path, recursive=True)
    return 0


def mv(call: Call) -> int:
    _, paths = call.options()
    if len(paths) != 2:
        return call.fail("Need 2 arguments")
    call.files.rename(paths[0], _within(call, *paths))
    return 0


def cp(call: Call) -> int:
    _, paths = call.options()
    if len(paths) != 2:
        return call.fail("Need 2 arguments")
    source = call.files.stat(paths[0])
    target = _within(call, *paths)
    call.files.write(target, call.files.read(paths[0]), mode=modes.S_IMODE(source.mode))
    return 0


def _within(call: Call, source: str, target: str) -> str:
    """`target`, or the place within it where it is a folder."""
    into = call.files.exists(target) and call.files.stat(target).is_folder
    return posixpath.join(target, posixpath.basename(source)) if into else target


def chmod(call: Call) -> int:
    """With octal modes, and `+x`."""
    _, words = call.options()
    if len(words) < 2:
        return call.fail("Need 2 arguments")
    for path in words[1:]:
        mode = modes.S_IMODE(call.files.stat(path).mode) | 0o111
        if words[0] not in ("+x", "a+x", "u+x"):
            try:
                mode = int(words[0], 8) & 0o7777
            except ValueError:
                return call.fail(f"bad mode '{words[0]}'")
        call.files.set_mode(path, mode)
    return 0


def touch(call: Call) -> int:
    for path in call.args:
        call.files.write(path, call.files.read(path) if call.files.exists(path) else b"")
    return 0


def test(call: Call) -> int:
    """Of one file or string, or whether two strings are equal; `[` is the same."""
    words = [word for word in call.args if word != "]"]
    negated = words[:1] == ["!"]
    match words[1:] if negated else words:
        case ["-e" | "-f" | "-d" | "-s" | "-x" | "-r" as kind, path]:
            true = _is(call, kind, path)
        case ["-n", text] | [text]:
            true = bool(text)
        case ["-z", text]:
            true = not text
        case [left, "=" | "==", right]:
            true = left == right
        case [left, "!=", right]:
            true = left != right
        case []:
            true = False
        case _:
            return call.fail("unknown condition", 2)
    return int(true == negated)


def _is(call: Call, kind: str, path: str) -> bool:
    if not call.files.exists(path):
        return False
    node = call.files.stat(path)
    return {
        "-e": True,
        "-r": True,
        "-f": not node.is_folder,
        "-d": node.is_folder,
        "-s": node.size > 0,
        "-x": bool(node.mode & modes.S_IXUSR),
    }[kind]


def stat(call: Call) -> int:
    """`stat -c FORMAT FILE...`."""
    if call.args[:1] != ("-c",) or len(call.args) < 3:
        return call.fail("Needs -c FORMAT FILE")
    for path in call.args[2:]:
        node = call.files.stat(path)
        line = call.args[1]
        for sign, value in (
            ("%s", node.size),
            ("%n", path),
            ("%a", f"{modes.S_IMODE(node.mode):o}"),
            ("%Y", node.mtime),
        ):
            line = line.replace(sign, str(value))
        call.out(f"{line}\n")
    return 0


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
    "[": test,
    "cd": cd,
    "chmod": chmod,
    "cp": cp,
    "df": df,
    "ls": ls,
    "mkdir": mkdir,
    "mv": mv,
    "pwd": pwd,
    "rm": rm,
    "rmdir": rmdir,
    "stat": stat,
    "test": test,
    "touch": touch,
}
