"""By how much one set of values lies above another: exact rank tests and their inversion.

Both tests count, over pairs of values, how many say "above". Were labels nothing but names, the
count's distribution would follow from swapping them in every way, and it does not depend on the
values, so it is computed once for each size. Moving the values until the test no longer objects
gives the interval; that is, order statistics of what the pairs say. M. Hollander, D. A. Wolfe and
E. Chicken, Nonparametric Statistical Methods, 3rd edition, chapters 3.1-3.3 and 4.1-4.3;
J. L. Hodges and E. L. Lehmann, "Estimates of Location Based on Rank Tests", The Annals of
Mathematical Statistics 34 (1963).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from deploy.statistics.block import Floats, grouped
from deploy.statistics.intervals import Interval
from deploy.statistics.quantiles import CONFIDENCE


@dataclass(frozen=True, eq=False)
class Shift:
    """What each pair says, ascending, and the chance of counts 0, 1, ... where there is no shift.

    The test keeps its level whatever the values' distribution, if only the shift is symmetric about
    its middle (`paired_shift`) or the same for all (`shift_apart`).
    """

    pairs: Floats
    chances: Floats

    @property
    def estimate(self) -> float:
        """The Hodges-Lehmann estimate: the median of what the pairs say."""
        return float(np.median(self.pairs))

    @property
    def cut(self) -> int:
        """Which pair from either end is the end of the interval; 0 where there is none."""
        return int(np.searchsorted(np.cumsum(self.chances), (1 - CONFIDENCE) / 2, side="right"))

    def interval(self) -> Interval | None:
        """At least 95 %; None where there are too few values for any."""
        if not self.cut:
            return None
        return Interval(low=float(self.pairs[self.cut - 1]), high=float(self.pairs[-self.cut]))

    def p_value(self, within: float = 0.0) -> float:
        """Two-sided, of no shift beyond `within`; ties count against a difference."""
        objecting = min(np.sum(self.pairs <= within), np.sum(self.pairs >= -within))
        return min(1.0, 2 * float(np.sum(self.chances[: objecting + 1])))


def paired_shift(differences: Floats) -> Shift:
    """Of `differences`, float64 (n,), one a pair, by F. Wilcoxon's signed ranks.

    The labels of a pair are swapped or not: 2^n ways. From n = 6 on there is an interval.
    """
    values = grouped(differences)
    first, second = np.triu_indices(len(values))
    averages = np.sort((values[first] + values[second]) / 2)
    return Shift(averages, _signed_rank_chances(len(values)))


def shift_apart(a: Floats, b: Floats) -> Shift:
    """By how much `b`, float64 (m,), lies above `a`, float64 (n,), by Wilcoxon's rank sum.

    All values share out the labels in every way. With 4 values each there is an interval.
    """
    a, b = grouped(a), grouped(b)
    differences = np.sort((b[None, :] - a[:, None]).ravel())
    return Shift(differences, _rank_sum_chances(len(a), len(b)))


@lru_cache(maxsize=64)
def _signed_rank_chances(n: int) -> Floats:
    """Chance of each sum of ranks 1..n where each is in or out: n (n + 1) / 2 + 1 of them."""
    chances = np.zeros(n * (n + 1) // 2 + 1)
    chances[0] = 1
    for rank in range(1, n + 1):
        chances[rank:] += chances[:-rank].copy()
        chances /= 2
    return chances


@lru_cache(maxsize=64)
def _rank_sum_chances(n: int, m: int) -> Floats:
    """Chance of each number of pairs in which the second is above: n m + 1 of them."""
    # ways[k, s]: choices of k among the ranks so far with s pairs above.
    ways = np.zeros((m + 1, n * m + 1))
    ways[0, 0] = 1
    for rank in range(n + m):
        for chosen in range(min(m, rank + 1), 0, -1):
            # This rank, as the chosen-th, is above the others of lower rank.
            above = rank - (chosen - 1)
            if above <= n:
                ways[chosen, above:] += ways[chosen - 1, : n * m + 1 - above]
    chances: Floats = ways[m] / ways[m].sum()
    return chances
