"""One arm without pauses: the level it begins at, the one it ends at, and when it turns."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import exp, hypot, log

import numpy as np

from deploy.statistics.block import Blocks, Floats, medians, pooled
from deploy.statistics.intervals import Interval, quantile_interval, widened
from deploy.statistics.quantiles import median
from deploy.statistics.resolution import resolution

# Of fewer a stretch has no thirds of two blocks each, and two are the least that have an interval.
FEWEST_BLOCKS = 6

# A change of level smaller than this is none that one would act on, as of `DRIFTING`.
TURNS = 0.05

# A part of one block would be an odd block.
_SHORTEST_PART = 2

# In standard deviations of a difference of means. Of a level that holds, the best of all cuts is
# hardly ever past 4; benchmarks/measuring.py has how often a turn is seen where there is none.
_APART = 4.0


@dataclass(frozen=True, kw_only=True)
class Level:
    """The median of a part of the stretch in ns, with its 95 % interval, None of a single block;
    from second to second."""

    value: float
    interval: Interval | None
    from_s: float
    to_s: float


@dataclass(frozen=True, kw_only=True)
class Turn:
    """Where the level changes by the share `by` (0.2 is 20 % more time).

    `at_s` is the end of the last block before it. The change lies somewhere in that block or in the
    next: from `earliest_s` to `latest_s`, which is the fineness of what was seen, not an interval
    of so many per cent.
    """

    at_s: float
    earliest_s: float
    latest_s: float
    by: float


@dataclass(frozen=True, kw_only=True)
class Fall:
    """By what share inferences take longer at the sustained level than at the burst level."""

    value: float
    interval: Interval | None


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """What a stretch of blocks back to back comes to.

    Burst is the level before the first turn at which it slows down, of the first third where there
    is none. Sustained is the level of the last third; `settled` says that it did not change within.
    `turn` is that first turn, None where the level held; `turns` are all, in order.

    Intervals count blocks, as everywhere here, and are of this stretch: of the blocks that the
    device could have had in those parts of it. A warmer room, or another day, is not in them.
    """

    seconds: float
    burst: Level
    sustained: Level
    fall: Fall
    turn: Turn | None
    turns: tuple[Turn, ...]
    settled: bool


def describe_stretch(blocks: Blocks, starts: Floats, ends: Floats) -> Stretch:
    """The levels and turns of `blocks`, which ran from `starts` to `ends`, float64 (blocks,), in
    seconds from the stretch's beginning.

    Raises ValueError for fewer than `FEWEST_BLOCKS`.
    """
    count = len(blocks)
    if count < FEWEST_BLOCKS:
        raise ValueError(f"{count} blocks, of at least {FEWEST_BLOCKS}")
    levels = np.log(medians(blocks))
    cuts = changes(levels)
    edges = [0, *cuts, count]
    means = [float(levels[low:high].mean()) for low, high in pairwise(edges)]
    turns = tuple(
        Turn(
            at_s=float(ends[cut - 1]),
            earliest_s=float(starts[cut - 1]),
            latest_s=float(ends[cut]),
            by=exp(after - before) - 1,
        )
        for cut, (before, after) in zip(cuts, pairwise(means), strict=True)
    )
    seconds = float(ends[-1])
    slows = next((place for place, turn in enumerate(turns) if turn.by > 0), None)
    # In time, not in blocks: the first may be short. But never fewer than have an interval.
    third = max(_SHORTEST_PART, int(np.searchsorted(starts, seconds / 3)))
    last = min(count - _SHORTEST_PART, int(np.searchsorted(starts, 2 * seconds / 3)))

    def level(low: int, high: int) -> Level:
        part = blocks[low:high]
        return Level(
            value=median(pooled(part)),
            interval=widened(quantile_interval(part, 0.5), resolution(blocks)),
            from_s=float(starts[low]),
            to_s=float(ends[high - 1]),
        )

    burst = level(0, third if slows is None else cuts[slows])
    sustained = level(last, count)
    return Stretch(
        seconds=seconds,
        burst=burst,
        sustained=sustained,
        fall=_fall(burst, sustained),
        turn=None if slows is None else turns[slows],
        turns=turns,
        settled=not any(cut > last for cut in cuts),
    )


def changes(levels: Floats) -> list[int]:
    """The places in `levels`, logarithms of the blocks' medians in order, float64 (n,), before
    which the level changes.

    Binary segmentation (A. J. Scott and M. Knott, "A Cluster Analysis Method for Grouping Means in
    the Analysis of Variance", Biometrics 30, 1974): the cut that leaves the least sum of squares in
    two parts of two blocks or more, then each part again, as long as their means differ by `TURNS`
    and by four standard deviations of such a difference. The deviation of a block is of the
    differences of neighbours (J. von Neumann et al., "The Mean Square Successive Difference", The
    Annals of Mathematical Statistics 12, 1941), which a change of level hardly moves; their median,
    so that odd blocks do not.
    """
    if len(levels) < 2 * _SHORTEST_PART:
        return []
    deviation = 1.4826 * float(np.median(np.abs(np.diff(levels)))) / 2**0.5
    sums = np.concatenate([[0.0], np.cumsum(levels)])
    found: list[int] = []
    parts = [(0, len(levels))]
    while parts:
        low, high = parts.pop()
        cuts = np.arange(low + _SHORTEST_PART, high - _SHORTEST_PART + 1)
        if not len(cuts):
            continue
        before, after = cuts - low, high - cuts
        difference = (sums[high] - sums[cuts]) / after - (sums[cuts] - sums[low]) / before
        weight = np.sqrt(before * after / (high - low))
        best = int(np.argmax(np.abs(difference) * weight))
        differs = abs(float(difference[best]))
        if differs < log(1 + TURNS) or differs * float(weight[best]) < _APART * deviation:
            continue
        cut = int(cuts[best])
        found.append(cut)
        parts += [(low, cut), (cut, high)]
    return sorted(found)


def medians_in_time(at: Floats, times: Floats, *, seconds: float, windows: int) -> Floats:
    """The median of the times that lie in each of `windows` equal parts of `seconds`, float64
    (windows,), NaN where there is none. `at` is when each of `times`, float64 (n,), ended, in
    order."""
    edges = np.searchsorted(at, np.arange(1, windows) / windows * seconds)
    parts = np.split(times, edges)
    return np.array([np.median(part) if len(part) else np.nan for part in parts])


def _fall(burst: Level, sustained: Level) -> Fall:
    """Its interval from those of the two levels, each as far as it may err that way: G. Y. Zou and
    A. Donner, "Construction of Confidence Limits about Effect Measures: A General Approach",
    Statistics in Medicine 27 (2008), of logarithms."""
    difference = log(sustained.value / burst.value)
    interval = None
    first, last = burst.interval, sustained.interval
    if first and last and min(first.low, last.low) > 0:
        down = hypot(log(sustained.value / last.low), log(first.high / burst.value))
        up = hypot(log(last.high / sustained.value), log(burst.value / first.low))
        interval = Interval(low=exp(difference - down) - 1, high=exp(difference + up) - 1)
    return Fall(value=exp(difference) - 1, interval=interval)
