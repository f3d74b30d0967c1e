"""How far one set of logits is from another: a record. Judging it is the gates' work."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deploy.statistics.accuracy import Share, share


@dataclass(frozen=True, kw_only=True)
class ErrorStatistics:
    """Over `photos` photos, against reference logits.

    `sqnr_db`: signal to error power of all logits, inf where equal. `max_abs`: the largest
    difference of one logit. `agreement`: share of photos with the same top class. `clear_flips`:
    photos whose top class differs though the reference's margin between its first and second
    class exceeds twice `max_abs`, which rounding cannot explain.
    """

    photos: int
    sqnr_db: float
    max_abs: float
    agreement: float
    clear_flips: int

    @property
    def agreeing(self) -> Share:
        """The photos with the same top class, with the interval of their share."""
        return share(round(self.agreement * self.photos), self.photos)


def compare_logits(
    reference: npt.NDArray[np.float32],
    candidate: npt.NDArray[np.float32],
    *,
    top: npt.NDArray[np.int64] | None = None,
) -> ErrorStatistics:
    """Compare logits (photos, classes), of two classes or more.

    NaN anywhere gives an sqnr of -inf and no agreement. `top` is what the artifact itself says is
    the top class, where it says so (a label output); otherwise the largest logit.
    """
    assert reference.shape == candidate.shape
    assert reference.shape[1] > 1, "one logit has no top class"
    photos = len(reference)
    if not np.isfinite(candidate).all():
        return ErrorStatistics(
            photos=photos, sqnr_db=-math.inf, max_abs=math.inf, agreement=0.0, clear_flips=photos
        )
    wide = reference.astype(np.float64)
    error = candidate - wide
    max_abs = float(np.abs(error).max())
    second, first = np.sort(wide, axis=1)[:, -2:].T
    same = wide.argmax(1) == (candidate.argmax(1) if top is None else top)
    return ErrorStatistics(
        photos=photos,
        sqnr_db=sqnr_db(wide, error),
        max_abs=max_abs,
        agreement=float(same.mean()),
        clear_flips=int((~same & (first - second > 2 * max_abs)).sum()),
    )


def sqnr_db(signal: npt.NDArray[np.float64], error: npt.NDArray[np.float64]) -> float:
    """Signal-to-quantization-noise ratio, 10 log10(sum signal^2 / sum error^2); inf if no error."""
    return power_ratio_db(float(np.square(signal).sum()), float(np.square(error).sum()))


def power_ratio_db(signal: float, noise: float) -> float:
    """10 log10(signal / noise) of two sums of squares; inf without noise, -inf without signal."""
    if noise == 0:
        return math.inf
    # Not of the quotient, which is 0 where the noise is infinite.
    return 10 * (math.log10(signal) - math.log10(noise)) if signal > 0 else -math.inf
