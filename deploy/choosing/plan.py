"""What is to become of one variant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from deploy.choosing.cost import VariantCost
from deploy.choosing.job import VariantJob
from deploy.choosing.sweep import Variant
from deploy.choosing.weights import SettledWeights
from deploy.pipeline.recipe import Target


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A variant with a `job`, or one that is not built: `over` are limits that it cannot be
    within, or else its weights are an error. `at_least_ms` is what its artifacts would take."""

    variant: Variant
    cost: VariantCost
    targets: tuple[Target, ...]
    over: tuple[str, ...] = ()
    weights: SettledWeights | None = None
    job: VariantJob | None = None
    at_least_ms: Mapping[str, float] = field(default_factory=dict)

    def pruned(
        self, over: Sequence[str], *, at_least_ms: Mapping[str, float] | None = None
    ) -> Planned:
        return replace(self, over=tuple(over), job=None, at_least_ms=at_least_ms or {})

    def with_weights(self, weights: SettledWeights) -> Planned:
        return replace(self, weights=weights)

    def with_job(self, job: VariantJob) -> Planned:
        return replace(self, job=job)
