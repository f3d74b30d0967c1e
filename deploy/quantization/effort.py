"""How int8 is asked for, and how hard to try. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

# int8 alone, or with a few parts left in float as far as the agreement asked for needs it.
MODES = ("auto", "pure")
# The share of held-back photos on which int8 should give the float network's top class.
DEFAULT_AGREEMENT = 0.97


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How many of the calibration photos the long steps see, at most, and how many are taken.

    `rounding`: learned rounding, which fits a few numbers to thousands of positions each.
    `pricing`: following errors to the logits, each photo of which costs as much as ten runs.
    `equalization` and `biases`: steps of learning gains with ranges, and biases, by gradient, each
    of which costs as much as twenty runs; 0 leaves both out.
    """

    rounding: int
    pricing: int
    equalization: int = 0
    biases: int = 0

    @property
    def learns(self) -> bool:
        """Whether anything is learned by gradient."""
        return self.equalization > 0 or self.biases > 0


EFFORTS = {
    "normal": Effort(rounding=32, pricing=24),
    "high": Effort(rounding=128, pricing=128, equalization=96, biases=64),
}
