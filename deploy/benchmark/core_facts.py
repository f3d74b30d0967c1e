"""Cores as results.json has them, from the files under /sys/devices/system/cpu."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from deploy.benchmark.parsers import cpu
from deploy.results.records import Cluster, CoreClock


def clusters_of(files: Mapping[str, str], present: Sequence[int]) -> tuple[Cluster, ...]:
    """Clusters by their highest clocks, slowest first.

    `files`: path to content. Where they tell no clocks, as in most virtual machines, the cores
    `present` are all alike; empty where these are not known either.
    """
    told = cpu.clusters(files)
    if told:
        return tuple(Cluster(cores=each.cores, max_khz=each.max_khz) for each in told)
    return (Cluster(cores=tuple(present), max_khz=None),) if present else ()


def clocks_of(files: Mapping[str, str]) -> tuple[CoreClock, ...]:
    """The clock, and the highest allowed one, of every core that tells them."""
    return tuple(
        CoreClock(core=each.core, khz=each.khz, allowed_khz=each.allowed_khz)
        for each in cpu.clocks(files)
    )
