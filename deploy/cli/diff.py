"""mobile-deploy diff"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deploy.cli.options import PATH, Number, check_one_form, shared_options
from deploy.cli.output import decibels, echo, percent, print_json, print_markdown_table, print_table
from deploy.support.json_text import finite
from deploy.support.printable import printable

if TYPE_CHECKING:
    from deploy.verification.diff import ArtifactDiff, BundleDiff, Change, Figures
    from deploy.verification.gates import Check

_COLUMNS = ("artifact", "MB", "dB", "agreement %", "in float", "outside")
_LEGEND = (
    "dB, agreement: against the float network on photos held back, when it was built.\n"
    "in float: convolutions, linears and matrix products of a quantized artifact;\n"
    "outside: operators that the backend leaves to portable kernels."
)
# What a hash or the text of a source is cut to.
_LONGEST = 32


@click.command(epilog="Example: mobile-deploy diff old/manifest.json bundles/mobilenet_v2")
@click.argument("old", type=PATH, metavar="OLD")
@click.argument("new", type=PATH, metavar="NEW")
@click.option(
    "--max-mb-growth",
    type=Number(),
    metavar="PERCENT",
    help="Exit with 1 where an artifact grew by more than this.",
)
@click.option(
    "--min-db", type=Number(), metavar="DB", help="... where one has fewer dB, or was not measured."
)
@click.option(
    "--max-db-loss",
    type=Number(min=0),
    metavar="DB",
    help="... where one lost more dB than this.",
)
@click.option(
    "--min-agreement",
    type=Number(0, 1),
    metavar="SHARE",
    help="... where one agrees less often with the float network, such as 0.95.",
)
@click.option(
    "--max-in-float",
    type=click.IntRange(min=0),
    metavar="N",
    help="... where a quantized one computes more heavy operators in float.",
)
@click.option(
    "--max-outside",
    type=click.IntRange(min=0),
    metavar="N",
    help="... where one leaves more operators to portable kernels.",
)
@click.option(
    "--same-interface",
    is_flag=True,
    help="... where apps that are out would have to follow: input, labels, classes, artifacts' "
    "names, inputs, outputs and runtimes.",
)
@click.option("--markdown", is_flag=True, help="Print it for a pull request's comment.")
@shared_options
def diff(
    *,
    old: Path,
    new: Path,
    max_mb_growth: float | None,
    min_db: float | None,
    max_db_loss: float | None,
    min_agreement: float | None,
    max_in_float: int | None,
    max_outside: int | None,
    same_interface: bool,
    markdown: bool,
    as_json: bool,
    debug: bool,
) -> None:
    """What changed from one bundle to another, and whether it may.

    OLD and NEW are bundles, or a manifest.json kept of one. No photo and no phone is needed: the
    figures are those of the two manifests.
    """
    check_one_form(markdown=markdown, as_json=as_json)
    from deploy.bundle.open import read_manifest
    from deploy.verification import diff as library
    from deploy.verification.gates import require

    found = library.diff(read_manifest(old), read_manifest(new))
    limits = library.Limits(
        mb_growth=max_mb_growth,
        min_db=min_db,
        db_loss=max_db_loss,
        min_agreement=min_agreement,
        in_float=max_in_float,
        outside=max_outside,
        same_interface=same_interface,
    )
    checks = library.judge_diff(found, limits)
    if as_json:
        print_json(facts(old, new, found, checks))
    else:
        (_show_markdown if markdown else _show)(old, new, found, checks)
    require(checks, outcome="see what changed, or raise the limit")


def facts(old: Path, new: Path, found: BundleDiff, checks: Sequence[Check]) -> dict[str, object]:
    return {
        "old": str(old),
        "new": str(new),
        "artifacts": [
            {
                "name": artifact.name,
                "old": _plain(artifact.old),
                "new": _plain(artifact.new),
                "growth": artifact.growth,
            }
            for artifact in found.artifacts
        ],
        "changes": [asdict(change) for change in found.changes],
        "notes": list(found.notes),
        "checks": [asdict(check) for check in checks],
    }


def _plain(figures: Figures | None) -> dict[str, object] | None:
    """The figures; without a dB that is not finite. `exact` tells that from what was not run."""
    if figures is None:
        return None
    exact = figures.sqnr_db is not None and finite(figures.sqnr_db) is None
    return {**asdict(figures), "sqnr_db": finite(figures.sqnr_db), "exact": exact}


def _show(old: Path, new: Path, found: BundleDiff, checks: Sequence[Check]) -> None:
    print_table(_COLUMNS, [_row(artifact) for artifact in found.artifacts])
    echo(f"\n{_titles(old, new)}\n{_LEGEND}")
    for change in found.changes:
        echo(f"changed: {_words(change)}")
    for note in found.notes:
        echo(f"note: {note}")
    for check in checks:
        if not check.passed:
            echo(f"fails: {_verdict(check)}")
    if checks and all(check.passed for check in checks):
        echo(f"within the limits: {len(checks)} checks")


def _show_markdown(old: Path, new: Path, found: BundleDiff, checks: Sequence[Check]) -> None:
    print_markdown_table(_COLUMNS, [_row(artifact) for artifact in found.artifacts])
    echo(f"\n{_titles(old, new)}\n{_LEGEND}\n")
    lines = [
        *(f"**fails**: {_verdict(check)}" for check in checks if not check.passed),
        *(f"changed: {_words(change)}" for change in found.changes),
        *(f"note: {note}" for note in found.notes),
    ]
    for line in lines:
        echo(f"- {line}")


def _titles(old: Path, new: Path) -> str:
    return f"old: {printable(str(old))}\nnew: {printable(str(new))}"


def _row(artifact: ArtifactDiff) -> list[str]:
    sides = [side for side in (artifact.old, artifact.new) if side is not None]

    def cell(shown: Callable[[Figures], str]) -> str:
        return " > ".join(dict.fromkeys(map(shown, sides)))

    there = "" if len(sides) == 2 else " (new)" if artifact.new else " (gone)"
    return [
        artifact.name + there,
        cell(lambda figures: f"{figures.bytes / 1e6:.2f}"),
        cell(lambda figures: "-" if figures.agreement is None else decibels(figures.sqnr_db)),
        cell(lambda figures: "-" if figures.agreement is None else percent(figures.agreement)),
        cell(lambda figures: str(figures.in_float)),
        cell(lambda figures: str(figures.outside)),
    ]


def _words(change: Change) -> str:
    follow = " (apps must follow)" if change.interface else ""
    return f"{change.field}: {_value(change.old)} > {_value(change.new)}{follow}"


def _value(value: object) -> str:
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value)
    text = printable(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _verdict(check: Check) -> str:
    return f"{check.artifact}: {check.gate}: {check.measured}, required {check.required}"
