"""Sets of cores as Linux writes them: lists such as `0-3,7`, and masks for taskset."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Above any phone's; keeps a garbled range from filling the memory.
_MOST_CORES = 1024


def parse_core_list(text: str) -> tuple[int, ...]:
    """The cores of a list, ascending; empty for what is no list.

    >>> parse_core_list("0-3,7"), parse_core_list("4 5 6"), parse_core_list("3-1")
    ((0, 1, 2, 3, 7), (4, 5, 6), ())
    """
    cores: set[int] = set()
    for part in re.split(r"[,\s]+", text.strip()):
        matched = re.fullmatch(r"([0-9]{1,4})(?:-([0-9]{1,4}))?", part)
        if matched is None:
            return ()
        first, last = int(matched[1]), int(matched[2] or matched[1])
        if not first <= last < _MOST_CORES:
            return ()
        cores.update(range(first, last + 1))
    return tuple(sorted(cores))


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
