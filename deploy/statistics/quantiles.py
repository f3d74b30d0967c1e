"""Quantiles of a sample, and how many samples one needs."""

from __future__ import annotations

from math import ceil, log

import numpy as np

from deploy.statistics.block import Floats

CONFIDENCE = 0.95


def quantile(times: Floats, q: float) -> float:
    """The `q` quantile (0 to 1) of `times`, by linear interpolation between order statistics.

    Type 7 of R. J. Hyndman and Y. Fan, "Sample Quantiles in Statistical Packages", The American
    Statistician 50 (1996); numpy's and R's default. Raises ValueError for an empty array.
    """
    if not len(times):
        raise ValueError("no times to take a quantile of")
    return float(np.quantile(times, q))


def median(times: Floats) -> float:
    """The middle one of `times`, or the mean of the two in the middle."""
    return quantile(times, 0.5)


def smallest_sample(q: float) -> int:
    """How many samples the `q` quantile needs at the least: 6 for p50, 36 for p90, 368 for p99.

    A two-sided 95 % interval for a quantile, free of assumptions, ends at order statistics (H. A.
    David and H. N. Nagaraja, Order Statistics, 3rd edition, section 7.1). Its upper end can at most
    be the largest of n samples, and all of them lie below the quantile with probability q^n. Only
    from q^n <= 2.5 % on does the largest sample bound the quantile; with fewer the sample says
    nothing of how large it may be. Likewise the smallest sample, with 1 - q. For samples that
    depend on each other it is needed still, though not always enough.
    """
    return ceil(log((1 - CONFIDENCE) / 2) / log(max(q, 1 - q)))


def enough_for(q: float, samples: int) -> bool:
    """Whether `samples` suffice to speak of the `q` quantile; see `smallest_sample`."""
    return samples >= smallest_sample(q)
