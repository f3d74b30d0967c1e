"""Latency without building everything: what a smaller variant takes bounds larger ones from below.

    mobilenet_v1, limit 8 ms        width 0.5      width 1
                    96 pixels       3 ms           9 ms
                    128 pixels      5 ms           not built: no narrower one nor one of fewer
                                                   pixels is slower, and 9 ms are too many

The same network with more channels or more pixels computes all that the smaller one computes, and
more. What that one certainly takes, less a slack for kernels that happen to suit a size, the larger
one takes as well. Nothing else is concluded: not from one network to another, not from MACs to ms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from deploy.benchmark.bundles import ANY_RUNNER, runs
from deploy.bundle.open import read_manifest
from deploy.choosing.latency import SessionOutcome
from deploy.choosing.plan import Planned
from deploy.choosing.records import VariantRecord
from deploy.choosing.sweep import Requirements, Variant

# A size that fills vectors and tiles may be quicker than one a little smaller that does not.
_SLACK = 1.1


def smaller(one: Variant, other: Variant) -> bool:
    """Whether `one` is `other` with fewer channels or pixels, and with more of neither."""
    return (
        one != other
        and one.network == other.network
        and one.width <= other.width
        and one.resolution[0] <= other.resolution[0]
        and one.resolution[1] <= other.resolution[1]
    )


def in_steps(planned: Sequence[Planned]) -> list[list[Planned]]:
    """The variants that are to be built, each in a later step than all smaller ones."""
    step: dict[Variant, int] = {}
    wanted = [plan for plan in planned if plan.job is not None]
    for plan in sorted(wanted, key=lambda plan: plan.cost.macs):
        below = [number for variant, number in step.items() if smaller(variant, plan.variant)]
        step[plan.variant] = max(below, default=-1) + 1
    last = max(step.values(), default=-1)
    return [[plan for plan in wanted if step[plan.variant] == number] for number in range(last + 1)]


class LatencyBounds:
    """What artifacts of measured variants take at least, in ms."""

    def __init__(self, limits: Requirements) -> None:
        assert limits.max_latency_ms is not None
        self._limit_ms, self._said = limits.max_latency_ms, limits.said("max_latency_ms")
        self._least: dict[Variant, dict[str, float]] = {}
        self._measurable: set[str] = set()

    def add(
        self,
        planned: Sequence[Planned],
        records: Mapping[str, VariantRecord],
        session: SessionOutcome,
    ) -> None:
        """Learn from a session of variants: of an artifact whose arms are all VALID the lowest end
        of a 95 % interval, whatever the number of threads. One that was not verified has none, but
        may have one in a larger variant, and so speaks against pruning that."""
        self._measurable |= {arm.arm.artifact for arm in session.arms}
        for plan in planned:
            record = records.get(plan.job.key) if plan.job else None
            if record is None or record.manifest_sha256 is None:
                continue
            assert plan.job is not None
            unverified = {
                artifact.name
                for artifact in read_manifest(plan.job.bundle).artifacts
                if not artifact.verified and runs(artifact, *ANY_RUNNER)
            }
            self._measurable |= unverified
            lows: dict[str, list[float]] = {name: [0.0] for name in unverified}
            for arm in session.arms:
                if arm.bundle.id == record.manifest_sha256:
                    p50 = arm.summary.p50 if arm.valid and arm.summary else None
                    low = p50.interval.low / 1e6 if p50 and p50.interval else 0.0
                    lows.setdefault(arm.arm.artifact, []).append(low)
            self._least[plan.variant] = {name: min(found) for name, found in lows.items()}

    def judge(self, plan: Planned) -> Planned:
        """Pruned where each of its artifacts that the device runs is over the limit for certain."""
        found: dict[str, tuple[float, Variant]] = {}
        for variant, least in self._least.items():
            if smaller(variant, plan.variant):
                for name, low_ms in least.items():
                    found[name] = max(found.get(name, (0.0, variant)), (low_ms, variant), key=_low)
        wanted = [target.name for target in plan.targets if target.name in self._measurable]
        if not wanted or any(
            name not in found or found[name][0] <= self._limit_ms * _SLACK for name in wanted
        ):
            return plan
        # Its quickest speaks for it.
        name = min(wanted, key=lambda name: found[name][0])
        low_ms, variant = found[name]
        text = f"{self._said}: the smaller {variant.name} takes at least {low_ms:.3g} ms, as {name}"
        at_least = dict.fromkeys((target.name for target in plan.targets), math.inf)
        at_least |= {name: found[name][0] for name in wanted}
        return plan.pruned([text], at_least_ms=at_least)


def _low(pair: tuple[float, Variant]) -> float:
    return pair[0]
