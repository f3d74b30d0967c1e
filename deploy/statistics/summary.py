"""One arm in figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deploy.statistics.block import Blocks, pooled
from deploy.statistics.intervals import Interval, quantile_interval
from deploy.statistics.quantiles import enough_for, median, quantile

# Of a normal distribution the standard deviation is so many times the median absolute deviation.
_MAD_TO_DEVIATION = 1.4826


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A quantile in ns with its 95 % interval; of a single block there is none."""

    value: float
    interval: Interval | None


@dataclass(frozen=True, kw_only=True)
class LatencySummary:
    """An arm's times in ns; a quantile is None where the samples are too few to speak of it.

    `spread` is a share of the median: the median absolute deviation, times 1.4826 so that it is a
    standard deviation where times are normal, and blind to spikes (F. R. Hampel, "The Influence
    Curve and Its Role in Robust Estimation", Journal of the American Statistical Association 69,
    1974). `throughput` is inferences a second, one after the other, spikes included.
    """

    blocks: int
    samples: int
    p50: Estimate
    p90: Estimate | None
    p99: Estimate | None
    minimum: float
    spread: float
    throughput: float


def summarize_times(blocks: Blocks) -> LatencySummary:
    """The figures of an arm. Raises ValueError where it has no block."""
    times = pooled(blocks)
    middle = median(times)
    return LatencySummary(
        blocks=len(blocks),
        samples=len(times),
        p50=Estimate(value=middle, interval=quantile_interval(blocks, 0.5)),
        p90=_estimate(blocks, 0.9),
        p99=_estimate(blocks, 0.99),
        minimum=float(np.min(times)),
        spread=_MAD_TO_DEVIATION * median(np.abs(times - middle)) / middle,
        throughput=1e9 / float(np.mean(times)),
    )


def _estimate(blocks: Blocks, q: float) -> Estimate | None:
    times = pooled(blocks)
    if not enough_for(q, len(times)):
        return None
    return Estimate(value=quantile(times, q), interval=quantile_interval(blocks, q))
