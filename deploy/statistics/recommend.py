"""Which number of threads, or which cores, to run with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from deploy.statistics.block import Blocks, pooled
from deploy.statistics.comparison import compare_interleaved
from deploy.statistics.quantiles import median

Label = TypeVar("Label")


def recommend(arms: Mapping[Label, Blocks], *, session: float = 0.0) -> Label:
    """The cheapest arm that the fastest is not really faster than.

    `arms` come cheapest first (fewest threads), from the same rounds of one session. The fastest is
    the one with the lowest median; the others are compared with it by `compare_interleaved`, which
    says what `session` is. An advantage that cannot be told from none is not worth a thread. Raises
    ValueError where there is no arm, or one without a block.
    """
    fastest = min(arms, key=lambda label: median(pooled(arms[label])))
    for label, blocks in arms.items():
        if label == fastest:
            break
        if compare_interleaved(arms[fastest], blocks, session=session).verdict != "slower":
            return label
    return fastest
