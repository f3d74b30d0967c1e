"""What `--cores` means on a device: big, little, all, or a mask."""

from __future__ import annotations

from deploy.results.core_sets import cores_of, mask_of
from deploy.results.records import DeviceFacts
from deploy.support.errors import UserError

NAMED = ("big", "little", "all")


def normal(cores: str) -> str:
    """One spelling for each choice: a name, or a mask as bare lower-case hexadecimal.

    Raises UserError for what is neither.

    >>> normal("0xF0"), normal("big")
    ('f0', 'big')
    """
    if cores in NAMED:
        return cores
    held = cores_of(cores)
    if not held:
        raise UserError(f"--cores {cores}: give big, little, all or a mask such as f0")
    return mask_of(held)


def held_cores(cores: str | None, device: DeviceFacts) -> tuple[int, ...]:
    """The cores that a choice, in its normal spelling, holds a process to; empty for no choice, or
    where the device does not tell its clusters.

    Clusters are slowest first: what is not the slowest is big, be it one cluster or three.
    """
    clusters = [cluster.cores for cluster in device.clusters]
    match cores:
        case None:
            return ()
        case "all":
            chosen = clusters
        case "little":
            chosen = clusters[:1]
        case "big":
            chosen = clusters[1:]
        case _:
            return cores_of(cores)
    return tuple(sorted(core for cluster in chosen for core in cluster))


def mask_for(cores: str, device: DeviceFacts) -> str:
    """The mask that taskset takes. Raises UserError for cores that the device does not have."""
    every = held_cores("all", device)
    if cores not in NAMED:
        if every and max(cores_of(cores)) > max(every):
            raise UserError(f"--cores {cores}: {device.model} has {len(every)} cores")
        return cores
    if not every:
        raise UserError(f"{device.model} does not tell its clusters: give --cores as a mask")
    if cores != "all" and len(device.clusters) == 1:
        raise UserError(f"{device.model} has one kind of core: leave --cores {cores} out")
    return mask_of(held_cores(cores, device))
