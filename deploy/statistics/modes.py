"""Whether times lie about two levels, such as of two kinds of cores."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

import numpy as np

from deploy.statistics.block import SPIKE, Blocks, Floats, medians

# A difference of levels that few would mind.
LEAST_RATIO = 0.05
# Of the samples: fewer are spikes.
_LEAST_SHARE = 0.03
_FEWEST, _LEAST_BLOCKS = 5, 2
# Of a normal distribution, cut in two at its middle, 2.7. Of ten blocks chance makes more.
_APART, _BLOCKS_APART = 4.0, 6.0


@dataclass(frozen=True, kw_only=True)
class Modes:
    """Two levels: the slower is `ratio` above the faster (0.09 is 9 %), and has this `share`."""

    ratio: float
    share: float


def find_modes(blocks: Blocks) -> Modes | None:
    """The two levels of an arm's samples, or else of its blocks' medians; None where there is one.

    Levels are the means of the two parts that differ most between each other and least within
    (N. Otsu, "A Threshold Selection Method from Gray-Level Histograms", IEEE Transactions on
    Systems, Man, and Cybernetics 9, 1979), of logarithms. They are two where they lie 4 of the
    parts' own deviations apart (D of K. M. Ashman, C. M. Bird and S. E. Zepf, "Detecting Bimodality
    in Astronomical Datasets", The Astronomical Journal 108, 1994) and by 5 % at least.
    """
    of_blocks = medians(blocks)
    # Spikes have no level of their own, and would hide one below them.
    times = np.concatenate(
        [
            block.times[block.times <= SPIKE * middle]
            for block, middle in zip(blocks, of_blocks, strict=True)
        ]
    )
    least = max(_FEWEST, round(_LEAST_SHARE * len(times)))
    return _split(np.log(times), least, _APART) or _split(
        np.log(of_blocks), _LEAST_BLOCKS, _BLOCKS_APART
    )


def _split(values: Floats, least: int, apart: float) -> Modes | None:
    """Of `values`, float64 (n,), logarithms, in two parts of at least so many."""
    count = len(values)
    if count < 2 * least:
        return None
    values = np.sort(values)
    sums, squares = np.cumsum(values), np.cumsum(values**2)
    below = np.arange(least, count - least + 1)
    above = count - below
    low, high = sums[below - 1] / below, (sums[-1] - sums[below - 1]) / above
    cut = int(np.argmax(below * above * (high - low) ** 2))
    n, m = below[cut], above[cut]
    within = (squares[n - 1] / n - low[cut] ** 2) + (
        (squares[-1] - squares[n - 1]) / m - high[cut] ** 2
    )
    between = float(high[cut] - low[cut])
    ratio = exp(between) - 1
    if ratio < LEAST_RATIO or between < apart * np.sqrt(max(0.0, within) / 2):
        return None
    return Modes(ratio=ratio, share=float(m) / count)
