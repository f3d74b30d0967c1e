"""95 % intervals for a quantile of an arm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deploy.statistics.block import Blocks, pooled

# Quantiles of the normal and of Student's distribution at 97.5 %.
_NORMAL = 1.959963985
_STUDENT = (12.706205, 4.302653, 3.182446, 2.776445, 2.570582)


@dataclass(frozen=True, kw_only=True)
class Interval:
    low: float
    high: float

    def covers(self, value: float) -> bool:
        return self.low <= value <= self.high


def quantile_interval(blocks: Blocks, q: float, *, session: float = 0.0) -> Interval | None:
    """95 % interval, in ns, for the `q` quantile of an arm; None for fewer than two blocks.

    What it covers is the quantile of the arm's times over all blocks that such a session could have
    had: of the device in the state it was in, its session's own effect included. Another session
    may differ by more (`compare_apart`).

    R. S. Woodruff, "Confidence Intervals for Medians and Other Position Measures", Journal of the
    American Statistical Association 47 (1952), for cluster samples with a block as the cluster: the
    share of samples up to the sample's quantile varies from block to block; this gives the standard
    error of that share, hence an interval of shares around `q`, by Student's distribution with one
    degree fewer than there are blocks, and the sample's quantiles at its ends are the interval's.
    It covers p50 in 95 to 96 % (benchmarks/measuring.py); percentiles of a bootstrap over the same
    10 blocks cover it in 90 %, since they do not widen for there being few.

    `session` is `variance_between` over all arms of the session. Where it is more than the arm's
    own it stands for it: what the session did to others, such as one odd block, might as well have
    met this arm, whose ten blocks do not show what they were spared.
    """
    count = len(blocks)
    if count < 2:
        return None
    error = np.sqrt(max(session, variance_between(blocks, q)) / count)
    times = pooled(blocks)
    reach = student(count - 1) * error
    low, high = np.quantile(times, np.clip([q - reach, q + reach], 0, 1))
    return Interval(low=float(low), high=float(high))


def variance_between(blocks: Blocks, q: float) -> float:
    """By how much the share of samples up to the arm's `q` quantile varies from block to block: a
    variance about `q`. Needs two blocks."""
    times = pooled(blocks)
    sizes = np.array([len(block.times) for block in blocks])
    starts = np.cumsum(sizes) - sizes
    excess = np.add.reduceat((times <= np.quantile(times, q)) - q, starts)
    return float(np.sum((excess / sizes.mean()) ** 2) / (len(blocks) - 1))


def widened(interval: Interval | None, by: float) -> Interval | None:
    """A step of the clock further out on both sides, for a clock may cut off."""
    if interval is None:
        return None
    # No time is below 0, however coarse the clock.
    return Interval(low=max(0.0, interval.low - by), high=interval.high + by)


def student(degrees: int) -> float:
    """The 97.5 % quantile of Student's distribution, to four digits.

    A table to 5 degrees, from there the series of M. Abramowitz and I. A. Stegun, Handbook of
    Mathematical Functions, 26.7.5.
    """
    if degrees <= len(_STUDENT):
        return _STUDENT[degrees - 1]
    x = _NORMAL
    return (
        x
        + (x**3 + x) / (4 * degrees)
        + (5 * x**5 + 16 * x**3 + 3 * x) / (96 * degrees**2)
        + (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / (384 * degrees**3)
    )
