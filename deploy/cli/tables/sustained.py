"""Stretches without pauses: a table, and on a terminal a chart of each with its heat and clock."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from deploy.cli.output import echo, print_table
from deploy.cli.tables.chart import bars
from deploy.cli.tables.profile import (
    heading,
    in_ms,
    ms_interval,
    named,
    show_notes,
    threads_of,
    verdict,
    without_empty,
)
from deploy.cli.width import width_of

if TYPE_CHECKING:
    from deploy.results.judge import ArmReport, DeviceReport
    from deploy.results.records import Results, Settings
    from deploy.statistics import Interval
    from deploy.statistics.sustained import Stretch

_COLUMNS = (
    *("artifact", "threads", "cores", "burst ms", "95 %", "sustained ms", "95 %", "longer", "95 %"),
    *("turns at", "within", "at work", "hottest", "clock", "verdict"),
)
# Columns of a chart, of its scale and of its unit; rows of its lanes.
_FEWEST_COLUMNS, _MOST_COLUMNS, _SCALE, _UNIT = 20, 100, 9, 8
_HIGH, _LOW = 6, 2


def show_stretches(reports: Sequence[DeviceReport], results: Results) -> None:
    """A table for each device; on a terminal each stretch in time too."""
    for report in reports:
        echo(heading(report.device))
        if not any(arm.arm.blocks for arm in report.arms):
            echo(f"not measured: {report.failure or 'interrupted'}\n")
            continue
        print_table(*without_empty(list(_COLUMNS), [_row(report, arm) for arm in report.arms]))
        width = width_of(sys.stdout)
        if width is not None:
            for arm in report.arms:
                _show_chart(report, arm, results.settings, width)
        show_notes(report)
        if report.sustained and report.sustained.mode:
            echo("note: in sustained-performance mode, as an app may ask for: most apps do not")
        if report.device.kind == "host":
            echo("note: a computer tells no thermal status: its times alone show throttling")
        echo()
    if reports:
        echo(
            "burst: before it slows down, else the first third; sustained: the last third; longer: "
            "how much longer\nan inference then takes; 95 %: of this stretch; turns at: minutes, "
            "and between which two it did."
        )


def _row(report: DeviceReport, arm: ArmReport) -> list[str]:
    from deploy.results.words import clock_time

    about = [named(report, arm), threads_of(arm.arm.key), arm.arm.key.cores or "-"]
    found = arm.stretch
    if found is None:
        return [*about, *["-"] * (len(_COLUMNS) - len(about) - 1), verdict(arm)]
    stretch = found.stretch
    turn, hottest, clock = stretch.turn, found.hottest_c, found.lowest_clock
    return [
        *about,
        in_ms(stretch.burst.value),
        ms_interval(stretch.burst.interval),
        in_ms(stretch.sustained.value),
        ms_interval(stretch.sustained.interval),
        f"{_percent(stretch.fall.value)} %",
        _percents(stretch.fall.interval),
        clock_time(turn.at_s) if turn else "never",
        f"{clock_time(turn.earliest_s)}-{clock_time(turn.latest_s)}" if turn else "-",
        f"{100 * found.at_work:.0f} %",
        "-" if hottest is None else f"{hottest:.0f} C",
        "-" if clock is None else f"{100 * clock:.0f} %",
        verdict(arm),
    ]


def _show_chart(report: DeviceReport, arm: ArmReport, settings: Settings, width: int) -> None:
    from deploy.results.sustained import levels_of
    from deploy.results.words import threads_text

    found = arm.stretch
    columns = min(_MOST_COLUMNS, width - _SCALE - _UNIT)
    if found is None or columns < _FEWEST_COLUMNS:
        return
    stretch = found.stretch
    echo(f"\n{named(report, arm)}, {threads_text(arm.arm.key.threads)}")
    levels = levels_of(arm.arm, settings, windows=columns)
    _lane("ms", [None if level is None else level / 1e6 for level in levels], _HIGH, share=0.25)
    at = [(place + 0.5) * stretch.seconds / columns for place in range(columns)]
    moments = [
        next((one for one in reversed(found.moments) if one.from_s <= second), found.moments[0])
        for second in at
    ]
    _lane("C", [one.celsius for one in moments], _LOW, least=10.0)
    clocks = [None if one.clock is None else 100 * one.clock for one in moments]
    _lane("% clock", clocks, _LOW, least=25.0, high=100.0)
    echo(f"{'':{_SCALE}}{_time_line(stretch, columns)}")


def _lane(
    unit: str,
    values: Sequence[float | None],
    rows: int,
    *,
    least: float = 0.0,
    share: float = 0.0,
    high: float | None = None,
) -> None:
    """Bars behind a scale from the lowest up, which spans `least`, and this `share` of the lowest,
    at least: what hardly changes is to look flat. `high` is its upper end, else the highest."""
    known = [value for value in values if value is not None]
    if not known:
        return
    low = min(known)
    if high is None:
        high = max(*known, low + least, low * (1 + share))
    else:
        low = min(low, high - least)
    scale = [f"{high:.3g}", *[""] * (rows - 2), f"{low:.3g}"]
    lines = bars(values, rows, low=low, high=high)
    for number, (text, line) in enumerate(zip(scale, lines, strict=True)):
        echo(f" {text:>{_SCALE - 2}} {line}" + (f" {unit}" if number == 0 else ""))


def _time_line(stretch: Stretch, columns: int) -> str:
    """Beginning and end, and a mark where it turns."""
    from deploy.results.words import clock_time

    line = f"0:00{clock_time(stretch.seconds):>{columns - 4}}"
    if stretch.turn is None:
        return line
    mark = f"^ {clock_time(stretch.turn.at_s)}"
    place = round(stretch.turn.at_s / stretch.seconds * columns)
    if not line[place : place + len(mark) + 1].isspace():
        return line
    return line[:place] + mark + line[place + len(mark) :]


def _percents(interval: Interval | None) -> str:
    if interval is None:
        return "-"
    return f"{_percent(interval.low)} to {_percent(interval.high)} %"


def _percent(share: float) -> str:
    """
    >>> _percent(0.213), _percent(-0.002)
    ('21', '0')
    """
    return str(round(100 * share))
