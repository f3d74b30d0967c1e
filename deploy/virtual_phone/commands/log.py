"""logcat."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from deploy.virtual_phone.commands.call import Call, Command
from deploy.virtual_phone.processes import LogLine

_LEVELS = "VDIWEF"
_WITH_VALUE = ("-v", "-b", "-T")


async def logcat(call: Call) -> int:
    """`-d` ends at what there is; `-c` clears; `-T` takes a time of the phone's."""
    words = list(call.args)
    if "-c" in words:
        call.phone.log.clear()
        return 0
    options, filters = _parse(words)
    call.out("--------- beginning of main\n")
    since = options.get("-T", "")
    shown = [line for line in call.phone.log if f"{line.at:%m-%d %H:%M:%S.%f}" >= since]
    _print(call, shown, filters)
    if "-d" in words:
        return 0
    seen = len(call.phone.log)
    while True:
        await call.streams.flush()
        await asyncio.sleep(0.05)
        seen = min(seen, len(call.phone.log))
        _print(call, call.phone.log[seen:], filters)
        seen = len(call.phone.log)


def _parse(words: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Options with their values, and the least level of each tag; `*` is for all others."""
    options: dict[str, str] = {}
    filters: dict[str, str] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in _WITH_VALUE:
            options[word] = rest.pop(0) if rest else ""
        elif word == "-s":
            filters["*"] = "S"
        elif not word.startswith("-"):
            tag, _, level = word.partition(":")
            filters[tag] = level or "V"
    return options, filters


def _print(call: Call, lines: Sequence[LogLine], filters: dict[str, str]) -> None:
    for line in lines:
        least = filters.get(line.tag, filters.get("*", "V"))
        if least not in _LEVELS or _LEVELS.index(line.level) < _LEVELS.index(least):
            continue
        call.out(f"{line.threadtime()}\n")


COMMANDS: dict[str, Command] = {"logcat": logcat}
