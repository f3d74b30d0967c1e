"""mobile-deploy sensitivity"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deploy.cli.network_options import network_options
from deploy.cli.options import PATH, shared_options
from deploy.cli.output import (
    decibels,
    echo,
    interval_facts,
    percent,
    print_json,
    print_table,
    with_interval,
)
from deploy.cli.progress import watched
from deploy.quantization.sensitivity.picture import check_picture, shortened
from deploy.support.json_text import finite
from deploy.support.printable import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.capture.spec import NetworkSpec
    from deploy.quantization.sensitivity.parts import PricedPart
    from deploy.quantization.sensitivity.report import Outcome, SensitivityReport

# So that a row fits into 80 columns.
LONGEST_NAME = 22


@click.command(epilog="Example: mobile-deploy sensitivity mobilenet_v2 --photos my_photos")
@click.option(
    "-o",
    "--output",
    type=PATH,
    metavar="FILE.png|FILE.svg",
    help="Draw the ranking too, and write it here.",
)
@click.option(
    "--top",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    metavar="N",
    help="How many parts to show, worst first; 0 for all.",
)
@click.option(
    "--photos",
    type=PATH,
    metavar="DIR",
    help="Photos to calibrate with and to judge with, as for build.  [default: bundled samples]",
)
@network_options
@shared_options
def sensitivity(
    *,
    spec: NetworkSpec,
    output: Path | None,
    top: int,
    photos: Path | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Show which parts of a network int8 hurts most.

    A part is a tensor or a layer's weights. Each is listed with its share of the error in the
    logits, and with what the network would gain in dB and lose in time were it left in float.
    NETWORK is a name, or module:factory or file.py:factory for your own.
    """
    if output is not None:
        check_picture(output)
    with watched(debug) as watcher:
        from deploy.capture.given import check_given
        from deploy.support.errors import StorageError

        check_given(spec, photos)

        watcher.stage("loading the toolkits")
        from deploy.quantization.sensitivity.picture import draw_sensitivity
        from deploy.quantization.sensitivity.report import measure_sensitivity

        report = measure_sensitivity(spec, photos, reporter=watcher)
        shown = report.parts[: top or None]
        unsaved: StorageError | None = None
        if output is not None:
            watcher.stage("drawing")
            try:
                draw_sensitivity(report, shown, output)
            except StorageError as error:  # Told at the end: it must not take the figures away.
                unsaved = error
    picture = None if unsaved else output
    try:
        if as_json:
            print_json(facts(report, shown, picture, watcher.warnings))
        else:
            show(report, shown, picture)
    finally:
        if unsaved:
            raise unsaved


def facts(
    report: SensitivityReport,
    shown: Sequence[PricedPart],
    picture: Path | None,
    warnings: list[str],
) -> dict[str, object]:
    return {
        "network": report.network,
        "pure": _outcome_facts(report.pure),
        "auto": _outcome_facts(report.auto),
        "parts_in_all": len(report.parts),
        "parts": [
            asdict(part) | {"in_float": asdict(part.in_float) | {"db": finite(part.in_float.db)}}
            for part in shown
        ],
        "picture": None if picture is None else str(picture),
        "warnings": warnings,
    }


def _outcome_facts(outcome: Outcome) -> dict[str, object]:
    return {
        "predicted_db": finite(outcome.predicted_db),
        "sqnr_db": finite(outcome.measured.sqnr_db),
        "agreement": outcome.measured.agreement,
        "agreement_interval": interval_facts(outcome.measured.agreeing),
        "photos": outcome.measured.photos,
        "estimated_slowdown": outcome.slowdown,
        "left_in_float": list(outcome.in_float),
    }


def show(report: SensitivityReport, shown: Sequence[PricedPart], picture: Path | None) -> None:
    rows = [
        [
            shortened(part.layer, LONGEST_NAME),
            "weights" if part.kind == "weight" else part.operator,
            "x".join(map(str, part.shape)),
            percent(part.share),
            decibels(part.in_float.db),
            _more_time(part.in_float.slowdown),
            "float" if part.left_in_float else "",
        ]
        for part in shown
    ]
    if rest := report.parts[len(shown) :]:
        share = percent(sum(part.share for part in rest))
        others = "1 other" if len(rest) == 1 else f"{len(rest)} others"
        rows.append([others, "", "", share, "", "", ""])
    print_table(["layer", "part", "shape", "error %", "dB", "time %", "auto"], rows)
    echo(
        "\npart: a layer's weights, or what an operator makes. error: its share of what\n"
        "int8 adds to the logits. dB, time: estimates for the network with this part in\n"
        "float, what makes and reads it too. auto: what build leaves in float.\n"
    )
    print_table(
        ["", "dB estimated", "dB", "agreement %", "time %", "in float"],
        [
            [
                name,
                decibels(outcome.predicted_db),
                decibels(outcome.measured.sqnr_db),
                with_interval(outcome.measured.agreeing),
                _more_time(outcome.slowdown),
                str(len(outcome.in_float)),
            ]
            for name, outcome in (("int8 pure", report.pure), ("int8 auto", report.auto))
        ],
    )
    photos = report.pure.measured.photos
    echo(
        f"\ndB and agreement: logits and top class against the float network's, on {photos}\n"
        f"{'crop' if photos == 1 else 'crops'} of photos held back, in brackets the 95 % interval, "
        "within which two\nfigures are the same; dB estimated: on photos that calibrate."
    )
    if picture is not None:
        echo(f"\nwrote {one_line(str(picture))}")


def _more_time(slowdown: float) -> str:
    """
    >>> _more_time(1.0541), _more_time(0.991), _more_time(1.0)
    ('+5.4', '-0.9', '0.0')
    """
    more = round((slowdown - 1) * 100, 1)
    return f"{more:+.1f}" if more else "0.0"
