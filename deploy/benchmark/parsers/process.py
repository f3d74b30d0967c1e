"""One process, as Linux tells of it under /proc."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deploy.benchmark.parsers.text import lines_of, whole
from deploy.results.cores import parse_core_list


@dataclass(frozen=True, kw_only=True)
class ProcessStatus:
    """Resident memory in bytes, now and at its highest; `cores_allowed` such as `0-3,7`."""

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
        threads=whole(entries.get("Threads")) or None,
        cores_allowed=cores if parse_core_list(cores) else None,
    )
    nothing = ProcessStatus(peak_bytes=None, resident_bytes=None, threads=None, cores_allowed=None)
    return None if status == nothing else status


def _bytes(text: str) -> int | None:
    matched = re.fullmatch(r"([0-9]+) kB", text)
    kilobytes = whole(matched[1]) if matched else None
    return kilobytes * 1024 if kilobytes else None
