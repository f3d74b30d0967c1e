"""What a claim is, and the devices that several claims are about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from synthetic_device import LARGEST_DRIFT, SyntheticDevice, correlated_rounds, sine, stretch

from deploy.statistics import Blocks, Comparison, compare_interleaved
from deploy.statistics.sessions import level_spread

Random = np.random.Generator
Load = Callable[[Random, int], npt.NDArray[np.float64]]

CALM = SyntheticDevice()
DRIFTING = SyntheticDevice(drift=LARGEST_DRIFT)

WANDERING: dict[str, tuple[Load, int]] = {
    "a sine of 4 % over 40 blocks": (partial(sine, period=40), 4),
    "a sine of 4 % over 10 blocks": (partial(sine, period=10), 4),
    "a sine of 4 % over 40 blocks, alone": (partial(sine, period=40), 1),
    "rounds of 3 %, correlated by 0.9": (partial(correlated_rounds, arms=4), 4),
    "rounds of 3 %, correlated by 0.9, alone": (partial(correlated_rounds, arms=1), 1),
    "6 % more for a part": (stretch, 4),
}
"""Loads whose level wanders, each with the number of arms that a round of it has."""


def together(arms: Sequence[Blocks]) -> Comparison:
    """A session's second arm with its first, as `profile` compares them."""
    return compare_interleaved(arms[0], arms[1], session=level_spread(arms))


@dataclass(frozen=True, kw_only=True)
class Claim:
    """`trial` comes out in a share of runs from `low` to `high`; from 0 to 1 claims nothing."""

    name: str
    trial: Callable[[Random], bool]
    low: float = 0.0
    high: float = 1.0

    def came_out(self, runs: int) -> int:
        """How often in `runs` runs, always the same ones."""
        return sum(self.trial(np.random.default_rng([2026, run])) for run in range(runs))
