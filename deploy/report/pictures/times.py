"""An arm in time: every inference, block by block, with the heat and the clock around each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from deploy.report.model import ShownBlock, ShownTiming
from deploy.report.pictures.theme import (
    ACCENT,
    BAD,
    FONT_SIZE,
    INK,
    LIMIT,
    MUTED,
    drawing,
    raw_svg,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.ticker import Locator

WIDTH = 4.4
_HEAD, _ARM, _AROUND, _GAP, _FOOT = 0.34, 0.95, 0.55, 0.3, 0.42
# A calm arm is to look flat: the picture's height is at least this share of its middle.
_LEAST_HEIGHT = 0.25
# Of a block, and of an arm: of more every so many are drawn.
_MOST_DOTS, _MOST_BLOCKS = 40, 40


@dataclass(frozen=True, kw_only=True)
class TimedArm:
    name: str
    timing: ShownTiming


def draw_times(arms: Sequence[TimedArm], *, origin: str | None, dots: bool = True) -> str | None:
    """Rows of dots, one for each arm, and below them what was seen of heat and clocks; None where
    nothing was timed. Without `dots` each block is the lowest, the median and the highest. SVG in
    placeholders."""
    arms = [arm for arm in arms if any(block.ms for block in arm.timing.blocks)]
    if not arms:
        return None
    blocks = [block for arm in arms for block in arm.timing.blocks]
    around = [
        (name, unit, field)
        for name, unit, field in (("heat", "°C", "celsius"), ("clock", "GHz", "ghz"))
        if any(getattr(block, field) is not None for block in blocks)
    ]
    rows = [_ARM] * len(arms) + [_AROUND] * len(around)
    top = 0.3 if origin else 0.08
    height = top + sum(_HEAD + row for row in rows) + _FOOT
    with drawing():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(WIDTH, height))
        if origin:
            figure.text(0.012, 1 - 0.15 / height, origin, color=LIMIT, weight="bold", va="center")
        last = max(block.round for block in blocks)
        y = top
        axes: Axes | None = None
        for number, row in enumerate(rows):
            y += _HEAD
            box = (0.5 / WIDTH, 1 - (y + row) / height, 1 - 0.66 / WIDTH, row / height)
            axes = figure.add_axes(box)
            axes.set_xlim(-0.6, last + 0.6)
            axes.tick_params(length=0, pad=3)
            axes.grid(axis="y")
            if number < len(arms):
                title, ink = _draw_arm(axes, arms[number], every=dots)
            else:
                title, ink = _draw_around(axes, blocks, *around[number - len(arms)]), MUTED
            figure.text(
                0.012, 1 - (y - 0.14) / height, title, color=ink, va="center", fontsize=FONT_SIZE
            )
            axes.set_xticks([])
            y += row
        assert axes is not None
        axes.set_xticks(range(0, last + 1, max(1, round(last / 9))))
        axes.set_xticklabels([f"{tick + 1:.0f}" for tick in axes.get_xticks()])
        axes.set_xlabel("round", labelpad=2)
        return raw_svg(figure)


def _draw_arm(axes: Axes, arm: TimedArm, *, every: bool) -> tuple[str, str]:
    """Every inference a dot, the median of a block a bar. Gives the title and its colour."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    timing = arm.timing
    dots: list[tuple[float, float]] = []
    bars: list[tuple[float, float]] = []
    for block in shown_blocks(timing):
        if not block.ms:
            continue
        times = block.ms[:: -(-len(block.ms) // _MOST_DOTS)]
        if not every:
            times = (min(block.ms), max(block.ms))
        count = len(times)
        for place, ms in enumerate(times):
            x = block.round + 0.7 * ((place + 0.5) / count - 0.5)
            dots += [(x, ms), (x, ms)]
        middle = median(block.ms)
        bars += [(block.round - 0.38, middle), (block.round + 0.38, middle)]
    low, high = range_of(_without_spikes([y for _, y in dots]))
    above = [(x, high) for x, y in dots[::2] if y > high]
    dots = [(x, y) for x, y in dots if y <= high]
    axes.set_ylim(low, high)
    if above:
        axes.plot(*zip(*above, strict=True), "^", color=BAD, markersize=3, clip_on=False)
    for vertices, ink, width, cap in ((dots, ACCENT, 1.7, "round"), (bars, INK, 1.2, "butt")):
        codes = [Path.MOVETO, Path.LINETO] * (len(vertices) // 2)
        axes.add_patch(
            PathPatch(
                Path(vertices, codes),
                edgecolor=ink,
                facecolor="none",
                linewidth=width,
                capstyle=cap,
            )
        )
    for block in timing.blocks:
        if block.failure:
            axes.axvline(block.round, color=BAD, linewidth=3, alpha=0.4)
    axes.yaxis.set_major_locator(few_ticks())
    far = f" ({len(above)} above)" if above else ""
    verdict = "" if timing.valid else "   INVALID"
    return f"{arm.name}, ms{far}{verdict}", INK if timing.valid else BAD


def shown_blocks(timing: ShownTiming) -> Sequence[ShownBlock]:
    """All, or so many of them, evenly."""
    blocks = timing.blocks
    return blocks[:: max(1, -(-len(blocks) // _MOST_BLOCKS))]


def _draw_around(axes: Axes, blocks: Sequence[ShownBlock], name: str, unit: str, field: str) -> str:
    """The highest of each round; of clocks also what the system allowed."""
    rounds = sorted({block.round for block in blocks})

    def seen(field: str) -> list[float | None]:
        found = []
        for number in rounds:
            values = [getattr(block, field) for block in blocks if block.round == number]
            found.append(max((value for value in values if value is not None), default=None))
        return found

    def line(values: Sequence[float | None], style: str) -> None:
        pairs = [
            (number, value)
            for number, value in zip(rounds, values, strict=True)
            if value is not None
        ]
        axes.plot(*zip(*pairs, strict=True), color=MUTED, linewidth=1.3, linestyle=style)

    values = seen(field)
    line(values, "-")
    title = f"{name}, {unit}"
    allowed = seen("allowed_ghz") if field == "ghz" else []
    if any(value is not None for value in allowed):
        line(allowed, "--")
        values = [*values, *allowed]
        title += ": now, and allowed (dashed)"
    axes.set_ylim(*range_of([value for value in values if value is not None]))
    axes.yaxis.set_major_locator(few_ticks())
    return title


def _without_spikes(values: Sequence[float]) -> Sequence[float]:
    """Those that are not far above the rest: a spike would leave nothing to see of it."""
    middle = median(values)
    highest = max(1.5 * middle, 1.2 * sorted(values)[int(0.9 * (len(values) - 1))])
    return [value for value in values if value <= highest]


def range_of(values: Sequence[float]) -> tuple[float, float]:
    """What an axis spans.

    >>> range_of([0.0, 0.0]), range_of([-5.0, -5.0])
    ((0.0, 0.14), (-5.7, -4.3))
    """
    low, high = min(values), max(values)
    # Of degrees below 0 too; of nothing but zeros it is a height all the same.
    least = _LEAST_HEIGHT * (abs(median(values)) or 1.0)
    lacking = max(0.0, least - (high - low)) / 2
    pad = 0.06 * max(high - low, least)
    bottom = low - lacking - pad
    return bottom if low < 0 else max(0.0, bottom), high + lacking + pad


def few_ticks() -> Locator:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(3)
