"""Which processes run, and how those that are gone ended, as Android recorded it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deploy.benchmark.parsers.text import lines_of, whole, words

_RECORD = re.compile(r"ApplicationExitInfo #[0-9]+:")
_REASON = re.compile(r"(?<!\S)reason=([0-9]{1,9})(?: \((.{0,80}?)\))?(?= [a-z]+=|$)")
_DESCRIPTION = re.compile(r"(?<!\S)description=(.{0,2000}?)(?= state=| trace=|$)")


@dataclass(frozen=True, kw_only=True)
class ExitInfo:
    """How a process ended, by android.app.ApplicationExitInfo.

    `status` is the exit code where `reason` is 1 (it left by itself), and the signal where it is
    2; `timestamp` is of the phone's clock, as printed.
    """

    pid: int
    process: str | None
    reason: int
    reason_name: str | None
    status: int | None
    timestamp: str | None
    description: str | None


def parse_pidof(text: str) -> tuple[int, ...]:
    """The process numbers that `pidof` prints, on one line."""
    for line in lines_of(text):
        pids = [whole(word) for word in line.split()]
        known = tuple(pid for pid in pids if pid is not None and pid > 0)
        if known and len(known) == len(pids):
            return known
    return ()


def parse_exit_info(text: str) -> tuple[ExitInfo, ...]:
    """`dumpsys activity exit-info PACKAGE`, Android 11 and later, newest first.

    A record without its process or its reason is left out.
    """
    _, *chunks = _RECORD.split("\n".join(lines_of(text)))
    records = (_exit_record(" ".join(chunk.split())) for chunk in chunks)
    return tuple(record for record in records if record is not None)


def _exit_record(line: str) -> ExitInfo | None:
    def field(name: str, value: str = r"\S+") -> str | None:
        matched = re.search(rf"(?<!\S){name}=({value})(?!\S)", line)
        return matched[1] if matched else None

    pid, reason = whole(field("pid")), _REASON.search(line)
    if pid is None or reason is None:
        return None
    description = _DESCRIPTION.search(line)
    return ExitInfo(
        pid=pid,
        process=words(field("process")),
        reason=int(reason[1]),
        reason_name=words(reason[2]),
        status=whole(field("status")),
        timestamp=field("timestamp", r"[0-9-]{10} [0-9:.]{8,12}"),
        description=words(description[1]) if description else None,
    )
