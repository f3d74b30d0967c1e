"""What a session did to its arms, and what two of one device may differ by."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, pi, sqrt

import numpy as np

from deploy.statistics.block import Blocks, Floats, medians
from deploy.statistics.intervals import student
from deploy.statistics.stability import spread

FEWEST_SESSIONS = 4
"""Of fewer, what the sessions of a device differ by is too uncertain to be of use."""

# Neighbouring rounds are averaged to no more parts than these, else the range would grow with the
# rounds of a calm session too.
_PARTS = 10


def wander(arms: Sequence[Blocks]) -> float:
    """By what share a session's level moved, from its lowest part to its highest: 0.05 is 5 %.

    The level of a round is the mean, over the arms of a device, of the logarithms of their blocks'
    medians, each less its arm's mean; a part is a round, or the mean of neighbouring ones. On
    another day the whole session may stand wherever this one stood for a while, so two sessions are
    taken to differ by as much. Of n parts the range falls short of what there was, were all levels
    as likely by (n - 1) / (n + 1), which is made good. 0.0 where no arm has two blocks.
    """
    of_rounds: dict[int, list[float]] = {}
    for blocks in arms:
        if len(blocks) < 2:
            continue
        levels = np.log(medians(blocks))
        for block, level in zip(blocks, levels - levels.mean(), strict=True):
            of_rounds.setdefault(block.round, []).append(float(level))
    if not of_rounds:
        return 0.0
    levels = np.array([np.mean(of_rounds[number]) for number in sorted(of_rounds)])
    parts = [part.mean() for part in np.array_split(levels, min(_PARTS, len(levels)))]
    if len(parts) < 2:
        return 0.0
    whole = (len(parts) + 1) / (len(parts) - 1)
    return exp(whole * float(np.ptp(parts))) - 1


def level_spread(arms: Sequence[Blocks]) -> float:
    """By what share the level of a block differs from its round's: a standard deviation.

    A block's level is the logarithm of its median, less its arm's; a round's, seen by an arm, is
    the median of the other arms' there. Of an arm it is taken from quartiles, of the session from
    the arm in the middle, of two the calmer: neither some odd blocks nor odd arms, up to half of
    them, decide it. 0.0 where no two arms of two blocks or more share a round.
    """
    of_round: dict[int, dict[int, float]] = {}
    for arm, blocks in enumerate(arms):
        if len(blocks) > 1:
            levels = np.log(medians(blocks))
            for block, level in zip(blocks, levels - np.median(levels), strict=True):
                of_round.setdefault(block.round, {})[arm] = float(level)
    left: dict[int, list[float]] = {}
    for met in of_round.values():
        for arm, level in met.items():
            others = [theirs for other, theirs in met.items() if other != arm]
            if others:
                # The others' median has its own share in the difference.
                share = sqrt(1 + _variance_of_median(len(others)))
                left.setdefault(arm, []).append((level - float(np.median(others))) / share)
    spreads = sorted(spread(np.array(of_arm)) for of_arm in left.values() if len(of_arm) > 1)
    return spreads[(len(spreads) - 1) // 2] if spreads else 0.0


def _variance_of_median(count: int) -> float:
    """Of so many values that are normal with variance 1: exact of one, and for very many; between
    the two up to a quarter too much."""
    return (pi / 2) / (count + pi / 2 - 1)


def session_floor(sessions: Floats) -> float:
    """What two sessions of a device differ by at the most, 19 times in 20: 0.03 is 3 %.

    `sessions`: logarithms of the medians of arms that did not change between sessions, float64
    (sessions, arms). The difference of two has sqrt(2) times the standard deviation of one, which
    so few sessions know no better than Student's distribution says; the arm with the largest
    counts. Raises ValueError for fewer than `FEWEST_SESSIONS`.
    """
    count = len(sessions)
    if count < FEWEST_SESSIONS:
        raise ValueError(f"{count} sessions, of at least {FEWEST_SESSIONS}")
    deviation = float(np.max(np.std(sessions, axis=0, ddof=1)))
    return exp(student(count - 1) * sqrt(2) * deviation) - 1
