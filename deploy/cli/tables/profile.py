"""What was measured, as tables for people and as plain facts for --json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from statistics import median
from typing import TYPE_CHECKING

import click

from deploy.cli.output import echo, print_table
from deploy.support.json_text import finite
from deploy.support.streams import fits

if TYPE_CHECKING:
    from deploy.results.compare import ArmComparison
    from deploy.results.judge import ArmReport, BeforeNetwork, DeviceReport
    from deploy.results.records import ArmKey, DeviceFacts
    from deploy.statistics import Estimate, Interval

_MS, _MB, _GHZ_IN_KHZ = 1e6, 1e6, 1e6
_BARS, _PLAIN_BARS = "▁▂▃▄▅▆▇█", "_.-:=+*#"
_ARM = ("artifact", "threads", "cores")
# Of an arm's inferences; `_figures` has their cells.
_FIGURES = ("p50 ms", "95 %", "p90", "p99", "min", "spread", "load", "first", "MB", "/s", "in time")
# A calm arm is to look flat: the picture's height is at least this share of its lowest.
_LEAST_HEIGHT = 0.25


def show_devices(reports: Sequence[DeviceReport]) -> None:
    """A table for each device, with what spoils or qualifies its figures below."""
    for report in reports:
        echo(heading(report.device))
        if not any(arm.arm.blocks for arm in report.arms):
            echo(f"not measured: {report.failure or 'interrupted'}\n")
            continue
        print_table(*without_empty([*_ARM, *_FIGURES, "verdict"], _arm_rows(report)))
        show_notes(report)
        echo()


def _arm_rows(report: DeviceReport) -> list[list[str]]:
    return [
        [
            named(report, arm),
            threads_of(arm.arm.key),
            arm.arm.key.cores or "-",
            *_figures(arm),
            verdict(arm),
        ]
        for arm in report.arms
    ]


def named(report: DeviceReport, arm: ArmReport) -> str:
    """The arm's artifact, with its bundle where there are several."""
    from deploy.results.words import artifact_label

    several = len({one.bundle.id for one in report.arms}) > 1
    return f"{arm.bundle.label} " * several + artifact_label(arm.arm)


def show_legend(reports: Sequence[DeviceReport]) -> None:
    """Of the columns that there are."""
    known = [arm.summary for report in reports for arm in report.arms if arm.summary]
    quantiles = [
        name
        for name, is_there in (
            ("p50", True),
            ("p90", any(summary.p90 for summary in known)),
            ("p99", any(summary.p99 for summary in known)),
        )
        if is_there
    ]
    echo(
        f"{', '.join(quantiles)}: ms an inference, 95 %: interval of p50; load, first: ms; MB: "
        "highest resident\nmemory; /s: inferences a second; in time: a bar for each block, first "
        "to last."
    )


def show_comparisons(comparisons: Sequence[ArmComparison]) -> None:
    """B against A, an arm a row; a table for each device and pair of bundles."""
    groups: dict[tuple[str, str, str, str], list[ArmComparison]] = {}
    for compared in comparisons:
        device, a, b = compared.device, compared.a.bundle, compared.b.bundle
        groups.setdefault((device.id, device.model, a.label, b.label), []).append(compared)
    for (_, model, a_label, b_label), group in groups.items():
        together = ", measured together" if group[0].together else ""
        echo(click.style(f"{model}, A: {a_label}, B: {b_label}{together}", bold=True))
        header = [*_ARM, "A ms", "B ms", "B/A", "95 %", "p", "B is"]
        print_table(*without_empty(header, [_comparison_row(compared) for compared in group]))
        echo()


def _comparison_row(compared: ArmComparison) -> list[str]:
    from deploy.results.words import artifact_label

    key, found = compared.key, compared.comparison
    return [
        artifact_label(compared.a.arm) + (" (native)" if key.runner == "native" else ""),
        threads_of(key),
        key.cores or "-",
        _p50(compared.a),
        _p50(compared.b),
        f"{found.ratio:.3f}",
        _ratio_interval(found.interval),
        f"{found.p_value:.3f}",
        found.verdict + (f" ({remark})" if (remark := _remark(compared)) else ""),
    ]


def device_facts(report: DeviceReport) -> dict[str, object]:
    return {
        "device": report.device.model_dump(mode="json"),
        "arms": [arm_facts(arm) for arm in report.arms],
        "recommended": [asdict(best) for best in report.recommended],
        "warnings": list(report.warnings),
        "failure": report.failure,
        "interrupted": report.interrupted,
        **({"sustained": report.sustained.model_dump()} if report.sustained else {}),
    }


def arm_facts(arm: ArmReport) -> dict[str, object]:
    return {
        "bundle": arm.bundle.label,
        "artifact": arm.arm.artifact,
        "key": arm.arm.key.model_dump(mode="json"),
        "valid": arm.valid,
        "reasons": list(arm.reasons),
        "warnings": list(arm.warnings),
        "summary": asdict(arm.summary) if arm.summary else None,
        **({"stretch": asdict(arm.stretch)} if arm.stretch else {}),
        "load_ns": arm.load_ns,
        "first_ns": arm.first_ns,
        "memory_before_bytes": arm.memory_before_bytes,
        "memory_peak_bytes": arm.memory_peak_bytes,
        "push_ns": arm.arm.push_ns,
        **({"before_network": asdict(arm.before)} if arm.before else {}),
        **({} if arm.debuggable is None else {"debuggable": arm.debuggable}),
        "sqnr_db": finite(arm.golden.sqnr_db) if arm.golden else None,
        "agreement": arm.golden.agreement if arm.golden else None,
    }


