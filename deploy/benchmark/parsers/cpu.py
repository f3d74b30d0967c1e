"""cpufreq under /sys/devices/system/cpu: which cores there are, and their clocks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from deploy.benchmark.parsers.text import lines_of, whole
from deploy.results.cores import parse_core_list
from deploy.results.records import Cluster, CoreClock

_CPU = "/sys/devices/system/cpu"
_POLICY_CORES = re.compile(rf"({_CPU}/cpufreq/policy[0-9]{{1,4}})/related_cpus")
_CORE_FILE = re.compile(rf"{_CPU}/cpu([0-9]{{1,4}})/cpufreq/[a-z_]+")
_FASTEST_KHZ = 100_000_000


def parse_files(text: str) -> dict[str, str]:
    """Path to content, from `grep -s -H '' FILES`; what could not be read is not there."""
    files: dict[str, list[str]] = {}
    for line in lines_of(text):
        path, colon, content = line.partition(":")
        if colon and path.startswith("/"):
            files.setdefault(path, []).append(content)
    return {path: "\n".join(lines) for path, lines in files.items()}


def clusters(files: Mapping[str, str], present: Sequence[int] = ()) -> tuple[Cluster, ...]:
    """The cores by their highest clock, slowest first; those of unknown clock are in none.

    `files`: path to content. Where they tell no clocks, as in most virtual machines, the cores
    `present` are all alike; empty where these are not known either.
    """
    by_clock: dict[int, list[int]] = {}
    for core, clock in _of_cores(files, "cpuinfo_max_freq").items():
        by_clock.setdefault(clock, []).append(core)
    if not by_clock and present:
        return (Cluster(cores=tuple(present), max_khz=None),)
    return tuple(
        Cluster(cores=tuple(cores), max_khz=clock) for clock, cores in sorted(by_clock.items())
    )


def clocks(files: Mapping[str, str]) -> tuple[CoreClock, ...]:
    """The clock now of every core that tells one, and the highest allowed now, which heat lowers.

    A core that is offline has none, as far as the file `online` is there to tell: its own files
    may keep what was.
    """
    now = _of_cores(files, "scaling_cur_freq")
    allowed = _of_cores(files, "scaling_max_freq")
    online = parse_core_list(files.get(f"{_CPU}/online", ""))
    return tuple(
        CoreClock(core=core, khz=now.get(core), allowed_khz=allowed.get(core))
        if core in online or not online
        else CoreClock(core=core, khz=None, allowed_khz=None)
        for core in sorted(now.keys() | allowed.keys())
    )


def _of_cores(files: Mapping[str, str], name: str) -> dict[int, int]:
    """Core to the clock in the file `name`, in kHz: the core's own, else its policy's."""
    found: dict[int, int] = {}
    for path, content in files.items():
        policy = _POLICY_CORES.fullmatch(path)
        clock = _clock(files.get(f"{policy[1]}/{name}")) if policy else None
        if clock is not None:
            found |= dict.fromkeys(parse_core_list(content), clock)
    for path, content in files.items():
        core = _CORE_FILE.fullmatch(path)
        clock = _clock(content) if core and path.endswith(f"/{name}") else None
        if core is not None and clock is not None:
            found[int(core[1])] = clock
    return dict(sorted(found.items()))


def _clock(text: str | None) -> int | None:
    value = whole(text)
    return value if value is not None and 0 < value <= _FASTEST_KHZ else None
