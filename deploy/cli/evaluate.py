"""mobile-deploy evaluate"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deploy.cli.options import MOST_JOBS, PATH, shared_options
from deploy.cli.output import echo, percent, print_json, print_table, with_interval
from deploy.cli.progress import watched
from deploy.support.printable import one_line

if TYPE_CHECKING:
    from deploy.statistics.accuracy import Share
    from deploy.verification.evaluate import Evaluation
    from deploy.verification.tally import Changed

# Of the worst classes so many are shown; --json has all.
WORST = 5


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
@click.option(
    "-o",
    "--output",
    type=PATH,
    metavar="FILE.csv|FILE.json",
    help="Write each photo's answers here, as they come.",
)
@click.option(
    "--changed",
    is_flag=True,
    help="List the photos whose class is another one than the float artifact's.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, MOST_JOBS),
    metavar="N",
    help="Processes that classify side by side.  [default: as many as cores and memory allow]",
)
@shared_options
def evaluate(
    *,
    bundle: Path,
    folder: Path,
    artifacts: tuple[str, ...],
    output: Path | None,
    changed: bool,
    jobs: int | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Measure accuracy on a folder of photos.

    FOLDER has a sub-folder for each class, named by its label, index or WordNet id. Without
    sub-folders the artifacts are only compared with the float one.
    """
    with watched(debug) as watcher:
        watcher.stage("loading the runtimes")
        from deploy.verification.evaluate import evaluate_bundle

        evaluation = evaluate_bundle(
            bundle, folder, artifacts=artifacts, jobs=jobs, output=output, reporter=watcher
        )
    if as_json:
        print_json(facts(bundle, evaluation, changed=changed))
        return
    show(evaluation)
    if changed:
        show_changed(evaluation, folder)
    if output is not None:
        echo(f"\nwrote {one_line(str(output))}")


def facts(bundle: Path, evaluation: Evaluation, *, changed: bool = False) -> dict[str, object]:
    listed = {"changed": [_changed(evaluation, one) for one in evaluation.changed]}
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
        "classes": [
            {"class": evaluation.name(one.index), "photos": one.photos, "top1": one.hits}
            for one in evaluation.classes
        ],
        **(listed if changed else {}),
        "notes": list(evaluation.notes),
        "warnings": list(evaluation.warnings),
    }


def _changed(evaluation: Evaluation, changed: Changed) -> dict[str, object]:
    return {
        "photo": str(changed.path),
        "class": None if changed.label is None else evaluation.name(changed.label),
        "reference": evaluation.name(changed.reference),
        "answers": {name: evaluation.name(index) for name, index in changed.answers.items()},
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
    _show_worst(evaluation)


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


def _show_worst(evaluation: Evaluation) -> None:
    """The classes that are read worst, where there is something to tell apart."""
    worst = [one for one in evaluation.classes if one.worst < 1][:WORST]
    if not worst or len(evaluation.classes) == 1:
        return
    names = [score.name for score in evaluation.scores]
    echo("\nThe worst classes, top-1 in percent:\n")
    print_table(
        ["class", "photos", *names],
        [
            [
                one_line(evaluation.name(one.index)),
                str(one.photos),
                *(percent(one.hits[name] / one.photos) for name in names),
            ]
            for one in worst
        ],
    )


def show_changed(evaluation: Evaluation, folder: Path) -> None:
    """The photos that some artifact reads otherwise than the float one; "" where it does not."""
    if evaluation.reference is None:
        echo("\nNo float artifact to say what changed.")
        return
    if not evaluation.changed:
        echo(f"\nEvery artifact gives every photo the class that {evaluation.reference} does.")
        return
    differing = {name for one in evaluation.changed for name in one.answers}
    names = [score.name for score in evaluation.scores if score.name in differing]
    echo(f"\nPhotos that change their class ({len(evaluation.changed)}):\n")
    print_table(
        ["photo", evaluation.reference, *names],
        [
            [
                one_line(str(_below(folder, one.path))),
                one_line(evaluation.name(one.reference)),
                *(
                    one_line(evaluation.name(one.answers[name])) if name in one.answers else ""
                    for name in names
                ),
            ]
            for one in evaluation.changed
        ],
    )


def _below(folder: Path, path: Path) -> Path:
    return path.relative_to(folder) if path.is_relative_to(folder) else path


def _cell(share: Share | None) -> str:
    return "-" if share is None else with_interval(share)
