"""One arm in figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deploy.statistics.block import Blocks, Floats, pooled
from deploy.statistics.intervals import Interval, quantile_interval, variance_between, widened
from deploy.statistics.quantiles import enough_for, median, quantile
from deploy.statistics.resolution import resolution
from deploy.statistics.sessions import level_spread

# Of a normal distribution the standard deviation is so many times the median absolute deviation.
_MAD_TO_DEVIATION = 1.4826


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A quantile in ns with its 95 % interval; None of a single block, and of p99."""

    value: float
    interval: Interval | None


@dataclass(frozen=True, kw_only=True)
class LatencySummary:
    """An arm's times in ns; a quantile is None where the samples are too few to speak of it.

    p99 has no interval: of ten blocks few have any sample beyond it, and intervals from those few
    cover it in 9 to 91 % of sessions, depending on the device (benchmarks/measuring.py).
    `resolution` is the step of the clock in ns, 0 where it is too fine to show; p50's interval ends
    a step further out on both sides, for a clock may cut off.

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
    resolution: float


@dataclass(frozen=True, kw_only=True)
class SessionSpread:
    """Of a session's arms: means of `variance_between` at p50 and p90, and `level_spread`."""

    p50: float = 0.0
    p90: float = 0.0
    level: float = 0.0


def session_spread(arms: Sequence[Blocks]) -> SessionSpread:
    """Of a session's arms; those of fewer than two blocks count for nothing."""
    known = [blocks for blocks in arms if len(blocks) > 1]
    if not known:
        return SessionSpread()
    of_q = [float(np.mean([variance_between(blocks, q) for blocks in known])) for q in (0.5, 0.9)]
    return SessionSpread(p50=of_q[0], p90=of_q[1], level=level_spread(known))


def summarize_times(blocks: Blocks, *, spread: SessionSpread = SessionSpread()) -> LatencySummary:
    """The figures of an arm, one of a session with this `spread`. Raises ValueError where it has no
    block."""
    times = pooled(blocks)
    middle = median(times)
    clock = resolution(blocks)
    return LatencySummary(
        blocks=len(blocks),
        samples=len(times),
        p50=_estimate(blocks, 0.5, spread.p50, clock),
        p90=_estimate(blocks, 0.9, spread.p90, clock) if enough_for(0.9, len(times)) else None,
        p99=_p99(times),
        minimum=float(np.min(times)),
        spread=_MAD_TO_DEVIATION * median(np.abs(times - middle)) / middle,
        throughput=1e9 / float(np.mean(times)),
        resolution=clock,
    )


def _estimate(blocks: Blocks, q: float, session: float, clock: float) -> Estimate:
    interval = widened(quantile_interval(blocks, q, session=session), clock)
    return Estimate(value=quantile(pooled(blocks), q), interval=interval)


def _p99(times: Floats) -> Estimate | None:
    if not enough_for(0.99, len(times)):
        return None
    return Estimate(value=quantile(times, 0.99), interval=None)
