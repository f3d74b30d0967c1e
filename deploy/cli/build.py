"""mobile-deploy build"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deploy.backends import BACKENDS
from deploy.cli.network_options import network_options
from deploy.cli.options import PATH, name_list, names_given, shared_options
from deploy.cli.output import (
    decibels,
    echo,
    interval_facts,
    print_json,
    print_table,
    with_interval,
)
from deploy.cli.progress import watched
from deploy.cli.tables.emulated import emulated_facts, show_emulated
from deploy.cli.tables.foreseen import foreseen_facts, show_foreseen, weights_taken
from deploy.support.printable import one_line

if TYPE_CHECKING:
    from deploy.backends import InputForm
    from deploy.bundle.manifest import Artifact
    from deploy.capture.spec import NetworkSpec
    from deploy.pipeline.build import Built
    from deploy.statistics.accuracy import Share


@click.command(epilog="Example: mobile-deploy build mobilenet_v2 --photos my_photos")
@click.option(
    "-o",
    "--output",
    type=PATH,
    metavar="DIR",
    help="Where to write the bundle; one that is there is replaced.  [default: bundles/NETWORK]",
)
@click.option(
    "--photos",
    type=PATH,
    metavar="DIR",
    help="Photos to calibrate int8 on and to judge with: a hundred of what your users will "
    "photograph.  [default: bundled samples]",
)
@network_options
@click.option(
    "--formats",
    type=name_list,
    metavar="LIST",
    help=f"Of {', '.join(BACKENDS)}, with commas between.  [default: all]",
)
@click.option(
    "--precisions",
    type=name_list,
    metavar="LIST",
    help="Of fp32, fp16, int8 and w8 (int8 weights alone, for coreml), with commas between.  "
    "[default: fp32 and int8, for coreml fp16 and int8]",
)
@click.option(
    "--input",
    "form",
    default="tensor",
    show_default=True,
    metavar="tensor|pixels",
    help="What .pte and .onnx take: normalized floats, or a bitmap's bytes, which spares the app a "
    "loop over each frame and the network its conversion.",
)
@click.option(
    "--int8",
    default="auto",
    show_default=True,
    metavar="auto|pure",
    help="auto leaves the few parts in float that cost the answers most, as far as needed and "
    "within an estimated 13 % more time; pure leaves none.",
)
@click.option(
    "--int8-effort",
    default="normal",
    show_default=True,
    metavar="normal|high",
    help="high learns gains and ranges by gradient, for some 3 minutes more.",
)
@click.option(
    "--min-agreement",
    type=float,
    metavar="P",
    help="Fail where int8 certainly gives the float network's top class on less than this share of "
    "the photos held back.  [default: a warning below 0.97]",
)
@click.option(
    "--allow-unverified",
    multiple=True,
    metavar="FORMAT",
    help="Write this format's artifacts even where they cannot be run and proven here.",
)
@click.option(
    "--prove-on",
    callback=names_given,
    metavar="LIST",
    help="Prove the .pte files on these emulated processors too, such as cortex-a53,cortex-a76.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Say what would be made, of which weights and photos, and about how long it takes.",
)
@shared_options
def build(
    *,
    spec: NetworkSpec,
    output: Path | None,
    photos: Path | None,
    formats: tuple[str, ...] | None,
    precisions: tuple[str, ...] | None,
    form: InputForm,
    int8: str,
    int8_effort: str,
    min_agreement: float | None,
    allow_unverified: tuple[str, ...],
    prove_on: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
    debug: bool,
) -> None:
    """Build a network for phones and prove it.

    NETWORK is a name such as mobilenet_v2, or a network of your own: module:factory or
    file.py:factory, where factory() returns a torch.nn.Module that takes one image.

    Writes a bundle: a folder with an artifact for each runtime and precision (ExecuTorch .pte,
    ONNX .onnx, Core ML .mlpackage), golden photos and a manifest. Nothing is written unless
    every artifact passes every gate.
    """
    with watched(debug) as watcher:
        from deploy.pipeline.foresee import foresee
        from deploy.pipeline.recipe import Recipe, left_out, make_targets
        from deploy.support.reporter import foretell

        for text in () if formats else left_out():
            watcher.warn(text)
        recipe = Recipe(
            network=spec,
            output=output or default_output(spec),
            targets=make_targets(formats, precisions),
            photos=photos,
            input=form,
            int8=int8,
            int8_effort=int8_effort,
            min_agreement=min_agreement,
            allow_unverified=frozenset(allow_unverified),
            prove_on=prove_on,
        )
        foreseen = foresee(recipe)
        if not dry_run:
            foretell(watcher, "the build", foreseen.seconds)
            watcher.stage("loading the toolkits")
            from deploy.pipeline.build import build as build_bundle

            built = build_bundle(recipe, watcher)
    if dry_run:
        if as_json:
            print_json(foreseen_facts(recipe, foreseen, watcher.warnings))
        else:
            show_foreseen(recipe, foreseen)
        return
    if as_json:
        print_json(facts(built, watcher.warnings))
    else:
        show(built)


def default_output(spec: NetworkSpec) -> Path:
    """A folder named for the network, and for what of it is not as published.

    >>> from deploy.capture.spec import NetworkSpec
    >>> default_output(NetworkSpec("mobilenet_v2")).name
    'mobilenet_v2'
    >>> default_output(NetworkSpec("mobilenet_v2", width=0.5, resolution=(160, 160))).name
    'mobilenet_v2_0.5_160'
    >>> default_output(NetworkSpec("nets.py:make_net")).name
    'nets.make_net'
    """
    from models.registry import NETWORKS

    name = spec.file_name
    if spec.width != 1:
        name += f"_{spec.width:g}"
    published = NETWORKS[spec.name].resolution if spec.name in NETWORKS else None
    if spec.resolution is not None and spec.resolution != published:
        name += f"_{'x'.join(map(str, dict.fromkeys(spec.resolution)))}"
    return Path("bundles", name)


def facts(built: Built, warnings: list[str]) -> dict[str, object]:
    return {
        "path": str(built.folder),
        "seconds": round(built.seconds, 2),
        "artifacts": [
            {
                "name": artifact.name,
                "file": artifact.file,
                "bytes": artifact.bytes,
                "sqnr_db": artifact.measured.sqnr_db if artifact.measured else None,
                "agreement": artifact.measured.agreement if artifact.measured else None,
                "agreement_interval": interval_facts(agreeing(artifact)),
                "photos": artifact.measured.photos if artifact.measured else None,
                "seconds": round(built.artifact_seconds[artifact.name], 2),
                "verified": artifact.verified,
            }
            for artifact in built.manifest.artifacts
        ],
        "int8_left_in_float": None if built.mix is None else list(built.mix.in_float),
        "int8_left_in_float_macs": None if built.mix is None else round(built.mix.macs, 3),
        "int8_estimated_slowdown": None if built.mix is None else round(built.mix.slowdown, 3),
        "emulated": [emulated_facts(proof) for proof in built.emulated],
        "held_back_photos": built.held_back_photos,
        "warnings": warnings,
    }


def show(built: Built) -> None:
    rows = []
    for artifact in built.manifest.artifacts:
        measured = artifact.measured
        rows.append(
            [
                artifact.name,
                f"{artifact.bytes / 1e6:.1f}",
                decibels(measured.sqnr_db) if measured else "-",
                with_interval(share) if (share := agreeing(artifact)) else "-",
                f"{built.artifact_seconds[artifact.name]:.1f}",
            ]
        )
    print_table(["artifact", "MB", "dB", "agreement %", "seconds"], rows)
    calibration = built.manifest.calibration
    echo(
        "\ndB: signal to error of the logits against the float network. agreement: the same\n"
        f"top class, with its 95 % interval. Both on {_crops(calibration.held_back_samples)} of "
        f"{_held_back(built)},\nheld back from calibration."
    )
    if any(artifact.precision == "int8" for artifact in built.manifest.artifacts):
        source = "bundled samples" if calibration.source == "bundled samples" else "of your photos"
        echo(
            f"int8 was calibrated on {_crops(calibration.samples)} of "
            f"{calibration.photos} {source}."
        )
    if built.mix and built.mix.in_float:
        count = len(built.mix.in_float)
        parts = (
            "1 part that int8 would hurt most is"
            if count == 1
            else (f"{count} parts that int8 would hurt most are")
        )
        echo(
            f"{parts} in float, {100 * built.mix.macs:.0f} % of the work: an\n"
            f"estimated {time_it_takes(built.mix.slowdown)}."
        )
    echo(weights_taken(built.manifest))
    for artifact in built.manifest.artifacts:
        if artifact.unverified_reason is not None:
            echo(f"{artifact.name} could not be run: {artifact.unverified_reason}")
    if built.emulated:
        echo("\nOn emulated processors:\n")
        show_emulated(built.emulated)
    folder = shlex.quote(str(built.folder))
    echo(
        f"\nwrote {one_line(str(built.folder))} in {built.seconds:.1f} s; next:\n"
        f"  mobile-deploy verify {folder}\n"
        f"  mobile-deploy evaluate {folder} FOLDER_OF_LABELLED_PHOTOS"
    )


def time_it_takes(slowdown: float) -> str:
    """
    >>> time_it_takes(1.13), time_it_takes(0.97), time_it_takes(1.001)
    ('13 % more time', '3 % less time', 'time that is the same')
    """
    more = round((slowdown - 1) * 100)
    if more == 0:
        return "time that is the same"
    return f"{abs(more)} % {'more' if more > 0 else 'less'} time"


def agreeing(artifact: Artifact) -> Share | None:
    """The held-back crops that keep the float network's class; None if it was not run."""
    from deploy.statistics.accuracy import share

    measured = artifact.measured
    if measured is None:
        return None
    return share(round(measured.agreement * measured.photos), measured.photos)


def _held_back(built: Built) -> str:
    bundled = built.manifest.calibration.held_back_source == "bundled samples"
    kind = "bundled sample" if bundled else "photo"
    count = built.held_back_photos
    return f"{count} {kind}" if count == 1 else f"{count} {kind}s"


def _crops(count: int) -> str:
    return "1 crop" if count == 1 else f"{count} crops"
