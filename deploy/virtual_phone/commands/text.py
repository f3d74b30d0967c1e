"""echo, cat, grep and sha256sum: what reads or writes text."""

from __future__ import annotations

import hashlib
import re

from deploy.virtual_phone.commands.call import Call, Command


def echo(call: Call) -> int:
    return call.out(" ".join(call.args) + "\n")


async def cat(call: Call) -> int:
    """Files, or standard input where none is named."""
    if not call.args:
        while data := await call.streams.stdin.read():
            call.streams.stdout.write(data)
        return 0
    status = 0
    for path in call.args:
        try:
            call.streams.stdout.write(call.files.read(path))
        except OSError as error:
            status = call.fail(f"{path}: {error.strerror}")
    return status


def sha256sum(call: Call) -> int:
    status = 0
    for path in call.args:
        try:
            digest = hashlib.sha256(call.files.read(path)).hexdigest()
        except OSError as error:
            status = call.fail(f"{path}: {error.strerror}")
        else:
            call.out(f"{digest}  {path}\n")
    return status


async def grep(call: Call) -> int:
    """Options H, i, s and v; patterns are Python's, near enough to POSIX's."""
    letters, words = call.options()
    if not words:
        return call.fail("no REGEX", 2)
    try:
        pattern = re.compile(words[0], re.IGNORECASE if "i" in letters else 0)
    except re.error:
        return call.fail(f"bad regex '{words[0]}'", 2)
    paths = words[1:]
    named = "H" in letters or len(paths) > 1
    found, failed = False, False
    for path in paths or ("",):
        try:
            data = call.files.read(path) if path else await call.read_all()
        except OSError as error:
            failed = True
            if "s" not in letters:
                call.fail(f"{path}: {error.strerror}")
            continue
        for line in data.decode(errors="replace").splitlines():
            if bool(pattern.search(line)) != ("v" in letters):
                found = True
                call.out(f"{path}:{line}\n" if named else f"{line}\n")
    return 2 if failed and not found else int(not found)


COMMANDS: dict[str, Command] = {"cat": cat, "echo": echo, "grep": grep, "sha256sum": sha256sum}
