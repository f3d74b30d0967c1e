"""What a group's pictures show: which artifacts, where, and with which words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deploy.report import words
from deploy.report.model import Report, ShownArtifact, ShownDevice, ShownGroup, ShownVariant
from deploy.report.pictures.frontier import NARROW, WIDE, Limit, Point, draw_frontier
from deploy.report.pictures.theme import Mark
from deploy.support.printable import shown

# Phones, at most, that have a picture of their own.
_MOST_DEVICES = 6


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A chart of a group. `name` is fit for a file's; `left_out` artifacts have no place in it."""

    name: str
    title: str
    x: str
    y: str
    origin: str | None
    points: tuple[Point, ...]
    limits: tuple[Limit, ...]
    left_out: int

    def draw(self, *, narrow: bool = False, alone: bool = False) -> str:
        """As SVG in placeholders; `alone` with a legend."""
        return draw_frontier(
            self.points,
            self.limits,
            x=self.x,
            y=self.y,
            origin=self.origin,
            size=NARROW if narrow else WIDE,
            alone=alone,
        )

    @property
    def marks(self) -> dict[str, Mark]:
        return {point.key: point.mark for point in self.points}


def series_of(report: Report) -> dict[str, int]:
    """The place of each network: the same colour and marker in all pictures."""
    names = [variant.network for group in report.groups for variant in group.variants]
    return {name: place for place, name in enumerate(dict.fromkeys(names))}


def pictures_of(report: Report, group: ShownGroup) -> Iterator[Picture]:
    """Quality against latency on each device, else against multiply-adds; and against size."""
    if group.quality is None:
        return
    series = series_of(report)
    devices = [report.device(key) for key in group.devices[:_MOST_DEVICES]]
    for device in devices:
        yield from _picture(report, group, series, f"latency-{device.key}", device)
    if not devices:
        yield from _picture(report, group, series, "macs", None)
    yield from _picture(report, group, series, "size", None)


def _picture(
    report: Report, group: ShownGroup, series: dict[str, int], cost: str, device: ShownDevice | None
) -> Iterator[Picture]:
    assert group.quality is not None
    rows = list(group.rows())
    points = [
        point
        for variant, artifact in rows
        if (point := _point(report, group, series, variant, artifact, cost, device)) is not None
    ]
    if not points:
        return
    titles = {
        "macs": ("work", "multiply-adds of an inference, millions"),
        "size": ("size", "size, MB"),
    }
    what, x = titles.get(cost, ("latency", "median latency, ms"))
    if device is not None:
        x = f"{x} on {device.model[:40]}"
    y = words.QUALITY[group.quality]
    yield Picture(
        name=f"{group.key}-{cost}",
        title=f"{y[0].upper()}{y.removesuffix(', %')[1:]} against {what}",
        x=x,
        y=y,
        origin=words.origin_words(device) if device else None,
        points=tuple(points),
        limits=tuple(_limits(group, cost, device)),
        left_out=len(rows) - len(points),
    )


def _point(
    report: Report,
    group: ShownGroup,
    series: dict[str, int],
    variant: ShownVariant,
    artifact: ShownArtifact,
    cost: str,
    device: ShownDevice | None,
) -> Point | None:
    quality = artifact.quality(group.quality)
    timing = artifact.fastest(device.key) if device else None
    if timing is not None:
        x = timing.p50
    elif device is not None:
        x = None
    else:
        x = (variant.macs if cost == "macs" else artifact.bytes) or None
        x = x / 1e6 if x else None
    if x is None or quality is None:
        return None
    several = len({one.format for _, one in group.rows()}) > 1
    label = f"{words.recipe(variant)} {artifact.name if several else artifact.precision}"
    return Point(
        key=f"{group.key}-{artifact.key}",
        mark=Mark(
            link=variant.key, row=artifact.key, text=describe(report, group, variant, artifact)
        ),
        label=label if len(label) <= 34 else f"{label[:31]}...",
        series=series[variant.network],
        network=variant.network,
        format=artifact.format,
        precision=artifact.precision,
        width=variant.width,
        resolution=variant.resolution[0] * variant.resolution[1],
        x=x,
        y=quality,
        low=timing.low if timing else None,
        high=timing.high if timing else None,
        valid=timing is None or timing.valid,
        within=not artifact.exceeds,
        frontier=artifact.frontier,
        recommended=artifact.recommended,
    )


def describe(
    report: Report, group: ShownGroup, variant: ShownVariant, artifact: ShownArtifact
) -> str:
    """The recipe and its figures, in one line that is read out too."""
    said = [f"{variant.name}, {artifact.name}"]
    if artifact.recommended:
        said[0] += " (recommended)"
    if (known := artifact.top1) is not None:
        said.append(f"top-1 {known.percent:.1f} % {known.kind}")
    if artifact.agreement is not None:
        said.append(
            f"{words.decibels(artifact.sqnr_db)} dB, {words.percent(artifact.agreement)} % agree"
        )
    said.append(f"{words.megabytes(artifact.bytes)} MB, {words.count(variant.macs)} MACs")
    for key in group.devices[:_MOST_DEVICES]:
        if (timing := artifact.fastest(key)) is not None:
            verdict = "" if timing.valid else f"INVALID ({timing.reasons[0]})"
            figure = f"{words.milliseconds(timing.p50)} ms{words.mark(report.device(key))}"
            said.append(", ".join(filter(None, [figure, words.arm_words(timing), verdict])))
    if variant.untrained:
        said.append("untrained")
    said += [f"over {text}" for text in artifact.exceeds]
    return shown("; ".join(said))


def _limits(group: ShownGroup, cost: str, device: ShownDevice | None) -> Iterator[Limit]:
    limits = group.limits
    on_x = {"size": (limits.mb, "MB"), "macs": (limits.macs and limits.macs / 1e6, "M")}
    value, unit = on_x.get(cost, (limits.ms, "ms"))
    elsewhere = device is not None and device.key not in group.chosen_on
    if value and not elsewhere:
        yield Limit(axis="x", value=value, text=f"at most {value:g} {unit}")
    if limits.top1 is not None and group.quality in ("measured", "published"):
        yield Limit(axis="y", value=limits.top1, text=f"at least {limits.top1:g} %")
