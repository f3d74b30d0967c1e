"""/proc/stat and /proc/meminfo: how busy the phone is besides us, and how much memory it has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from deploy.benchmark.parsers.text import MOST_KILOBYTES, lines_of, positive, whole

# user nice system idle iowait irq softirq steal; guest time, behind them, is in user already.
_FIELDS = 8
_FEWEST_FIELDS = 4
_IDLE, _IOWAIT = 3, 4
_CORE = re.compile(r"cpu([0-9]{0,4})\s+([0-9][0-9 ]*)")
_MEMORY = re.compile(r"MemTotal:\s+([0-9]+) kB\s*")
_ALL = -1


@dataclass(frozen=True, kw_only=True)
class CoreTimes:
    """Time since boot, in clock ticks."""

    busy: int
    idle: int


def parse_stat(text: str) -> dict[int, CoreTimes]:
    """The times of each core that is online, or those of all under -1 where only these are there.

    Waiting for the disk is idle: the core could have worked.
    """
    times: dict[int, CoreTimes] = {}
    for line in lines_of(text):
        matched = _CORE.fullmatch(line.rstrip())
        ticks = [whole(field) for field in matched[2].split()[:_FIELDS]] if matched else []
        known = [tick for tick in ticks if tick is not None]
        if matched is None or len(known) < max(_FEWEST_FIELDS, len(ticks)):
            continue
        idle = sum(known[_IDLE : _IOWAIT + 1])
        core = int(matched[1]) if matched[1] else _ALL
        times[core] = CoreTimes(busy=sum(known) - idle, idle=idle)
    if len(times) > 1:
        times.pop(_ALL, None)
    return times


def busy_share(before: Mapping[int, CoreTimes], after: Mapping[int, CoreTimes]) -> float | None:
    """The share, 0 to 1, of the time between two readings in which cores worked.

    Of the cores in both; one that goes offline is in neither sum. Counters may run back a little
    as cores come and go, which counts as no time.
    """
    both = before.keys() & after.keys()
    busy = sum(max(0, after[core].busy - before[core].busy) for core in both)
    idle = sum(max(0, after[core].idle - before[core].idle) for core in both)
    return busy / (busy + idle) if busy + idle else None


def parse_meminfo(text: str) -> int | None:
    """MemTotal in bytes."""
    found = (matched for line in lines_of(text) if (matched := _MEMORY.fullmatch(line)))
    kilobytes = next((positive(matched[1], MOST_KILOBYTES) for matched in found), None)
    return kilobytes * 1024 if kilobytes else None
