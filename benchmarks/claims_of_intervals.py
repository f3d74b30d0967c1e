"""Claims of intervals: how often they cover what they say that they estimate."""

from __future__ import annotations

from functools import cache, partial

import numpy as np
from claim import CALM, DRIFTING, WANDERING, Claim, Load, Random, together
from hostile_devices import ARMS, KINDS, UNLIKE
from synthetic_device import SyntheticDevice

from deploy.statistics import quantile_interval
from deploy.statistics.block import medians


def covered_wandering(random: Random, *, load: Load, q: float, arms: int) -> bool:
    """Whether the interval covers what the arm would have had throughout that session."""
    factors = load(random, 10 * arms)
    device = SyntheticDevice(load=lambda _, __: factors)
    first, *_ = device.measure(random, slowdowns=[1.0] * arms)
    interval = quantile_interval(first, q)
    truth = CALM.session_quantile(random, factors, q)
    return interval is not None and interval.covers(truth)


def quantile_covered(random: Random, *, q: float, truth: float, iterations: int) -> bool:
    (blocks,) = CALM.measure(random, iterations=iterations)
    interval = quantile_interval(blocks, q)
    return interval is not None and interval.covers(truth)


def ratio_covered(random: Random, *, device: SyntheticDevice, slowdown: float) -> bool:
    interval = together(device.measure(random, slowdowns=(1.0, slowdown))).interval
    return interval is not None and interval.covers(slowdown)


@cache
def true_ratio(kind: str) -> float:
    """Of the second arm's time to the first's, of whatever runs before either: the pseudo-median,
    which is what the Hodges-Lehmann estimate estimates, of the rounds of 500 sessions."""
    random = np.random.default_rng(3)
    sessions = [KINDS[kind].measure(random, slowdowns=[1.0] * ARMS) for _ in range(500)]
    of_rounds = [np.log(medians(arms[1])) - np.log(medians(arms[0])) for arms in sessions]
    first, second = random.choice(np.concatenate(of_rounds), (2, 200_000))
    return float(np.exp(np.median((first + second) / 2)))


def ratio_of_kind_covered(random: Random, *, kind: str) -> bool:
    interval = together(KINDS[kind].measure(random, slowdowns=[1.0] * ARMS)).interval
    return interval is not None and interval.covers(true_ratio(kind))


OF_ITS_SESSION = tuple(
    Claim(
        name=f"interval of p{100 * q:g}, {name}: covers its session's",
        trial=partial(covered_wandering, load=load, q=q, arms=arms),
        low=0.93,
    )
    for name, (load, arms) in WANDERING.items()
    if arms > 1
    for q in (0.5, 0.9)
)

COVERED = (
    *(
        Claim(
            name=f"interval of p{100 * q:g}, 10 rounds of {iterations}: covers the truth",
            trial=partial(
                quantile_covered, q=q, truth=CALM.true_quantile(q), iterations=iterations
            ),
            low=0.93,
            high=high,
        )
        for q, iterations, high in ((0.5, 20, 0.97), (0.9, 20, 0.97))
    ),
    Claim(
        name="interval of the ratio 1.05, interleaved: covers the truth",
        trial=partial(ratio_covered, device=CALM, slowdown=1.05),
        low=0.93,
        high=0.97,
    ),
    Claim(
        name="interval of the ratio 1.05, interleaved, drift to 5 %: covers the truth",
        trial=partial(ratio_covered, device=DRIFTING, slowdown=1.05),
        low=0.93,
        high=0.97,
    ),
    *(
        Claim(
            name=f"interval of the ratio, {kind}: covers it",
            trial=partial(ratio_of_kind_covered, kind=kind),
            low=0.93,
        )
        for kind in UNLIKE
    ),
)
