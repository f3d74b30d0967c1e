"""Arms without pauses: their medians in time, with the heat and the clocks of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from deploy.report.model import ShownStretch
from deploy.report.pictures.theme import ACCENT, BAD, FONT_SIZE, INK, LIMIT, MUTED, drawing, raw_svg
from deploy.report.pictures.times import WIDTH, TimedArm, few_ticks, range_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HEAD, _ARM, _AROUND, _FOOT = 0.34, 0.95, 0.5, 0.42


def draw_stretches(arms: Sequence[TimedArm], *, origin: str | None) -> str | None:
    """For each arm its latency, below it its heat and the clock that it was allowed, as far as they
    were told; None where no stretch is long enough. SVG in placeholders."""
    shown = [(arm, arm.timing.stretch) for arm in arms if arm.timing.stretch]
    if not shown:
        return None
    lanes = [
        (arm, stretch, name)
        for arm, stretch in shown
        for name in ("ms", "celsius", "ghz")
        if any(value is not None for value in getattr(stretch, name))
    ]
    rows = [_ARM if name == "ms" else _AROUND for _, _, name in lanes]
    top = 0.3 if origin else 0.08
    height = top + sum(_HEAD + row for row in rows) + _FOOT
    with drawing():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(WIDTH, height))
        if origin:
            figure.text(0.012, 1 - 0.15 / height, origin, color=LIMIT, weight="bold", va="center")
        longest = max(stretch.minutes for _, stretch in shown)
        y = top
        axes: Axes | None = None
        for (arm, stretch, name), row in zip(lanes, rows, strict=True):
            y += _HEAD
            box = (0.5 / WIDTH, 1 - (y + row) / height, 1 - 0.66 / WIDTH, row / height)
            axes = figure.add_axes(box)
            axes.set_xlim(0, longest)
            axes.tick_params(length=0, pad=3)
            axes.grid(axis="y")
            title, ink = _draw_lane(axes, arm, stretch, name)
            figure.text(
                0.012, 1 - (y - 0.14) / height, title, color=ink, va="center", fontsize=FONT_SIZE
            )
            axes.xaxis.set_major_locator(few_ticks())
            if name != lanes[-1][2] or stretch is not lanes[-1][1]:
                axes.set_xticklabels([])
            y += row
        assert axes is not None
        axes.set_xlabel("minutes without pauses", labelpad=2)
        return raw_svg(figure)


def _draw_lane(axes: Axes, arm: TimedArm, stretch: ShownStretch, name: str) -> tuple[str, str]:
    """Gives the title and its colour."""
    values: Sequence[float | None] = getattr(stretch, name)
    step = stretch.minutes / len(values)
    pairs = [
        ((place + 0.5) * step, value) for place, value in enumerate(values) if value is not None
    ]
    known = [value for _, value in pairs]
    axes.yaxis.set_major_locator(few_ticks())
    if stretch.turn is not None:
        axes.axvline(stretch.turn, color=BAD, linewidth=1.2, linestyle="--")
    if name != "ms":
        axes.plot(*zip(*pairs, strict=True), color=MUTED, linewidth=1.3)
        axes.set_ylim(*range_of(known))
        return ("heat, °C" if name == "celsius" else "clock allowed, GHz"), MUTED
    axes.set_ylim(*range_of([*known, stretch.burst, stretch.sustained]))
    for level in (stretch.burst, stretch.sustained):
        axes.axhline(level, color=INK, linewidth=0.8, linestyle=":")
    axes.plot(*zip(*pairs, strict=True), color=ACCENT, linewidth=1.5)
    verdict = "" if arm.timing.valid else "   INVALID"
    return f"{arm.name}, ms{verdict}", INK if arm.timing.valid else BAD
