"""Which artifact to take: pure functions over what is known of each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from deploy.choosing.records import QualityKind
from deploy.choosing.sweep import Requirements

# The better kind first; of one kind alone are figures compared.
KINDS: tuple[QualityKind, ...] = ("measured", "published", "agreement")
KIND_WORDS: dict[QualityKind, str] = {
    "measured": "top-1 measured on the labelled photos",
    "published": "published top-1",
    "agreement": "agreement with its own float network",
}
# How far from a limit a figure is that nobody knows.
_UNKNOWN = 1000.0


@dataclass(frozen=True, kw_only=True)
class Option:
    """What is known of an artifact. One that is not `built` has at least so many `megabytes`, and
    takes at least `latency_ms` where that is known (infinite: it can have none).

    Else `latency_ms` is a VALID p50, None without one; `quality` in percent, of each kind there is.
    """

    name: str
    built: bool
    macs: int
    megabytes: float
    latency_ms: float | None
    quality: Mapping[QualityKind, float]


@dataclass(frozen=True, kw_only=True)
class Excess:
    """A limit that an option is not within. `by` is a share of the limit; `figure` in words."""

    limit: str
    figure: str
    by: float

    def __str__(self) -> str:
        return f"{self.limit}: {self.figure}"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """`ranked` are within all limits and have a figure of `kind`, best first; `unranked` have none.

    `exceeds` has every option by its name; `frontier` holds names.
    """

    kind: QualityKind | None
    ranked: tuple[Option, ...]
    unranked: tuple[Option, ...]
    exceeds: Mapping[str, tuple[Excess, ...]]
    frontier: frozenset[str]
    reason: str


def decide(options: Sequence[Option], limits: Requirements) -> Decision:
    """Rank what is within the limits: by quality, then latency, then size.

    Quality is of one kind, the best that any option within the other limits has; those without it
    are left unranked, since figures of two kinds do not compare. Where no latency was measured MACs
    stand for it. Nothing beats an option on the frontier in one respect without losing in another;
    published figures being of float networks, agreement is a respect of its own beside them.
    """
    costs = {option.name: tuple(over_costs(option, limits)) for option in options}
    affordable = [option for option in options if option.built and not costs[option.name]]
    kind = best_kind(affordable or [option for option in options if option.built])
    exceeds = {
        option.name: (*costs[option.name], *_under_top1(option, limits, kind)) for option in options
    }
    within = [option for option in options if option.built and not exceeds[option.name]]
    timed = any(option.built and option.latency_ms is not None for option in options)
    ranked = sorted(
        (option for option in within if kind in option.quality),
        key=lambda option: _rank(option, kind, timed),
    )
    return Decision(
        kind=kind if ranked else None,
        ranked=tuple(ranked),
        unranked=tuple(option for option in within if kind not in option.quality),
        exceeds=exceeds,
        frontier=_frontier(options, kind, timed),
        reason=_why_first(ranked, kind, timed) if ranked else _why_none(options, exceeds),
    )


def best_kind(options: Sequence[Option]) -> QualityKind | None:
    """The best kind of which any option has a figure."""
    return next((kind for kind in KINDS if any(kind in option.quality for option in options)), None)


def over_costs(option: Option, limits: Requirements) -> Iterator[Excess]:
    """The limits of cost that it is not within; latency is asked of what is built alone."""
    if limits.max_macs is not None and option.macs > limits.max_macs:
        limit = limits.said("max_macs")
        figure = f"{option.macs / 1e6:.4g} M"
        yield Excess(limit=limit, figure=figure, by=option.macs / limits.max_macs - 1)
    if limits.max_mb is not None and option.megabytes > limits.max_mb:
        figure = f"{option.megabytes:.4g} MB"
        yield Excess(
            limit=limits.said("max_mb"),
            figure=figure if option.built else f"at least {figure}",
            by=option.megabytes / limits.max_mb - 1,
        )
    if limits.max_latency_ms is not None:
        limit = limits.said("max_latency_ms")
        if option.latency_ms is None and not option.built:
            return
        if option.latency_ms is None or math.isinf(option.latency_ms):
            yield Excess(limit=limit, figure="no VALID latency", by=_UNKNOWN)
        elif option.latency_ms > limits.max_latency_ms:
            figure = f"{option.latency_ms:.3g} ms"
            yield Excess(
                limit=limit,
                figure=figure if option.built else f"at least {figure}",
                by=option.latency_ms / limits.max_latency_ms - 1,
            )


def _under_top1(option: Option, limits: Requirements, kind: QualityKind | None) -> Iterator[Excess]:
    if limits.min_top1 is None or not option.built:
        return
    limit = limits.said("min_top1")
    if kind not in ("measured", "published"):
        yield Excess(limit=limit, figure="no top-1 is known", by=_UNKNOWN)
    elif kind not in option.quality:
        yield Excess(limit=limit, figure=f"no {kind} top-1", by=_UNKNOWN)
    elif option.quality[kind] < limits.min_top1:
        figure = f"{option.quality[kind]:.1f} % {kind}"
        yield Excess(limit=limit, figure=figure, by=1 - option.quality[kind] / limits.min_top1)


def _rank(option: Option, kind: QualityKind | None, timed: bool) -> tuple[float, float, float]:
    """The least is the best."""
    assert kind is not None
    return -option.quality[kind], _slowness(option, timed), option.megabytes


def _slowness(option: Option, timed: bool) -> float:
    if not timed:
        return option.macs
    return float("inf") if option.latency_ms is None else option.latency_ms


def _frontier(options: Sequence[Option], kind: QualityKind | None, timed: bool) -> frozenset[str]:
    points = {
        option.name: (*_rank(option, kind, timed), *_own_losses(option, kind))
        for option in options
        if option.built and kind in option.quality and (option.latency_ms is not None or not timed)
    }
    return frozenset(
        name
        for name, point in points.items()
        if not any(_dominates(other, point) for other in points.values())
    )


def _own_losses(option: Option, kind: QualityKind | None) -> tuple[float, ...]:
    """What the quality does not tell: what int8 loses against its own float network."""
    return (-option.quality.get("agreement", 0.0),) if kind == "published" else ()


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def _why_first(ranked: Sequence[Option], kind: QualityKind | None, timed: bool) -> str:
    assert kind is not None
    first = ranked[0]
    quality = f"{KIND_WORDS[kind]}, {first.quality[kind]:.1f} %"
    if len(ranked) == 1:
        return f"the only one within the limits; {quality}"
    best = f"the best of {len(ranked)} by {quality}"
    equal = [option for option in ranked if option.quality[kind] == first.quality[kind]]
    if len(equal) == 1:
        return best
    as_fast = [option for option in equal if _slowness(option, timed) == _slowness(first, timed)]
    if len(as_fast) > 1:
        how = "the smallest"
    else:
        how = "the fastest" if timed else "the one of fewest MACs"
    return f"{best}; {how} of {len(equal)} with the same"


def _why_none(options: Sequence[Option], exceeds: Mapping[str, Sequence[Excess]]) -> str:
    """Which limit excludes all, and which option is nearest to being within."""
    if not options:
        return "nothing could be built"
    excluded: dict[str, int] = {}
    for found in exceeds.values():
        for excess in found:
            excluded[excess.limit] = excluded.get(excess.limit, 0) + 1
    if not excluded:
        return "nothing could be measured"
    alone = [limit for limit, number in excluded.items() if number == len(options)]
    if alone:
        what = f"{' and '.join(alone)}{' each' if len(alone) > 1 else ''} excludes all"
        what += f" {len(options)} artifacts"
    else:
        counts = ", ".join(f"{limit} {number}" for limit, number in excluded.items())
        what = f"the limits together exclude all {len(options)} artifacts ({counts})"
    nearest = min(options, key=lambda option: sum(one.by for one in exceeds[option.name]))
    over = ", ".join(f"{one.figure} for {one.limit}" for one in exceeds[nearest.name])
    return f"{what}: the nearest is {nearest.name} ({over})"
