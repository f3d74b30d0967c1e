"""What a session did to its arms, and what two of one device may differ by."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, sqrt

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

    Of each arm from its quartiles, of the session the median of its arms, so that neither an odd
    block nor an odd arm decides it. A round's level is as in `wander`, but medians. 0.0 where no
    two arms of two blocks or more share a round.
    """
    levels = []
    for blocks in arms:
        if len(blocks) > 1:
            of_arm = np.log(medians(blocks))
            rounds = [block.round for block in blocks]
            levels.append(dict(zip(rounds, of_arm - np.median(of_arm), strict=True)))
    of_round: dict[int, list[float]] = {}
    for of_blocks in levels:
        for number, level in of_blocks.items():
            of_round.setdefault(number, []).append(level)
    shared = {number: np.median(met) for number, met in of_round.items() if len(met) > 1}
    left = [
        np.array(
            [level - shared[number] for number, level in of_blocks.items() if number in shared]
        )
        for of_blocks in levels
    ]
    spreads = [spread(of_arm) for of_arm in left if len(of_arm) > 1]
    if len(spreads) < 2:
        return 0.0
    # A round's level has its share of each arm in it.
    return float(np.median(spreads)) * sqrt(len(spreads) / (len(spreads) - 1))


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
