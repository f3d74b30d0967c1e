"""What the templates are given: the report's parts with their pictures drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from deploy.report import words
from deploy.report.model import Report, ShownArtifact, ShownGroup, ShownTiming, ShownVariant
from deploy.report.pictures.points import Picture, pictures_of
from deploy.report.pictures.stretch import draw_stretches
from deploy.report.pictures.theme import Styles, for_page
from deploy.report.pictures.times import TimedArm, draw_times
from deploy.report.records import CountedLayer, HurtPart, ProvedGate

# Arms of one variant on one device that are drawn in time; the table has all.
_MOST_ARMS = 8
# Kinds of layers that have a colour of their own in the bars.
_COLOURED = ("depthwise", "pointwise", "conv", "linear")


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A picture twice: for a screen, and for one as narrow as a phone's."""

    picture: Picture
    wide: Markup
    narrow: Markup


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A row with a bar: `part` is its length in percent, `colour` a class of the style sheet."""

    name: str
    kind: str
    cells: tuple[str, ...]
    part: str
    colour: str


@dataclass(frozen=True, kw_only=True)
class Gates:
    """The gates that an artifact passed, or one on an emulated processor."""

    name: str
    gates: tuple[ProvedGate, ...]
    note: str | None = None

    @property
    def passed(self) -> int:
        return sum(gate.passed for gate in self.gates)


@dataclass(frozen=True, kw_only=True)
class VariantView:
    variant: ShownVariant
    layers: tuple[Bar, ...]
    kinds: tuple[tuple[str, str], ...]
    parts: tuple[Bar, ...]
    gates: tuple[Gates, ...]
    arms: tuple[tuple[ShownArtifact, ShownTiming], ...]
    times: tuple[Markup, ...]
    sustained: bool
    said: tuple[tuple[str, str], ...]
    opened: bool


@dataclass(frozen=True, kw_only=True)
class GroupView:
    group: ShownGroup
    pictures: tuple[Drawn, ...]
    variants: tuple[VariantView, ...]
    runners_up: tuple[tuple[ShownVariant, ShownArtifact], ...]
    formats: tuple[str, ...]
    precisions: tuple[str, ...]
    networks: tuple[str, ...]
    warnings: tuple[str, ...]
    rows: tuple[tuple[ShownVariant, ShownArtifact], ...]


def group_view(report: Report, group: ShownGroup, styles: Styles, *, dots: bool) -> GroupView:
    """A group with everything drawn; what the pictures' classes mean goes into `styles`.

    Without `dots` the times of a block are drawn as three.
    """
    rows = {artifact.key: (variant, artifact) for variant, artifact in group.rows()}
    drawn = [_drawn(picture, styles) for picture in pictures_of(report, group)]
    best = group.best
    return GroupView(
        group=group,
        pictures=tuple(drawn),
        variants=tuple(
            _variant_view(
                report,
                variant,
                styles,
                opened=best is not None and variant is best[0],
                dots=dots,
            )
            for variant in group.variants
            if variant.state == "built"
        ),
        runners_up=tuple(rows[key] for key in group.runners_up if key in rows),
        formats=_distinct(artifact.format for _, artifact in rows.values()),
        precisions=_distinct(artifact.precision for _, artifact in rows.values()),
        networks=_distinct(variant.network for variant, _ in rows.values()),
        warnings=_of_all(group.variants),
        rows=tuple(group.ranked()),
    )


def _of_all(variants: tuple[ShownVariant, ...]) -> tuple[str, ...]:
    """What every variant that was built was warned of: said once."""
    built = [variant.warnings for variant in variants if variant.state == "built"]
    if len(built) < 2:
        return ()
    return tuple(text for text in built[0] if all(text in warnings for warnings in built))


def _drawn(picture: Picture, styles: Styles) -> Drawn:
    def svg(*, narrow: bool) -> Markup:
        name = picture.name + ("-narrow" if narrow else "")
        raw = picture.draw(narrow=narrow)
        return Markup(for_page(raw, styles, name=name, title=picture.title, marks=picture.marks))

    return Drawn(picture=picture, wide=svg(narrow=False), narrow=svg(narrow=True))


def _variant_view(
    report: Report, variant: ShownVariant, styles: Styles, *, opened: bool, dots: bool
) -> VariantView:
    arms = tuple(
        (artifact, timing) for artifact in variant.artifacts for timing in artifact.timings
    )
    proofs = variant.proofs
    layers = proofs.layers if proofs else ()
    return VariantView(
        variant=variant,
        layers=tuple(_layer_bars(layers)),
        kinds=tuple(_kinds(layers)),
        parts=tuple(_part_bars(proofs.int8_parts if proofs else ())),
        gates=tuple(_gates(variant)),
        arms=arms,
        times=tuple(_times(report, variant, arms, styles, dots=dots)),
        sustained=any(timing.stretch for _, timing in arms),
        said=tuple(_said(arms)),
        opened=opened,
    )


def _layer_bars(layers: tuple[CountedLayer, ...]) -> Iterator[Bar]:
    most = max((layer.macs for layer in layers), default=0)
    for layer in layers:
        yield Bar(
            name=layer.name or layer.kind,
            kind=layer.kind,
            cells=(words.shape(layer.output), words.count(layer.params), words.count(layer.macs)),
            part=_part(layer.macs, most),
            colour=_colour(layer.kind),
        )


def _kinds(layers: tuple[CountedLayer, ...]) -> Iterator[tuple[str, str]]:
    """Each kind with its share of all multiply-adds, the largest first."""
    total = sum(layer.macs for layer in layers)
    kinds = dict.fromkeys(layer.kind for layer in layers)
    shares = {
        kind: sum(layer.macs for layer in layers if layer.kind == kind) / total if total else 0.0
        for kind in kinds
    }
    for kind, share in sorted(shares.items(), key=lambda item: -item[1]):
        if share:
            yield _colour(kind), f"{kind} {100 * share:.1f} %"


def _part_bars(parts: tuple[HurtPart, ...]) -> Iterator[Bar]:
    most = max((part.share for part in parts), default=0.0)
    for part in parts:
        yield Bar(
            name=part.layer,
            kind="weights" if part.kind == "weight" else part.operator,
            cells=(words.percent(part.share), "float" if part.in_float else "int8"),
            part=_part(part.share, most),
            colour="in-float" if part.in_float else "in-int8",
        )


def _part(value: float, most: float) -> str:
    return f"{100 * value / most:.1f}" if most else "0"


def _colour(kind: str) -> str:
    return kind if kind in _COLOURED else "other"


def _gates(variant: ShownVariant) -> Iterator[Gates]:
    if variant.proofs is None:
        return
    for name, proof in variant.proofs.artifacts.items():
        yield Gates(name=name, gates=proof.checks)
    for one in variant.emulated:
        equal = {True: "equal to this computer's to the bit", False: None, None: None}
        yield Gates(
            name=f"{one.artifact} on {one.processor}, emulated",
            gates=one.checks,
            note=one.unproved or equal[one.equal_to_this_computer],
        )


def _said(
    arms: tuple[tuple[ShownArtifact, ShownTiming], ...],
) -> Iterator[tuple[str, str]]:
    """Why an arm is INVALID, and what is odd about one that is not."""
    for artifact, timing in arms:
        name = _arm(artifact, timing)
        if timing.reasons:
            yield name, f"INVALID: {'; '.join(timing.reasons)}"
        for text in timing.warnings:
            yield name, text


def _arm(artifact: ShownArtifact, timing: ShownTiming) -> str:
    return ", ".join(filter(None, [artifact.name, words.arm_words(timing)]))


def _times(
    report: Report,
    variant: ShownVariant,
    arms: tuple[tuple[ShownArtifact, ShownTiming], ...],
    styles: Styles,
    *,
    dots: bool,
) -> Iterator[Markup]:
    for key in dict.fromkeys(timing.device for _, timing in arms):
        device = report.device(key)
        timed = [
            TimedArm(name=_arm(one, timing), timing=timing)
            for one, timing in arms
            if timing.device == key
        ]
        raw = (
            draw_stretches(timed[:_MOST_ARMS], origin=words.origin_words(device))
            if any(arm.timing.stretch for arm in timed)
            else draw_times(timed[:_MOST_ARMS], origin=words.origin_words(device), dots=dots)
        )
        if raw is not None:
            title = f"Each inference of {variant.name} in time, on {device.model}"
            yield Markup(for_page(raw, styles, name=f"{variant.key}-{key}", title=title))


def _distinct(names: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
