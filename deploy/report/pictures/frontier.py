"""Quality against a cost, an artifact a point; those of one network are joined."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.report.pictures.labels import Label, place_labels
from deploy.report.pictures.theme import (
    FONT_SIZE,
    INK,
    LIMIT,
    MARKERS,
    MUTED,
    SERIES_INKS,
    SURFACE,
    Mark,
    drawing,
    raw_svg,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Inches of 72 points; on a page the wide one stands beside another or alone, the narrow on a phone.
WIDE, NARROW = (6.8, 4.5), (4.0, 4.3)
# Where the largest is so many times the smallest, its axis is of ratios.
_LOGARITHMIC = 8.0
_DASHES = {"onnx": "-", "executorch": (0, (5, 1.5)), "coreml": (0, (1, 1.5))}


@dataclass(frozen=True, kw_only=True)
class Point:
    """An artifact in the picture. `low` and `high` are of an interval along x, where there is one.

    `series` is the network's place in the report's order.
    """

    key: str
    mark: Mark
    label: str
    series: int
    network: str
    format: str
    precision: str
    width: float | None
    resolution: int
    x: float
    y: float
    low: float | None
    high: float | None
    valid: bool
    within: bool
    frontier: bool
    recommended: bool


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A line at what was asked for, on the x or on the y axis."""

    axis: str
    value: float
    text: str


@dataclass(frozen=True, kw_only=True)
class Axis:
    label: str


def draw_frontier(
    points: Sequence[Point],
    limits: Sequence[Limit],
    *,
    x: str,
    y: str,
    origin: str | None,
    size: tuple[float, float] = WIDE,
) -> str:
    """The picture as SVG in placeholders; `origin` is written into it: whose figures x are of."""
    with drawing():
        from matplotlib.figure import Figure

        figure = Figure(figsize=size)
        left, top = 0.62 / size[0], (0.52 if origin else 0.34) / size[1]
        bottom = 0.52 / size[1]
        axes = figure.add_axes((left, bottom, 1 - left - 0.16 / size[0], 1 - bottom - top))
        _scale(axes, points, limits)
        _draw_limits(axes, limits)
        _draw_lines(axes, points)
        for point in points:
            _draw_point(axes, point)
        axes.set_xlabel(x, labelpad=5)
        # Above the axis, where it is read without turning the head.
        figure.text(0.012, 1 - 0.14 / size[1], y, color=MUTED, va="center", fontsize=FONT_SIZE)
        if origin:
            figure.text(
                0.012,
                1 - 0.35 / size[1],
                origin,
                color=LIMIT,
                va="center",
                fontsize=FONT_SIZE,
                weight="bold",
            )
        place_labels(axes, list(_labels(points)), [(one.x, one.y) for one in points], INK)
        return raw_svg(figure)


def _scale(axes: Axes, points: Sequence[Point], limits: Sequence[Limit]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    xs = [point.x for point in points] + [one.value for one in limits if one.axis == "x"]
    ys = [point.y for point in points] + [one.value for one in limits if one.axis == "y"]
    if max(xs) > _LOGARITHMIC * min(xs):
        axes.set_xscale("log")
        axes.set_xlim(min(xs) / 1.25, max(xs) * 1.35)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    else:
        axes.set_xlim(0, max(xs) * 1.12)
        axes.xaxis.set_major_locator(MaxNLocator(6))
    pad = max(0.08 * (max(ys) - min(ys)), 0.6)
    axes.set_ylim(max(min(ys) - pad, 0), min(max(ys) + pad, 101.5))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.grid(axis="both")
    axes.tick_params(length=0, pad=4)


def _draw_limits(axes: Axes, limits: Sequence[Limit]) -> None:
    for limit in limits:
        line = axes.axvline if limit.axis == "x" else axes.axhline
        line(limit.value, color=LIMIT, linewidth=1.1, linestyle=(0, (4, 2)), zorder=1.5)
        if limit.axis == "x":
            axes.annotate(
                limit.text,
                (limit.value, 0),
                xycoords=("data", "axes fraction"),
                xytext=(-3, 4),
                textcoords="offset points",
                rotation=90,
                ha="right",
                va="bottom",
                color=LIMIT,
                fontsize=8.5,
            )
        else:
            axes.annotate(
                limit.text,
                (1, limit.value),
                xycoords=("axes fraction", "data"),
                xytext=(-2, 3),
                textcoords="offset points",
                ha="right",
                va="bottom",
                color=LIMIT,
                fontsize=8.5,
            )


def _draw_lines(axes: Axes, points: Sequence[Point]) -> None:
    """Of one network in one format and precision: at one width from resolution to resolution, and
    at one resolution, thinner, from width to width."""
    for steps, fixed, width in (("resolution", "width", 1.4), ("width", "resolution", 0.7)):
        groups: dict[tuple[object, ...], list[Point]] = defaultdict(list)
        for point in points:
            key = (point.network, point.format, point.precision, getattr(point, fixed))
            groups[key].append(point)
        for group in groups.values():
            if len(group) < 2:
                continue
            group.sort(key=lambda point: getattr(point, steps) or 0)
            axes.plot(
                [point.x for point in group],
                [point.y for point in group],
                color=SERIES_INKS[group[0].series % len(SERIES_INKS)],
                linewidth=width,
                linestyle=_DASHES.get(group[0].format, "-"),
                alpha=0.75,
                zorder=2,
            )


def _draw_point(axes: Axes, point: Point) -> None:
    """Filled in int8, hollow in float; faint over a limit; ringed on the frontier."""
    ink = SERIES_INKS[point.series % len(SERIES_INKS)]
    marker = MARKERS[point.series % len(MARKERS)]
    quantized = point.precision in ("int8", "w8")
    alpha = 1.0 if point.within and point.valid else 0.45
    if point.low is not None and point.high is not None:
        axes.plot(
            [point.low, point.high],
            [point.y, point.y],
            color=ink,
            linewidth=1,
            alpha=alpha,
            zorder=2.5,
        )
    if point.recommended:
        axes.plot(
            [point.x],
            [point.y],
            marker="o",
            markersize=15,
            linestyle="none",
            markerfacecolor="none",
            markeredgecolor=INK,
            markeredgewidth=1.4,
            zorder=3,
            clip_on=False,
        )
    (drawn,) = axes.plot(
        [point.x],
        [point.y],
        marker=marker,
        markersize=8.5 if point.frontier else 6.5,
        linestyle="none",
        markerfacecolor=ink if quantized else SURFACE,
        markeredgecolor=ink,
        markeredgewidth=1.6,
        alpha=alpha,
        zorder=4,
        clip_on=False,
    )
    drawn.set_gid(point.key)


def _labels(points: Sequence[Point]) -> Iterator[Label]:
    """The recommended one, then the frontier, the best first."""
    ranked = sorted(points, key=lambda point: (not point.recommended, not point.frontier, -point.y))
    for point in ranked:
        if point.recommended or (point.frontier and point.within):
            yield Label(x=point.x, y=point.y, text=point.label, bold=point.recommended)
