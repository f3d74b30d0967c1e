"""`logcat -d -v threadtime -b main,system,crash`: how an app died.

Vendors keep some of these lines from the log, so that their absence proves nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from deploy.benchmark.parsers.text import lines_of, whole, words

DeathKind = Literal["java-crash", "native-crash", "not-responding", "low-memory", "died"]

_LINE = re.compile(
    r"(?P<time>(?:[0-9]{4}-)?[0-9]{2}-[0-9]{2} [0-9:]{8}\.[0-9]+)\s+(?:\S+\s+)??"
    r"(?P<pid>[0-9]+)\s+[0-9]+ [VDIWEFA] (?P<tag>.*?)\s*: (?P<message>.*)"
)
_JAVA = re.compile(r"Process: (\S+), PID: ([0-9]+)")
_NATIVE = re.compile(r"Fatal signal [0-9]+ .*, pid ([0-9]+)(?: \((.*)\))?")
_TOMBSTONE = re.compile(r"pid: ([0-9]+), .*>>> (.*?) <<<")
_ANR = re.compile(r"ANR in (\S+)")
_KILLED = re.compile(r"Kill(?:ing)? '(.+?)' \(([0-9]+)\)")
_DIED = re.compile(r"Process (\S+) \(pid ([0-9]+)\) has died")
_LONGEST_LINE = 2000
# The lines of one crash stand together.
_NEAR = 40


@dataclass(frozen=True, kw_only=True)
class Death:
    """`text` is the log's line that says most; `time` is of the phone's clock, as printed."""

    kind: DeathKind
    pid: int | None
    time: str
    text: str


@dataclass(frozen=True, kw_only=True)
class _Entry:
    time: str
    pid: str
    tag: str
    message: str


def parse_deaths(text: str, package: str) -> tuple[Death, ...]:
    """Each death of the process `package`, in the log's order, one a process and kind."""
    entries = [
        _Entry(**matched.groupdict())
        for line in lines_of(text)
        if len(line) <= _LONGEST_LINE and (matched := _LINE.fullmatch(line)) is not None
    ]
    deaths: dict[tuple[DeathKind, int | None], Death] = {}
    for at, entry in enumerate(entries):
        death = _death(entry, entries[at + 1 : at + _NEAR], package)
        if death is not None:
            deaths.setdefault((death.kind, death.pid), death)
    return tuple(deaths.values())


def _death(entry: _Entry, later: list[_Entry], package: str) -> Death | None:
    def death(kind: DeathKind, pid: str | None, text: str) -> Death:
        said = words(text) or entry.tag
        return Death(kind=kind, pid=whole(pid), time=entry.time, text=said)

    message = entry.message
    if entry.tag == "AndroidRuntime" and (found := _JAVA.match(message)) and found[1] == package:
        # The exception stands in the next line.
        return death("java-crash", found[2], _next(entry, later, "") or message)
    if entry.tag == "libc" and (found := _NATIVE.match(message)) and _is_name(found[2], package):
        return death("native-crash", found[1], message)
    if entry.tag == "DEBUG" and (found := _TOMBSTONE.match(message)) and found[2] == package:
        return death("native-crash", found[1], _next(entry, later, r"signal [0-9]") or message)
    if (found := _ANR.match(message)) and found[1] == package:
        pid = (_next(entry, later, r"PID: [0-9]") or "").removeprefix("PID: ")
        return death("not-responding", pid, _next(entry, later, "Reason: ") or message)
    if (found := _KILLED.match(message)) and found[1] == package:
        return death("low-memory", found[2], message)
    if (found := _DIED.match(message)) and found[1] == package:
        return death("died", found[2], message)
    return None


def _next(entry: _Entry, later: list[_Entry], start: str) -> str | None:
    """The next line of the same writer whose start matches."""
    same = [line for line in later if line.tag == entry.tag and line.pid == entry.pid]
    return next((line.message for line in same if re.match(start, line.message)), None)


def _is_name(name: str | None, package: str) -> bool:
    """Whether `name`, of which the kernel keeps the last 15 characters, is of the package."""
    return bool(name) and package.endswith(name or "")