def heading(device: DeviceFacts) -> str:
    clusters = " + ".join(
        f"{len(cluster.cores)} x {cluster.max_khz / _GHZ_IN_KHZ:.2f} GHz"
        if cluster.max_khz
        else f"{len(cluster.cores)} cores"
        for cluster in device.clusters
    )
    serial = [device.serial] if device.serial else []
    known = [text for text in (device.soc, device.os, device.abi, clusters, *serial) if text]
    return click.style(f"{device.model} ({', '.join(known)})", bold=True)


def _figures(arm: ArmReport) -> list[str]:
    """The cells of `_FIGURES`: from p50 to the picture."""
    summary = arm.summary
    if summary is None:
        return ["-"] * len(_FIGURES)
    return [
        in_ms(summary.p50.value),
        ms_interval(summary.p50.interval),
        _quantile(summary.p90),
        _quantile(summary.p99),
        in_ms(summary.minimum),
        f"{100 * summary.spread:.1f} %",
        in_ms(arm.load_ns),
        in_ms(arm.first_ns),
        "-" if arm.memory_peak_bytes is None else f"{arm.memory_peak_bytes / _MB:.0f}",
        f"{summary.throughput:.0f}",
        picture(arm),
    ]


def picture(arm: ArmReport) -> str:
    """The medians of the blocks in time, as bars from the lowest up."""

    medians = [block.median for block in arm.blocks]
    low = min(medians)
    height = max(max(medians) - low, _LEAST_HEIGHT * low)
    # All of one kind: old code pages have two of the eight blocks.
    bars = _BARS if fits(_BARS) else _PLAIN_BARS
    return "".join(bars[round((len(bars) - 1) * (middle - low) / height)] for middle in medians)


def show_notes(report: DeviceReport) -> None:
    from deploy.results.words import arm_label, threads_text

    for warning in report.warnings:
        echo(f"note: {warning}")
    for arm in report.arms:
        name = arm_label(arm.arm)
        for reason in arm.reasons:
            echo(f"INVALID: {name}: {reason}")
        for warning in arm.warnings:
            echo(f"note: {name}: {warning}")
    _show_before_network(report)
    for best in report.recommended:
        threads = threads_text(best.threads)
        cores = f" on cores {best.cores}" if best.cores else ""
        echo(f"recommended: {best.artifact} with {threads}{cores}: {in_ms(best.p50_ns)} ms")
    if report.failure:
        echo(f"ended early: {report.failure}")
    if report.interrupted:
        echo("interrupted: these figures are of a part of the session")


def _show_before_network(report: DeviceReport) -> None:
    """What the app takes of its own, a line an artifact: it does not depend on the threads."""
    told: dict[str, list[BeforeNetwork]] = {}
    for arm in report.arms:
        if arm.before:
            told.setdefault(named(report, arm), []).append(arm.before)
    for name, of_arms in told.items():
        height, width = of_arms[0].picture
        crop = median(before.crop_ns for before in of_arms)
        taken = median(before.input_ns for before in of_arms)
        echo(
            f"before the network: {name}: crop of {width} x {height} {in_ms(crop)} ms, "
            f"input {in_ms(taken)} ms"
        )


def threads_of(key: ArmKey) -> str:
    return "-" if key.threads is None else str(key.threads or "default")


def without_empty(header: list[str], rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Without the columns in which nothing is known."""
    kept = [column for column in range(len(header)) if any(row[column] != "-" for row in rows)]
    return [header[column] for column in kept], [[row[column] for column in kept] for row in rows]


def _remark(compared: ArmComparison) -> str:
    """What the verdict is not to be read without."""
    invalid = [name for name, arm in (("A", compared.a), ("B", compared.b)) if not arm.valid]
    if invalid:
        return f"{' and '.join(invalid)} INVALID"
    found = compared.comparison
    if found.remedy == "a finer clock":
        return "the clock's steps hide it"
    if found.remedy == "more rounds" and found.rounds:
        return f"about {found.rounds} rounds would tell"
    if found.remedy:
        return "profile both together to tell"
    if found.verdict == "no difference" and found.smallest is not None:
        return f"{100 * found.smallest:.1f} % would show"
    return ""


def _p50(arm: ArmReport) -> str:
    return in_ms(arm.summary.p50.value if arm.summary else None)


def _quantile(estimate: Estimate | None) -> str:
    return in_ms(estimate.value if estimate else None)


def in_ms(ns: float | None) -> str:
    """Three figures are what a median is good for.

    >>> in_ms(1234567), in_ms(98_765_432), in_ms(None)
    ('1.23', '98.8', '-')
    """
    if ns is None:
        return "-"
    value = ns / _MS
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def p50_cells(arm: ArmReport) -> list[str]:
    """The median in ms, its interval and the verdict."""
    p50 = arm.summary.p50 if arm.summary else None
    return [_p50(arm), ms_interval(p50.interval if p50 else None), verdict(arm)]


def verdict(arm: ArmReport) -> str:
    return "VALID" if arm.valid else "INVALID"


def ms_interval(interval: Interval | None) -> str:
    return "-" if interval is None else f"{in_ms(interval.low)}-{in_ms(interval.high)}"


def _ratio_interval(interval: Interval | None) -> str:
    return "-" if interval is None else f"{interval.low:.3f}-{interval.high:.3f}"
