"""echo, cat, grep and what else reads or writes text."""

from __future__ import annotations

import hashlib
import re

from deploy.virtual_phone.commands.call import Call, Command, number

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}


def echo(call: Call) -> int:
    words = call.args
    if words[:1] == ("-n",):
        return call.out(" ".join(words[1:]))
    return call.out(" ".join(words) + "\n")


def printf(call: Call) -> int:
    """Its format's %s alone."""
    if not call.args:
        return call.fail("not enough arguments")
    text = re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[0]), call.args[0])
    values = iter(call.args[1:])
    return call.out(re.sub("%s", lambda _: next(values, ""), text))


async def cat(call: Call) -> int:
    status = 0
    for path in call.args or ("-",):
        if path == "-":
            while data := await call.streams.stdin.read():
                call.streams.stdout.write(data)
            continue
        try:
            call.streams.stdout.write(call.files.read(path))
        except OSError as error:
            status = call.fail(f"{path}: {error.strerror}")
    return status


async def sha256sum(call: Call) -> int:
    status = 0
    for path in call.args or ("-",):
        try:
            data = await call.read_all() if path == "-" else call.files.read(path)
        except OSError as error:
            status = call.fail(f"{path}: {error.strerror}")
        else:
            call.out(f"{hashlib.sha256(data).hexdigest()}  {path}\n")
    return status


async def wc(call: Call) -> int:
    letters, paths = call.options()
    status = 0
    for path in paths or ("",):
        try:
            data = call.files.read(path) if path else await call.read_all()
        except OSError as error:
            status = call.fail(f"{path}: {error.strerror}")
            continue
        counts = {"l": data.count(b"\n"), "w": len(data.split()), "c": len(data)}
        shown = [str(counts[letter]) for letter in "lwc" if letter in (letters or "lwc")]
        call.out(" ".join([*shown, path]).rstrip() + "\n")
    return status


async def head(call: Call) -> int:
    words = call.args
    count, paths = 10, words
    if words[:1] == ("-n",):
        given = number("".join(words[1:2]))
        if given is None:
            return call.fail("bad number")
        count, paths = given, words[2:]
    data = call.files.read(paths[0]) if paths else await call.read_all()
    call.streams.stdout.write(b"".join(data.splitlines(keepends=True)[:count]))
    return 0


async def grep(call: Call) -> int:
    """Options E, F, H, h, i, q, s and v; patterns are Python's, near enough to POSIX's."""
    letters, words = call.options()
    if not words:
        return call.fail("no REGEX", 2)
    source = re.escape(words[0]) if "F" in letters else words[0]
    try:
        pattern = re.compile(source, re.IGNORECASE if "i" in letters else 0)
    except re.error:
        return call.fail(f"bad regex '{words[0]}'", 2)
    paths = words[1:]
    named = "H" in letters or (len(paths) > 1 and "h" not in letters)
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
                if "q" not in letters:
                    call.out(f"{path}:{line}\n" if named else f"{line}\n")
    return 2 if failed and not found else int(not found)


COMMANDS: dict[str, Command] = {
    "cat": cat,
    "echo": echo,
    "grep": grep,
    "head": head,
    "printf": printf,
    "sha256sum": sha256sum,
    "wc": wc,
}
