"""The unit of measuring: the times of one fresh process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class TimedBlock:
    """One process of an arm: its round in the session, and its times in ns, float64 (n,).

    Raises ValueError for no times, and for one that is not a positive number.
    """

    round: int
    times: Floats

    def __post_init__(self) -> None:
        if not len(self.times) or not np.all((self.times > 0) & np.isfinite(self.times)):
            raise ValueError("a block needs times, positive and finite")

    @cached_property
    def median(self) -> float:
        """In ns. Signs, figures and comparisons each ask for it."""
        return float(np.median(self.times))


# The blocks of one arm, in the order they ran.
Blocks: TypeAlias = Sequence[TimedBlock]

# Work on pairs of blocks grows with their square. Beyond this many, neighbours are averaged, which
# keeps what the pairs tell, and bounds the work for any file.
_MOST = 64


# A spike is a sample half as long again as its block's median.
SPIKE = 1.5


def pooled(blocks: Blocks) -> Floats:
    """All times in ns, in order. Raises ValueError where there is no block."""
    return np.concatenate([block.times for block in blocks])


def medians(blocks: Blocks) -> Floats:
    """The median of each block in ns, float64 (blocks,). Raises ValueError for no block."""
    if not len(blocks):
        raise ValueError("no block to take a median of")
    return np.array([block.median for block in blocks])


def grouped(values: Floats) -> Floats:
    """`values`, float64 (n,), or the means of at most 64 groups of neighbours."""
    if len(values) <= _MOST:
        return values
    return np.array([group.mean() for group in np.array_split(values, _MOST)])
