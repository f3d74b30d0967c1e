"""What is known of a variant before it is built: its cost, published accuracy, bounds of size."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.backends import Precision
from deploy.capture.spec import UNTRAINED
from deploy.capture.summary import published_accuracy, summarize
from deploy.choosing.sweep import Requirements, Sweep, Variant
from models.accuracy import Published
from models.weights.source import WeightSource

# Of a weight of a kernel; what stands beside it (scales, biases) differs between formats.
_LEAST_BYTES: dict[Precision, int] = {"fp32": 4, "fp16": 2, "int8": 1, "w8": 1}


@dataclass(frozen=True, kw_only=True)
class VariantCost:
    """`kernels` counts the weights of convolutions and fully connected layers."""

    params: int
    macs: int
    kernels: int
    classes: int

    def least_bytes(self, precision: Precision) -> int:
        """No artifact in `precision` is smaller: of int8, too, where parts are left in float."""
        return self.kernels * _LEAST_BYTES[precision]


def count(sweep: Sweep, variant: Variant) -> VariantCost:
    """Made and counted, not built: a second, no weights, no photos."""
    summary = summarize(sweep.spec(variant, UNTRAINED))
    return VariantCost(
        params=summary.cost.total.params,
        macs=summary.cost.total.macs,
        kernels=sum(layer.weights for layer in summary.cost.layers),
        classes=summary.classes,
    )


def over_cost(cost: VariantCost, precision: Precision, limits: Requirements) -> list[str]:
    """The limits that an artifact in `precision` cannot be within, with its figure."""
    found = []
    if limits.max_macs is not None and cost.macs > limits.max_macs:
        found.append(f"{limits.said('max_macs')}: {cost.macs / 1e6:.4g} M")
    least = cost.least_bytes(precision) / 1e6
    if limits.max_mb is not None and least > limits.max_mb:
        found.append(f"{limits.said('max_mb')}: at least {least:.4g} MB")
    return found


def published_top1(variant: Variant, source: WeightSource | None) -> Published | None:
    """The figure of the weights `source` where it is of this resolution; else the first that is
    known of the float network at this very width and resolution, with whatever weights."""
    if source is not None and is_of(source, variant) and source.top1 is not None:
        return Published(
            width=variant.width,
            resolution=variant.resolution[0],
            top1=source.top1,
            source=source.title,
        )
    rows = published_accuracy(variant.network, variant.width, variant.resolution)
    return next((row for row in rows if row.precision == "fp32"), None)


def is_of(source: WeightSource, variant: Variant) -> bool:
    """Whether what is stated of `source` was measured at the variant's resolution."""
    return source.preprocessing.crop == variant.resolution
