"""Whether one arm is faster than another, and what it would take to tell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, exp, hypot, inf, log, sqrt
from typing import Literal

import numpy as np

from deploy.statistics.block import Blocks, medians, pooled
from deploy.statistics.intervals import Interval, student
from deploy.statistics.quantiles import median
from deploy.statistics.ranks import Shift, paired_shift, shift_apart
from deploy.statistics.resolution import coarseness

Verdict = Literal["faster", "slower", "no difference", "cannot tell"]
Advice = Literal["more rounds", "profile both together", "a finer clock"]

# A difference that few would act on; 10 rounds on a calm device exclude it two times in three.
MARGIN = 0.02

# What two sessions are taken to differ by where nothing is known of the device. Of one whose
# sessions differ by 1 % (standard deviation) four A/A sessions say 4.5 %: who measured none must
# not be told more than who did. docs/decisions/rank-statistics.md
SESSION_FLOOR = 0.05

# A difference of half an interval is told every second time, and of 1.65 halves 9 times in 10, were
# the next interval as wide. It is not: so many are needed on the least regular of the devices in
# benchmarks/measuring.py, on calm ones it is then told 97 times in 100.
TOLD = 2.4

# Sessions that are in one of two states differ by the most there is every fourth time, so all of it
# has to be made good; and where it is what one session's level moved by, the next may move by more.
# So much is needed on the worst of them.
SESSIONS_TAKE = 1.2

# What `profile` does unless told otherwise; fewer than 6 rounds never tell.
_USUAL_ROUNDS = 10


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Of arm b with arm a: a `ratio` of 1.05 says that b takes 5 % more time.

    `interval` is of 95 %, and so wide that it excludes 1 just where `p_value` is at most 5 %; None
    where there are too few blocks for any. `remedy` says what would tell where the verdict is
    "cannot tell", `rounds` about how many rounds in all, for "more rounds". `smallest` is the
    difference, 0.03 for 3 %, that would be told at least 9 times in 10 by as many such blocks.
    Where the clock's steps show in the times, the interval and the p-value are of a difference
    beyond one step; where arms of their session differ more between blocks than these two, beyond
    what the interval is widened by for that.
    """

    ratio: float
    interval: Interval | None
    p_value: float
    verdict: Verdict
    remedy: Advice | None
    rounds: int | None
    smallest: float | None


def compare_interleaved(
    a: Blocks, b: Blocks, *, session: float = 0.0, margin: float = MARGIN
) -> Comparison:
    """Compare two arms whose blocks ran in the same rounds, in orders of chance.

    The ratio is of the blocks' medians, round by round, so what a round does to both, such as heat
    or a session's effect, does not count. A difference is real where swapping the labels within
    rounds, in every way, gives one as large by signed ranks in at most 5 % of them. With an
    interval within `margin` (0.02 is 2 %) of 1 there is no difference; else it cannot be told.
    `session` is `level_spread` over all arms of their session: two arms that chance has spared what
    it did to the others are calmer than what is told of them may be, so the interval is no narrower
    than Student's of so many blocks that differ by as much.
    Rounds that only one of them has are left out; sharing none, they cannot be told apart. Raises
    ValueError where an arm has no block.
    """
    of_round = [{block.round: block for block in blocks} for blocks in (a, b)]
    shared = sorted(of_round[0].keys() & of_round[1].keys())
    if not shared:
        return Comparison(
            ratio=median(pooled(b)) / median(pooled(a)),
            interval=None,
            p_value=1.0,
            verdict="cannot tell",
            remedy="more rounds",
            rounds=_USUAL_ROUNDS,
            smallest=None,
        )
    of_a, of_b = (np.log(medians([blocks[number] for number in shared])) for blocks in of_round)
    shift = paired_shift(of_b - of_a)
    step = _step(a, b)
    reach = student(len(shared) - 1) * session * sqrt(2 / len(shared)) if len(shared) > 1 else 0.0
    advice = _advice(step, margin, "more rounds")
    comparison = _compare(shift, step, margin, advice, reach=reach)
    if comparison.remedy != "more rounds":
        return comparison
    return replace(comparison, rounds=_rounds_needed(comparison, len(shared), margin))


def compare_apart(
    a: Blocks, b: Blocks, *, floor: float = SESSION_FLOOR, margin: float = MARGIN
) -> Comparison:
    """Compare two arms that were measured in sessions of their own.

    A session has an effect that no number of rounds can show; two of them are taken to differ by
    `floor` (0.03 is 3 %) at the most. The floor widens the interval, and the p-value is of a
    difference beyond it, by sharing out the labels over the blocks in every way (rank sums). So no
    difference within the floor is ever told. Raises ValueError where one of them has no block.
    """
    shift = shift_apart(np.log(medians(a)), np.log(medians(b)))
    step = _step(a, b)
    advice = _advice(step, margin, "profile both together")
    return _compare(shift, step, margin, advice, sessions=log(1 + floor))


def _step(a: Blocks, b: Blocks) -> float:
    """What a step of the clock is of the shorter median, as a logarithm."""
    return log(1 + max(coarseness(a), coarseness(b)))


def _advice(step: float, margin: float, otherwise: Advice) -> Advice:
    """Beyond the margin no number of rounds sees past the clock."""
    return "a finer clock" if step >= log(1 + margin) else otherwise


def _compare(
    shift: Shift,
    step: float,
    margin: float,
    remedy: Advice,
    *,
    sessions: float = 0.0,
    reach: float = 0.0,
) -> Comparison:
    """What `shift` comes to where a `step` of the clock, and the `sessions` by themselves, may have
    made so much of it, and half of its interval is to be no less than `reach`; as logarithms."""
    interval = shift.interval()
    missing = max(0.0, reach - (interval.high - interval.low) / 2) if interval else 0.0
    floor = step + sessions + missing
    low, high = (interval.low - floor, interval.high + floor) if interval else (-inf, inf)
    verdict: Verdict
    if low > 0:
        verdict = "slower"
    elif high < 0:
        verdict = "faster"
    elif -log(1 + margin) < low and high < log(1 + margin):
        verdict = "no difference"
    else:
        verdict = "cannot tell"
    return Comparison(
        ratio=exp(shift.estimate),
        interval=Interval(low=exp(low), high=exp(high)) if interval else None,
        p_value=shift.p_value(within=floor),
        verdict=verdict,
        remedy=remedy if verdict == "cannot tell" else None,
        rounds=None,
        smallest=_smallest(interval, floor, sessions, missing) if interval else None,
    )


def _smallest(interval: Interval, floor: float, sessions: float, missing: float) -> float:
    """The difference that would be told 9 times in 10: beyond the floor and half of an interval it
    has to make good what chance, and what the sessions themselves, may take off it. `missing` is
    what of the floor the interval was too narrow by."""
    half = (interval.high - interval.low) / 2
    chance, theirs = (TOLD - 1) * (half + missing), SESSIONS_TAKE * sessions
    return exp(floor + half + hypot(chance, theirs)) - 1


def _rounds_needed(comparison: Comparison, rounds: int, margin: float) -> int:
    """About how many rounds bring the interval to one side of 1, or to within the margin.

    Its width falls with the square root of the rounds. The nearer of the two ends is taken.
    """
    if comparison.interval is None:
        return _USUAL_ROUNDS
    half = log(comparison.interval.high / comparison.interval.low) / 2
    away = abs(log(comparison.ratio))
    needed = half / max(away, log(1 + margin) - away)
    return max(ceil(rounds * needed**2), rounds + 1)
