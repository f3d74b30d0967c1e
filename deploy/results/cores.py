"""Sets of cores as Linux writes them, and what `--cores` means on a device.

Linux has lists such as `0-3,7`, and masks for taskset; a user says big, little, all, or a mask.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from deploy.results.records import DeviceFacts
from deploy.support.errors import UserError

NAMED = ("big", "little", "all")

# Above any phone's, and what a list of them takes: a garbled one fills neither memory nor time.
_MOST_CORES = 1024
_LONGEST_LIST = 5 * _MOST_CORES


def parse_core_list(text: str) -> tuple[int, ...]:
    """The cores of a list, ascending; empty for what is no list.

    >>> parse_core_list("0-3,7"), parse_core_list("4 5 6"), parse_core_list("3-1")
    ((0, 1, 2, 3, 7), (4, 5, 6), ())
    """
    cores: set[int] = set()
    if len(text) > _LONGEST_LIST:
        return ()
    for part in re.split(r"[,\s]+", text.strip()):
        matched = re.fullmatch(r"([0-9]{1,4})(?:-([0-9]{1,4}))?", part)
        if matched is None:
            return ()
        first, last = int(matched[1]), int(matched[2] or matched[1])
        if not first <= last < _MOST_CORES:
            return ()
        cores.update(range(first, last + 1))
    return tuple(sorted(cores))


def core_list(cores: Sequence[int]) -> str:
    """Ascending cores as the kernel writes them.

    >>> core_list((0, 1, 2, 5, 7)), core_list(range(8))
    ('0-2,5,7', '0-7')
    """
    runs: list[list[int]] = []
    for core in cores:
        if runs and runs[-1][-1] == core - 1:
            runs[-1].append(core)
        else:
            runs.append([core])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def mask_of(cores: Sequence[int]) -> str:
    """The mask that Android's taskset takes: bare hexadecimal, since it refuses `0x`.

    >>> mask_of((4, 5, 6, 7))
    'f0'
    """
    assert cores, "a process needs a core"
    return f"{sum(1 << core for core in set(cores)):x}"


def cores_of(mask: str) -> tuple[int, ...]:
    """The cores of a hexadecimal mask, with or without `0x`; empty for what is none.

    >>> cores_of("f0"), cores_of("0x80"), cores_of("big")
    ((4, 5, 6, 7), (7,), ())
    """
    matched = re.fullmatch(r"(?:0[xX])?([0-9a-fA-F]+)", mask.strip())
    if matched is None or len(matched[1]) > _MOST_CORES // 4:
        return ()
    bits = int(matched[1], 16)
    return tuple(core for core in range(bits.bit_length()) if bits >> core & 1)


def normal_choice(cores: str) -> str:
    """One spelling for each choice: a name, or a mask as bare lower-case hexadecimal.

    Raises UserError for what is neither.

    >>> normal_choice("0xF0"), normal_choice("big")
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
