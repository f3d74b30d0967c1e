"""What `choose` shows people: a table of at most 80 columns for names of usual length."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from deploy.cli.output import decibels, echo, percent, print_table

if TYPE_CHECKING:
    from deploy.choosing.records import Candidate, Choice, ChosenCandidate, SweptVariant

_FAMILY = "mobilenet_"
_CHOSEN, _FRONTIER, _OVER, _PLAIN = ">", "*", "x", " "


def show_choice(choice: Choice, folder: Path) -> None:
    """Every artifact that was built, what was not built and why, and the recommendation."""
    timed = any(one.latencies for _, one in _built(choice))
    rows = [_row(choice, variant, candidate, timed) for variant, candidate in _sorted(choice)]
    if rows:
        cost = "ms" if timed else "M MACs"
        print_table(["  variant", "artifact", "MB", cost, "dB", "agree %", "top-1 %"], rows)
        echo(f"\n{_legend(choice, timed)}")
    for variant in choice.variants:
        if variant.state == "pruned":
            echo(f"not built: {variant.name}: {variant.why}")
        elif variant.state == "failed":
            echo(f"failed: {variant.name}: {variant.why}")
    for text in _why_invalid(choice):
        echo(text)
    for note in choice.notes:
        echo(f"note: {note}")
    best = choice.recommended
    if best is None:
        return
    echo(f"\nrecommended: {_figures(choice, best)}\n  {choice.reason}")
    for runner_up in choice.runners_up:
        echo(f"runner-up: {_figures(choice, runner_up)}")
    variant = next(variant for variant in choice.variants if variant.name == best.variant)
    echo(f"\nits bundle: {shlex.quote(str(folder / (variant.bundle or '')))}")
    if variant.weights is None:
        echo("  of untrained weights: build it with trained ones before you ship it")


def _built(choice: Choice) -> Iterator[tuple[SweptVariant, Candidate]]:
    for variant in choice.variants:
        for candidate in variant.candidates:
            if candidate.bytes is not None:
                yield variant, candidate


def _sorted(choice: Choice) -> list[tuple[SweptVariant, Candidate]]:
    """Within the limits first, then by top-1, agreement and cost; unknown last."""

    def rank(pair: tuple[SweptVariant, Candidate]) -> tuple[float | bool, ...]:
        variant, candidate = pair
        return (
            not _is_chosen(choice, variant, candidate),
            bool(candidate.exceeds),
            -(candidate.top1.percent if candidate.top1 else 0),
            variant.macs,
            -(candidate.agreement or 0),
        )

    return sorted(_built(choice), key=rank)


def _is_chosen(choice: Choice, variant: SweptVariant, candidate: Candidate) -> bool:
    best = choice.recommended
    return best is not None and (best.variant, best.artifact) == (variant.name, candidate.artifact)


def _row(choice: Choice, variant: SweptVariant, candidate: Candidate, timed: bool) -> list[str]:
    mark = (
        _CHOSEN
        if _is_chosen(choice, variant, candidate)
        else _OVER
        if candidate.exceeds
        else _FRONTIER
        if candidate.frontier
        else _PLAIN
    )
    return [
        f"{mark} {_short(variant.name)}",
        candidate.artifact,
        f"{(candidate.bytes or 0) / 1e6:.2f}",
        _latency(candidate) if timed else f"{variant.macs / 1e6:.1f}",
        "-" if candidate.agreement is None else decibels(candidate.sqnr_db),
        "-" if candidate.agreement is None else percent(candidate.agreement),
        _top1(variant, candidate),
    ]


def _short(name: str) -> str:
    """Without what nearly all have in common.

    >>> _short("mobilenet_v3_small:0.75@224")
    'v3_small:0.75@224'
    """
    return name.removeprefix(_FAMILY)


def _latency(candidate: Candidate) -> str:
    """The lowest VALID one; else the lowest there is, marked."""
    if candidate.latency_ms is not None:
        return f"{candidate.latency_ms:.3g}"
    others = [arm.p50_ms for arm in candidate.latencies if arm.p50_ms is not None]
    return f"{min(others):.3g}!" if others else "-"


def _top1(variant: SweptVariant, candidate: Candidate) -> str:
    """With a letter for what is published, and one for untrained weights."""
    top1 = candidate.top1
    untrained = "u" if variant.weights is None else ""
    if top1 is None:
        return f"- {untrained}".strip()
    published = "p" if top1.kind == "published" else ""
    return f"{top1.percent:.1f} {published}{untrained}".strip()


def _legend(choice: Choice, timed: bool) -> str:
    built = list(_built(choice))
    lines = [
        "> recommended, * on the frontier (none is as good in all and better in one), x over a "
        "limit.",
        "dB, agree: against the float network on photos held back.",
    ]
    if timed and choice.device is not None:
        kind = "virtual phone" if choice.device.virtual else choice.device.kind
        lines.append(f"ms: median of an inference on {choice.device.model} ({kind}).")
        if any(one.latencies and one.latency_ms is None for _, one in built):
            lines.append("!: INVALID: it stands here, and decides nothing.")
    if any(one.top1 and one.top1.kind == "measured" for _, one in built):
        lines.append("top-1: measured on the labelled photos where no letter follows.")
    sources = dict.fromkeys(
        one.top1.source for _, one in built if one.top1 and one.top1.kind == "published"
    )
    if sources:
        lines.append(
            "p: published for this width and resolution, of float and of its publisher's weights:"
        )
        lines.append(
            fill(f"{', '.join(sources)}.", 78, initial_indent="   ", subsequent_indent="   ")
        )
    if any(variant.weights is None for variant, _ in built):
        lines.append("u: built untrained: only its cost, size and latency are of use.")
    return "\n".join(lines)


def _why_invalid(choice: Choice) -> Iterator[str]:
    """One line a reason: of a busy computer all have the same."""
    reasons: dict[str, list[str]] = {}
    for variant, candidate in _built(choice):
        for arm in candidate.latencies:
            for reason in arm.reasons:
                kind = reason.partition(":")[0]
                reasons.setdefault(kind, []).append(
                    f"{variant.name} {candidate.artifact}: {reason}"
                )
    for found in reasons.values():
        more = f" (and {len(found) - 1} more arms)" if len(found) > 1 else ""
        yield f"INVALID: {found[0]}{more}"


def _figures(choice: Choice, chosen: ChosenCandidate) -> str:
    latency = "" if chosen.latency_ms is None else f"{chosen.latency_ms:.3g} ms, "
    kind = "agreement" if choice.quality_by == "agreement" else f"top-1 {choice.quality_by}"
    return (
        f"{chosen.variant} {chosen.artifact}: {chosen.quality:.1f} % {kind}, {latency}"
        f"{chosen.bytes / 1e6:.2f} MB, {chosen.macs / 1e6:.1f} M MACs"
    )
