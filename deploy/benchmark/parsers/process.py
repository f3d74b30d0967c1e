"""One process, as Linux tells of it under /proc."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deploy.benchmark.parsers.text import MOST_KILOBYTES, lines_of, positive
from deploy.results.cores import core_list, parse_core_list

# Linux's own limit.
_MOST_THREADS = 2**22
# What a record takes; a phone's cores are in one run or two.
_LONGEST_LIST = 1000


@dataclass(frozen=True, kw_only=True)
class ProcessStatus:
    """Resident memory in bytes, now and at its highest; `cores_allowed` such as `0-3,7`, written
    as the kernel does."""

    peak_bytes: int | None
    resident_bytes: int | None
    threads: int | None
    cores_allowed: str | None


def parse_status(text: str) -> ProcessStatus | None:
    """/proc/PID/status; None for what is none, as of a process that is gone."""
    entries: dict[str, str] = {}
    for line in lines_of(text):
        key, _, value = line.partition(":")
        entries.setdefault(key, value.strip())
    cores = entries.get("Cpus_allowed_list", "")
    status = ProcessStatus(
        peak_bytes=_bytes(entries.get("VmHWM", "")),
        resident_bytes=_bytes(entries.get("VmRSS", "")),
        threads=positive(entries.get("Threads"), _MOST_THREADS),
        cores_allowed=_as_kept(core_list(parse_core_list(cores))),
    )
    nothing = ProcessStatus(peak_bytes=None, resident_bytes=None, threads=None, cores_allowed=None)
    return None if status == nothing else status


def _as_kept(cores: str) -> str | None:
    return cores if 0 < len(cores) <= _LONGEST_LIST else None


def _bytes(text: str) -> int | None:
    matched = re.fullmatch(r"([0-9]+) kB", text)
    kilobytes = positive(matched[1], MOST_KILOBYTES) if matched else None
    return kilobytes * 1024 if kilobytes else None
