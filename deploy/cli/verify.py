"""mobile-deploy verify"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deploy.cli.options import PATH, names_given, shared_options
from deploy.cli.output import decibels, echo, interval_facts, percent, print_json, print_table
from deploy.cli.progress import watched
from deploy.cli.tables.emulated import emulated_facts, show_emulated
from deploy.support.json_text import finite

if TYPE_CHECKING:
    from deploy.statistics.accuracy import Share
    from deploy.verification.bundle import Verified


@click.command(epilog="Example: mobile-deploy verify bundles/mobilenet_v2")
@click.argument("bundle", type=PATH, metavar="BUNDLE")
@click.option(
    "--cpu",
    "cpus",
    callback=names_given,
    metavar="LIST",
    help="Run the .pte files on these emulated processors too, such as cortex-a53,cortex-a76.",
)
@shared_options
def verify(*, bundle: Path, cpus: tuple[str, ...], as_json: bool, debug: bool) -> None:
    """Prove a bundle again, from its folder alone.

    Every file's hash, the preprocessing, every artifact's answers to the golden photos.
    """
    with watched(debug) as watcher:
        watcher.stage("loading the runtimes")
        from deploy.verification import bundle as library
        from deploy.verification.gates import require

        verified = library.verify(bundle, watcher, cpus=cpus)
        for name in verified.skipped:
            reason = verified.bundle.artifact(name).unverified_reason
            watcher.warn(f"{name} was not verified when it was built, nor now: {reason}")
    if as_json:
        print_json(facts(verified, watcher.warnings))
    else:
        show(verified)
    require(verified.checks, outcome="build the bundle again")
    if not as_json:
        echo(f"\nverified: {_files(verified)} files, {len(verified.checks)} checks")


def facts(verified: Verified, warnings: list[str]) -> dict[str, object]:
    return {
        "path": str(verified.bundle.folder),
        "verified": all(check.passed for check in verified.checks),
        "files": _files(verified),
        "artifacts": [
            {
                "name": name,
                "sqnr_db": finite(statistics.sqnr_db),
                "agreement": statistics.agreement,
                "agreement_interval": interval_facts(statistics.agreeing),
                "photos": statistics.photos,
            }
            for name, statistics in verified.statistics.items()
        ],
        "agreement": [
            {"between": list(pair), "agreement": agreement}
            for pair, agreement in verified.agreement.items()
        ],
        "emulated": [emulated_facts(proof) for proof in verified.emulated],
        "checks": [asdict(check) for check in verified.checks],
        "skipped": list(verified.skipped),
        "warnings": warnings,
    }


def show(verified: Verified) -> None:
    rows = []
    for name, statistics in verified.statistics.items():
        own = [check.passed for check in verified.checks if check.artifact == name]
        rows.append(
            [
                name,
                decibels(statistics.sqnr_db),
                _with_interval(statistics.agreeing),
                f"{sum(own)} of {len(own)}",
            ]
        )
    print_table(["artifact", "dB", "agreement", "gates passed"], rows)
    echo(
        "\ndB and agreement: logits and top class against the float network's, on the\n"
        "golden photos; in brackets the 95 % interval of the share, in percent."
    )
    if len(verified.statistics) > 1:
        echo("\nAgreement between artifacts:\n")
        _show_pairs(verified)
    if verified.emulated:
        echo("\nOn emulated processors:\n")
        show_emulated(verified.emulated)


def _show_pairs(verified: Verified) -> None:
    """The lower triangle of a matrix, its columns by number to stay narrow."""
    names = list(verified.statistics)
    photos = verified.bundle.manifest.golden.count
    rows = [
        [
            f"{row + 1} {name}",
            *(_of(verified.agreement[other, name], photos) for other in names[:row]),
            *[""] * (len(names) - 1 - row),
        ]
        for row, name in enumerate(names)
    ]
    print_table(["", *(str(column + 1) for column in range(len(names) - 1))], rows)


def _with_interval(share: Share) -> str:
    return f"{share.hits} of {share.total} ({percent(share.low)}-{percent(share.high)})"


def _of(share: float, photos: int) -> str:
    return f"{round(share * photos)} of {photos}"


def _files(verified: Verified) -> int:
    """The manifest, what it lists, and the artifacts; a Core ML package counts as one."""
    manifest = verified.bundle.manifest
    return 1 + len(list(manifest.files())) + len(manifest.artifacts)
