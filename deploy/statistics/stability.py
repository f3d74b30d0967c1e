"""Signs that an arm's times are not to be trusted, from the times and from what was seen around.

From the times alone, a sign needs a figure that a calm device practically never reaches. Where a
limit depends on how calm devices are, it is set for blocks whose medians differ by 1.4 % (standard
deviation), as of the device in benchmarks/synthetic_device.py; benchmarks/measuring.py has how
often each sign is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import Literal

import numpy as np

from deploy.statistics.block import SPIKE, Blocks, Floats, grouped, medians
from deploy.statistics.modes import LEAST_RATIO, find_modes
from deploy.statistics.resolution import coarseness

SignKind = Literal[
    "too few rounds",
    "throttled",
    "odd blocks",
    "coarse clock",
    "two levels",
    "drifting",
    "unstable",
    "spikes",
    "clocks lowered",
    "hot",
    "never cooled",
]

# From 6 rounds on a difference can be told at all: of fewer, 2 of at most 2^5 ways to swap labels
# are over 5 %.
FEWEST_ROUNDS = 6

# Half of a usual step between two clocks of a governor (20 %), and over 6 standard deviations of a
# calm block.
THROTTLED = 0.10

# A shorter run moves the median by less than the blocks' own spread; it is told, as odd blocks. And
# among more blocks chance has more runs to choose from: without this, more rounds made it worse.
SHORTEST_RUN = 0.1

# A clock whose step is this share of the median hides half of the difference that few would act on.
COARSE = 0.01

# What shifts a median by half as much, 2.5 %: more than its interval usually spans.
DRIFTING = 0.05

# With blocks that spread more than this, 10 rounds give a median no better than to 4 %.
UNSTABLE = 0.05

# With a twentieth of spikes, the mean and p99 say more of what else ran than of the network.
SPIKES = 0.05

# A change of clocks smaller than this hardly shows in times.
CLOCKS_LOWERED = 0.05

# Android's THERMAL_STATUS_MODERATE. LIGHT, which is 1, is common after a block of work; where it
# costs time, clocks and times show it. iOS has no 2, and 3 is its "serious".
HOT = 2


_NOTES: tuple[SignKind, ...] = ("odd blocks", "coarse clock", "two levels", "drifting", "spikes")


@dataclass(frozen=True, kw_only=True)
class Sign:
    """Something seen, its `figure`, and the `limit` that it is at or past.

    Figures are shares (0.05 is 5 %), but for rounds, the thermal status, and blocks that never
    cooled. `share` is how much of the time it held, where that is known.
    """

    kind: SignKind
    figure: float
    limit: float
    share: float | None = None

    @property
    def invalidates(self) -> bool:
        """Whether the arm's figures are void. Otherwise it is a warning.

        Drift hits interleaved arms alike, spikes and odd blocks pass the median by, and what a
        coarse clock hides is in the intervals; of two levels the figures say both.
        """
        return self.kind not in _NOTES


def signs_in_times(blocks: Blocks) -> tuple[Sign, ...]:
    """What the times of one arm show. Raises ValueError where it has no block."""
    of_blocks = medians(blocks)
    levels = grouped(np.log(of_blocks))
    rounds = len({block.round for block in blocks})
    throttled = step(levels, shortest=SHORTEST_RUN)
    coarse = coarseness(blocks)
    odd = 0.0 if abs(throttled) >= THROTTLED else step(levels)
    found: list[tuple[SignKind, float, float]] = [
        ("throttled", throttled, THROTTLED),
        ("odd blocks", odd, THROTTLED),
        ("coarse clock", coarse, COARSE),
        ("drifting", drift(levels), DRIFTING),
        ("unstable", spread(levels), UNSTABLE),
        ("spikes", spike_share(blocks, of_blocks), SPIKES),
    ]
    few = [Sign(kind="too few rounds", figure=rounds, limit=FEWEST_ROUNDS)]
    # Two neighbouring steps of a clock look like two levels.
    modes = find_modes(blocks) if coarse < COARSE else None
    levels_seen = modes and Sign(
        kind="two levels", figure=modes.ratio, limit=LEAST_RATIO, share=modes.share
    )
    return (
        *(few if rounds < FEWEST_ROUNDS else ()),
        *([levels_seen] if levels_seen else ()),
        *(Sign(kind=k, figure=f, limit=limit) for k, f, limit in found if abs(f) >= limit),
    )


def step(levels: Floats, *, shortest: float = 0.0) -> float:
    """The largest step: by what share some run of blocks is above, or below, all the others.

    The run and the others each are at least the share `shortest` of all blocks, and one block.
    `levels`: logarithms of the blocks' medians in order, float64 (n,). Throttling is a run of slow
    blocks, and a run of fast ones what it leaves between two of them; one block is a run. The cut
    is the one of two change points with the largest difference of means (A. Sen and M. S.
    Srivastava, "On Tests for Detecting Change in Mean", The Annals of Statistics 3, 1975). A linear
    drift counts by half of what it makes in all.
    """
    count = len(levels)
    if count < 2:
        return 0.0
    sums = np.concatenate([[0.0], np.cumsum(levels)])
    start, end = np.triu_indices(count + 1, k=1)
    start, end = start[end - start < count], end[end - start < count]
    long_enough = np.minimum(end - start, count - (end - start)) >= shortest * count
    start, end = start[long_enough], end[long_enough]
    length, inside = end - start, sums[end] - sums[start]
    difference = inside / length - (sums[-1] - inside) / (count - length)
    return exp(float(np.max(np.abs(difference)))) - 1


def drift(levels: Floats) -> float:
    """By what share the times grew, or fell, from the first block to the last, along a line.

    `levels` as of `step`. The slope is the median of all slopes between two blocks (P. K. Sen,
    "Estimates of the Regression Coefficient Based on Kendall's Tau", Journal of the American
    Statistical Association 63, 1968), so one odd block makes none.
    """
    count = len(levels)
    if count < 2:
        return 0.0
    first, second = np.triu_indices(count, k=1)
    slope = np.median((levels[second] - levels[first]) / (second - first))
    return exp(float(slope) * (count - 1)) - 1


def spread(levels: Floats) -> float:
    """The standard deviation between blocks as a share, from the quartiles: blind to one block.

    `levels` as of `step`. Of a normal distribution the quartiles are 1.349 deviations apart.
    """
    low, high = np.quantile(levels, [0.25, 0.75])
    return float(high - low) / 1.349


def spike_share(blocks: Blocks, of_blocks: Floats) -> float:
    """The share of samples over 1.5 times the median of their block, `of_blocks`, (blocks,)."""
    spikes = [
        int(np.count_nonzero(block.times > SPIKE * middle))
        for block, middle in zip(blocks, of_blocks, strict=True)
    ]
    return sum(spikes) / sum(len(block.times) for block in blocks)


def clocks_lowered(allowed: Floats) -> Sign | None:
    """Whether the system lowered the highest clock that it allows.

    `allowed`: in any unit, float64 (readings, cores), of the arm's cores, NaN where unreadable. The
    figure is the largest drop of a core below the highest that it was allowed in these readings; a
    clock that was low all along is none.
    """
    known = np.where(np.isnan(allowed), 0.0, allowed)
    highest = np.max(known, axis=0, initial=0.0)
    lowest = np.min(np.where(known > 0, known, np.inf), axis=0, initial=np.inf)
    drops = 1 - lowest[highest > 0] / highest[highest > 0]
    figure = float(np.max(drops, initial=0.0))
    if figure < CLOCKS_LOWERED:
        return None
    return Sign(kind="clocks lowered", figure=figure, limit=CLOCKS_LOWERED)


def heated(statuses: Sequence[int | None]) -> Sign | None:
    """Whether the system said that it was hot: its thermal statuses, None where unknown."""
    figure = max((status for status in statuses if status is not None), default=0)
    return Sign(kind="hot", figure=figure, limit=HOT) if figure >= HOT else None


def never_cooled(cooled: Sequence[bool | None]) -> Sign | None:
    """Whether a block began though the wait for it to cool was given up; None where unknown.

    The figure is how many did.
    """
    figure = sum(state is False for state in cooled)
    return Sign(kind="never cooled", figure=figure, limit=1) if figure else None
