"""From what a tensor holds to its int8 scale and zero point."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

INT8_MIN, INT8_MAX = -128, 127
STEPS = INT8_MAX - INT8_MIN
# Symmetric weights use [-127, 127], so that negating a channel stays exact.
WEIGHT_MAX = 127
# A channel that is (almost) zero still needs a normal number as its scale.
SMALLEST_SCALE = 2.0**-40
HISTOGRAM_BINS = 2048
CANDIDATE_RATIOS = (1.0, 0.85, 0.7, 0.57, 0.45, 0.35)
# Of the two bounds of a signed tensor, how much more the one may shrink than the other.
LARGEST_SKEW = 1.7


@dataclass(frozen=True)
class QParams:
    """Per-tensor affine int8: real = (code - zero_point) * scale, code in [-128, 127]."""

    scale: float
    zero_point: int

    @classmethod
    def from_range(cls, low: float, high: float) -> QParams:
        """The parameters that cover [low, high] and represent 0 exactly (padding needs it)."""
        low, high = min(low, 0.0), max(high, 0.0)
        if low == high:
            # Zero in any scale, and this one is a number in float16, as Core ML computes, too.
            return cls(1.0, INT8_MIN)
        # Through float32, in which every runtime stores the scale.
        scale = float(torch.tensor(max((high - low) / STEPS, SMALLEST_SCALE)))
        return cls(scale, max(INT8_MIN, min(INT8_MAX, INT8_MIN - round(low / scale))))

    def saturates(self, bounds: tuple[float, float]) -> bool:
        """Whether clamping to `bounds` changes no code, so that the clamp can be dropped."""
        low, high = bounds
        return (
            round(max(low, -1e30) / self.scale) + self.zero_point <= INT8_MIN
            and round(min(high, 1e30) / self.scale) + self.zero_point >= INT8_MAX
        )


@dataclass
class TensorStatistics:
    """What calibration keeps of one tensor: its exact extremes, an even sample of its values."""

    low: float
    high: float
    values: Tensor

    def __post_init__(self) -> None:
        # The error of a bound is summed over a histogram: 2048 terms instead of every value.
        counts, edges = torch.histogram(self.values, bins=HISTOGRAM_BINS)
        self._centres = (edges[1:] + edges[:-1]) / 2
        self._counts = counts

    def clamped(self, low: float) -> TensorStatistics:
        """The same, had every value below `low` been `low`."""
        return replace(
            self,
            low=max(self.low, low),
            high=max(self.high, low),
            values=self.values.clamp_min(low),
        )

    def candidates(self) -> list[QParams]:
        """Parameters worth trying: of the whole range first, then of shrunk ones.

        What a tensor loses by clipping is often worth the finer steps, and how often only an
        error measured at the logits can tell.
        """
        low, high = min(self.low, 0.0), max(self.high, 0.0)
        bounds = [
            (low * a, high * b)
            for a in CANDIDATE_RATIOS
            for b in CANDIDATE_RATIOS
            if max(a, b) <= LARGEST_SKEW * min(a, b) and (a == b or low < 0 < high)
        ]
        return [QParams.from_range(*bound) for bound in bounds] + [self.range()]

    def range(self) -> QParams:
        """The parameters with the least mean squared rounding and clipping error.

        Coordinate descent over a grid of shrunk bounds, starting from min-max: the upper bound,
        then the lower (Nagel et al. 2021, arXiv 2106.08295, section 3.1, "MSE based").
        """
        low, high = min(self.low, 0.0), max(self.high, 0.0)
        ratios = torch.linspace(1.0, 0.3, 36).tolist()
        high = min((ratio * high for ratio in ratios), key=lambda bound: self._error(low, bound))
        low = min((ratio * low for ratio in ratios), key=lambda bound: self._error(bound, high))
        return QParams.from_range(low, high)

    def _error(self, low: float, high: float) -> float:
        q = QParams.from_range(low, high)
        codes = (self._centres / q.scale).round_().add_(q.zero_point).clamp_(INT8_MIN, INT8_MAX)
        error = codes.sub_(q.zero_point).mul_(q.scale).sub_(self._centres)
        return float(error.square_().mul_(self._counts).sum())


def weight_scales(weight: Tensor) -> Tensor:
    """Per-output-channel symmetric scales (float32, shape (out,)) of least squared error.

    Searches 0.5 to 1.0 of each channel's largest magnitude (arXiv 2106.08295, Table 1: MSE beats
    min-max on MobileNetV2).
    """
    rows = weight.flatten(1)
    largest = rows.abs().amax(1).clamp_min(WEIGHT_MAX * SMALLEST_SCALE)
    best_scale = largest / WEIGHT_MAX
    best_error = torch.full_like(best_scale, torch.inf)
    for ratio in torch.linspace(1.0, 0.5, 41).tolist():
        scale = largest * ratio / WEIGHT_MAX
        codes = quantize_weight(rows, scale)
        error = (codes * scale[:, None] - rows).square().sum(1)
        better = error < best_error
        best_scale = torch.where(better, scale, best_scale)
        best_error = torch.where(better, error, best_error)
    return best_scale


def quantize_weight(weight: Tensor, scales: Tensor) -> Tensor:
    """Nearest codes in [-127, 127] as float32, per output channel (axis 0)."""
    per_channel = scales.view(-1, *[1] * (weight.dim() - 1))
    return (weight / per_channel).round_().clamp_(-WEIGHT_MAX, WEIGHT_MAX)


def fake_quantize(value: Tensor, q: QParams) -> Tensor:
    """`value` through int8 and back."""
    return torch.fake_quantize_per_tensor_affine(value, q.scale, q.zero_point, INT8_MIN, INT8_MAX)


def dequantize_weight(codes: Tensor, scales: Tensor) -> Tensor:
    """Per output channel (axis 0), the weights that `codes` stand for."""
    return codes * scales.view(-1, *[1] * (codes.dim() - 1))
