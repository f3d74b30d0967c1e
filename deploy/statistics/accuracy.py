"""What right and wrong answers add up to: hits, shares and their intervals. Pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

Logits = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class Share:
    """`hits` of `total`, and the Wilson interval in which the true share lies with 95 %."""

    hits: int
    total: int
    low: float
    high: float

    @property
    def value(self) -> float:
        return self.hits / self.total

    def __str__(self) -> str:
        """In words.

        >>> str(share(27, 30))
        '27 of 30 (90.0 %, 95 % interval 74.4 to 96.5)'
        """
        value, low, high = (f"{100 * share:.1f}" for share in (self.value, self.low, self.high))
        return f"{self.hits} of {self.total} ({value} %, 95 % interval {low} to {high})"


def share(hits: int, total: int) -> Share:
    """A share with its 95 % interval. `total` is at least 1."""
    low, high = wilson_interval(hits, total)
    return Share(hits=hits, total=total, low=low, high=high)


def wilson_interval(hits: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """The score interval of a binomial share, (low, high) within 0..1.

    Unlike the textbook's plus-minus it stays honest near 0 and 1 and for few photos. E. B. Wilson,
    "Probable inference, the law of succession, and statistical inference", Journal of the American
    Statistical Association 22 (1927), 209-212. No continuity correction.

    >>> [round(bound, 4) for bound in wilson_interval(9, 10)]
    [0.5958, 0.9821]
    """
    assert 0 <= hits <= total, (hits, total)
    assert total > 0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    center = hits + z * z / 2
    spread = z * math.sqrt(hits * (total - hits) / total + z * z / 4)
    scale = total + z * z
    # Rounding must not leave 0 of n above 0, nor n of n below 1.
    low = 0.0 if hits == 0 else (center - spread) / scale
    high = 1.0 if hits == total else (center + spread) / scale
    return low, high


def top_k(logits: Logits, k: int) -> npt.NDArray[np.int64]:
    """The classes of each row's k largest logits, the largest first: (N, C) to (N, min(k, C)).

    Of equal logits the lower class ranks first. A row with a NaN has -1 throughout.
    """
    ranked = np.argsort(-logits, axis=1, kind="stable")[:, :k]
    has_nan = np.any(np.isnan(logits), axis=1, keepdims=True)
    return np.where(has_nan, -1, ranked)
