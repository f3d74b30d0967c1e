"""Ratios of latencies measured in interleaved rounds, with 95 % intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

RESAMPLES = 2000
SEED = 0

# Median latency in ms of each round, by arm.
Rounds = Mapping[str, npt.NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The quickest of `ours` over the quickest of `theirs`, and what that must not exceed.

    A bound holds of the whole interval, a goal of the ratio.
    """

    title: str
    ours: tuple[str, ...]
    theirs: tuple[str, ...]
    limit: float
    kind: Literal["bound", "goal"]


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """A comparison's outcome: the ratio, the ends of its interval, and which arms were quickest."""

    comparison: Comparison
    value: float
    low: float
    high: float
    arms: tuple[str, str]

    @property
    def met(self) -> bool:
        judged = self.high if self.comparison.kind == "bound" else self.value
        return judged <= self.comparison.limit


def compare(comparison: Comparison, rounds: Rounds) -> Ratio:
    """Median of the rounds' ratios, with the percentile bootstrap over rounds.

    The two arms of a round ran within seconds of each other, so that what slows the machine for
    longer cancels. Each resample chooses its quickest arms anew.
    """
    count = len(rounds[comparison.ours[0]])
    rng = np.random.default_rng(SEED)
    resampled = [
        _ratio(comparison, {name: ms[chosen] for name, ms in rounds.items()})
        for chosen in rng.integers(count, size=(RESAMPLES, count))
    ]
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Ratio(
        comparison=comparison,
        value=_ratio(comparison, rounds),
        low=float(low),
        high=float(high),
        arms=(_quickest(comparison.ours, rounds), _quickest(comparison.theirs, rounds)),
    )


def _ratio(comparison: Comparison, rounds: Rounds) -> float:
    ours, theirs = (_quickest(arms, rounds) for arms in (comparison.ours, comparison.theirs))
    return float(np.median(rounds[ours] / rounds[theirs]))


def _quickest(arms: tuple[str, ...], rounds: Rounds) -> str:
    return min(arms, key=lambda name: float(np.median(rounds[name])))
