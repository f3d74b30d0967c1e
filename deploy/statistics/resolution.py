"""How fine the clock is that times were read from, as the times themselves show it."""

from __future__ import annotations

import numpy as np

from deploy.statistics.block import Blocks, medians, pooled

# Times of a clock that counts nanoseconds practically never repeat; of one whose steps are as long
# as what it is to tell apart, most do.
_REPEATED = 0.5


def resolution(blocks: Blocks) -> float:
    """The step of the clock in ns; 0.0 where it is too fine to be seen.

    At least half of the samples repeat another: the step is the smallest distance between two
    values, or of a single value the largest power of ten that divides it. Raises ValueError where
    there is no block.
    """
    times = pooled(blocks)
    values = np.unique(times)
    if len(values) > (1 - _REPEATED) * len(times):
        return 0.0
    if len(values) > 1:
        return float(np.min(np.diff(values)))
    whole, step = round(float(values[0])), 1
    while whole % (10 * step) == 0:
        step *= 10
    return float(step)


def coarseness(blocks: Blocks) -> float:
    """The step of the clock as a share of the arm's median; see `resolution`."""
    return resolution(blocks) / float(np.median(medians(blocks)))
