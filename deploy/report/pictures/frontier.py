"""Quality against a cost, an artifact a point; those of one network are joined."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from deploy.bundle.manifest import QUANTIZED
from deploy.report.pictures.labels import Label, Segment, place_labels
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
from deploy.report.words import short_network

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Inches of 72 points; on a page the wide one stands beside another or alone, the narrow on a phone.
WIDE, NARROW = (6.8, 4.5), (4.0, 4.3)
# Where the largest is so many times the smallest, its axis is of ratios.
_LOGARITHMIC = 8.0
# Networks, at most, in the legend of a file: of one row.
_MOST_NAMED = 5
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


def draw_frontier(
    points: Sequence[Point],
    limits: Sequence[Limit],
    *,
    x: str,
    y: str,
    origin: str | None,
    size: tuple[float, float] = WIDE,
    alone: bool = False,
) -> str:
    """The picture as SVG in placeholders; `origin` is written into it: whose figures x are of.

    `alone` it needs a legend: a page has one for all its pictures.
    """
    with drawing():
        from matplotlib.figure import Figure

        figure = Figure(figsize=size)
        left, top = 0.62 / size[0], (0.52 if origin else 0.34) / size[1]
        bottom = (0.82 if alone else 0.52) / size[1]
        axes = figure.add_axes((left, bottom, 1 - left - 0.16 / size[0], 1 - bottom - top))
        _scale(axes, points, limits)
        _draw_limits(axes, limits)
        lines = [*_draw_lines(axes, points), *_along_limits(axes, limits)]
        for point in points:
            _draw_point(axes, point)
        axes.set_xlabel(x, labelpad=5)
        if alone:
            _draw_legend(figure, points)
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
        place_labels(axes, list(_labels(points)), [(one.x, one.y) for one in points], lines, INK)
        return raw_svg(figure)


def _scale(axes: Axes, points: Sequence[Point], limits: Sequence[Limit]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    xs = [point.x for point in points] + [one.value for one in limits if one.axis == "x"]
    ys = [point.y for point in points] + [one.value for one in limits if one.axis == "y"]
    # An interval that is far longer than the figure is cut: it would push all else together.
    ends = [*xs, *(min(point.high or 0, 1.3 * max(xs)) for point in points)]
    if max(xs) > _LOGARITHMIC * min(xs):
        axes.set_xscale("log")
        axes.set_xlim(min(xs) / 1.25, max(ends) * 1.3)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    else:
        axes.set_xlim(0, max(ends) * 1.1)
        axes.xaxis.set_major_locator(MaxNLocator(6))
    pad = max(0.08 * (max(ys) - min(ys)), 1.0)
    axes.set_ylim(max(min(ys) - pad, -1), max(ys) + 1.6 * pad)
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick <= 100])
    axes.set_ylim(max(min(ys) - pad, -1), max(ys) + 1.6 * pad)
    axes.grid(axis="both")
    axes.tick_params(length=0, pad=4)


def _draw_limits(axes: Axes, limits: Sequence[Limit]) -> None:
    for limit in limits:
        line = axes.axvline if limit.axis == "x" else axes.axhline
        line(limit.value, color=LIMIT, linewidth=1.1, linestyle=(0, (4, 2)), zorder=1.5)
        if limit.axis == "x":
            beyond = axes.get_xlim()[1]
            axes.axvspan(limit.value, beyond, color=LIMIT, alpha=0.05, linewidth=0, zorder=0.5)
            # Away from a limit of the other axis, which lies low.
            high = any(other.axis == "y" for other in limits)
            axes.annotate(
                limit.text,
                (limit.value, float(high)),
                xycoords=("data", "axes fraction"),
                xytext=(3, -4) if high else (-3, 4),
                textcoords="offset points",
                rotation=90,
                ha="left" if high else "right",
                va="top" if high else "bottom",
                color=LIMIT,
                fontsize=9.5,
            )
        else:
            beyond = axes.get_ylim()[0]
            axes.axhspan(beyond, limit.value, color=LIMIT, alpha=0.05, linewidth=0, zorder=0.5)
            axes.annotate(
                limit.text,
                (1, limit.value),
                xycoords=("axes fraction", "data"),
                xytext=(-2, 3),
                textcoords="offset points",
                ha="right",
                va="bottom",
                color=LIMIT,
                fontsize=9.5,
            )


def _along_limits(axes: Axes, limits: Sequence[Limit]) -> Iterator[Segment]:
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    for limit in limits:
        at = limit.value
        yield ((at, bottom), (at, top)) if limit.axis == "x" else ((left, at), (right, at))


def _draw_lines(axes: Axes, points: Sequence[Point]) -> Iterator[Segment]:
    """Of one network in one format and precision: at one width from resolution to resolution, and
    at one resolution, thinner, from width to width. Gives their pieces."""
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
                alpha=0.85 if group[0].precision in QUANTIZED else 0.4,
                zorder=2,
            )
            for one, other in pairwise(group):
                yield (one.x, one.y), (other.x, other.y)


def _draw_point(axes: Axes, point: Point) -> None:
    """Filled in int8, hollow in float; faint over a limit; ringed on the frontier."""
    ink = SERIES_INKS[point.series % len(SERIES_INKS)]
    marker = MARKERS[point.series % len(MARKERS)]
    quantized = point.precision in QUANTIZED
    alpha = 1.0 if point.within and point.valid else 0.45
    if point.low is not None and point.high is not None:
        axes.plot(
            [point.low, point.high],
            [point.y, point.y],
            marker="|",
            markersize=5,
            color=MUTED,
            linewidth=0.8,
            alpha=0.8 * alpha,
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


def _draw_legend(figure: Figure, points: Sequence[Point]) -> None:
    from matplotlib.lines import Line2D

    def handle(label: str, ink: str, marker: str, filled: bool) -> Line2D:
        return Line2D(
            [],
            [],
            linestyle="none",
            marker=marker,
            markeredgecolor=ink,
            markerfacecolor=ink if filled else SURFACE,
            markeredgewidth=1.6,
            label=label,
        )

    networks = dict.fromkeys((point.network, point.series) for point in points)
    handles = [
        handle(
            short_network(name)[:24],
            SERIES_INKS[place % len(SERIES_INKS)],
            MARKERS[place % len(MARKERS)],
            True,
        )
        for name, place in list(networks)[:_MOST_NAMED]
    ]
    handles += [handle("int8", MUTED, "o", True), handle("float", MUTED, "o", False)]
    figure.legend(
        handles=handles,
        loc="lower center",
        ncols=len(handles),
        frameon=False,
        labelcolor=MUTED,
        fontsize=9.5,
        handletextpad=0.1,
        columnspacing=1.2,
    )


def _labels(points: Sequence[Point]) -> Iterator[Label]:
    """The recommended one, then the frontier, the best first."""
    ranked = sorted(points, key=lambda point: (not point.recommended, not point.frontier, -point.y))
    for point in ranked:
        if point.recommended or (point.frontier and point.within):
            yield Label(x=point.x, y=point.y, text=point.label, bold=point.recommended)
