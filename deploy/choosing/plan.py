"""What is to become of one variant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from deploy.choosing.cost import VariantCost
from deploy.choosing.job import VariantJob
from deploy.choosing.sweep import Variant
from deploy.choosing.weights import SettledWeights
from deploy.pipeline.recipe import Target


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A variant with a `job`, or one that is not built: `over` are limits that it cannot be
    within, or else its weights are an error."""

    variant: Variant
    cost: VariantCost
    targets: tuple[Target, ...]
    over: tuple[str, ...] = ()
    weights: SettledWeights | None = None
    job: VariantJob | None = None

    def pruned(self, over: Sequence[str]) -> Planned:
        return replace(self, over=tuple(over))

    def with_weights(self, weights: SettledWeights) -> Planned:
        return replace(self, weights=weights)

    def with_job(self, job: VariantJob) -> Planned:
        return replace(self, job=job)
