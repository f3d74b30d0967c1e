"""mobile-deploy evaluate"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deploy.cli.options import PATH, shared_options
from deploy.cli.output import echo, percent, print_json, print_table
from deploy.cli.progress import watched

if TYPE_CHECKING:
    from deploy.statistics.accuracy import Share
    from deploy.verification.evaluate import Evaluation


@click.command(epilog="Example: mobile-deploy evaluate bundles/mobilenet_v2 my_labelled_photos")
@click.argument("bundle", type=PATH, metavar="BUNDLE")
@click.argument("folder", type=PATH, metavar="FOLDER")
@click.option(
    "--artifact",
    "artifacts",
    multiple=True,
    metavar="NAME",
    help="Only this artifact, such as onnx-int8, and the float one that it is compared with; may "
    "be given several times.  [default: all]",
)
@shared_options
def evaluate(
    *, bundle: Path, folder: Path, artifacts: tuple[str, ...], as_json: bool, debug: bool
) -> None:
    """Measure accuracy on a folder of photos.

    FOLDER has a sub-folder for each class, named by its label, index or WordNet id. Without
    sub-folders the artifacts are only compared with the float one.
    """
    with watched(debug) as watcher:
        watcher.stage("loading the runtimes")
        from deploy.verification.evaluate import evaluate_bundle

        evaluation = evaluate_bundle(bundle, folder, artifacts=artifacts, reporter=watcher)
        for warning in evaluation.warnings:
            watcher.warn(warning)
    if as_json:
        print_json(facts(bundle, evaluation))
    else:
        show(evaluation)


def facts(bundle: Path, evaluation: Evaluation) -> dict[str, object]:
    return {
        "path": str(bundle),
        "photos": evaluation.photos,
        "labelled": evaluation.labelled,
        "reference": evaluation.reference,
        "artifacts": [
            {
                "name": score.name,
                "photos": score.photos,
                "not_numbers": score.not_numbers,
                "top1": _share(score.top1),
                "top5": _share(score.top5),
                "agreement": _share(score.agreement),
            }
            for score in evaluation.scores
        ],
        "notes": list(evaluation.notes),
        "warnings": list(evaluation.warnings),
    }


def _share(share: Share | None) -> dict[str, object] | None:
    return None if share is None else {"value": share.value, **asdict(share)}


def show(evaluation: Evaluation) -> None:
    known = score_columns(evaluation)
    rows = [
        [score.name, *(cells[index] for cells in known.values())]
        for index, score in enumerate(evaluation.scores)
    ]
    print_table(["artifact", *known], rows)
    echo()
    for line in legend(evaluation):
        echo(line)


def score_columns(evaluation: Evaluation) -> dict[str, list[str]]:
    """The cells of each column in which anything is known, by its title."""
    columns = {
        "top-1 %": [score.top1 for score in evaluation.scores],
        "top-5 %": [score.top5 for score in evaluation.scores],
        "agreement %": [score.agreement for score in evaluation.scores],
    }
    return {title: list(map(_cell, shares)) for title, shares in columns.items() if any(shares)}


def legend(evaluation: Evaluation) -> list[str]:
    """What the figures are of."""
    reference = evaluation.reference
    return [
        f"{evaluation.photos} photos; in brackets 95 % intervals.",
        *([f"agreement: the same top class as {reference}."] if reference is not None else []),
        *(f"note: {note}" for note in evaluation.notes),
    ]


def _cell(share: Share | None) -> str:
    if share is None:
        return "-"
    return f"{percent(share.value)} ({percent(share.low)}-{percent(share.high)})"
