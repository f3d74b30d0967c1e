"""mobile-deploy choose"""

from __future__ import annotations

from pathlib import Path

import click

from deploy.cli.options import (
    MOST_JOBS,
    PATH,
    height_and_width,
    name_list,
    refuse_given,
    server_named,
    server_options,
    session_options,
    shared_options,
    threads_option,
)
from deploy.cli.output import print_json
from deploy.cli.progress import watched


@click.command(epilog="Example: mobile-deploy choose --networks mobilenet_v2 --max-mb 6 -o sweep")
@click.option(
    "-o",
    "--output",
    type=PATH,
    required=True,
    metavar="DIR",
    help="Where bundles, figures and choice.json are kept: a sweep that was ended goes on there.",
)
@click.option(
    "--networks",
    type=name_list,
    metavar="LIST",
    help="Of `mobile-deploy models`, with commas between.  [default: V1, V2, V3-Large, V3-Small]",
)
@click.option(
    "--widths",
    default="1",
    show_default=True,
    metavar="LIST",
    callback=lambda _, __, value: width_list(value),
    help="Width multipliers.",
)
@click.option(
    "--resolutions",
    default="224",
    show_default=True,
    metavar="LIST",
    callback=lambda _, __, value: tuple(map(height_and_width, name_list(value))),
    help="Sizes of the input in pixels, R or HxW.",
)
@click.option("--formats", type=name_list, metavar="LIST", help="As of `build`.  [default: all]")
@click.option(
    "--precisions",
    type=name_list,
    metavar="LIST",
    help="As of `build`.  [default: fp32 and int8, for coreml fp16 and int8]",
)
@click.option(
    "--weights",
    default="auto",
    show_default=True,
    metavar="auto|none|NAME",
    help="auto: published ones where there are any that can be had, else untrained ones; none: "
    "untrained; a name, such as imagenet: those, and a variant without them fails.",
)
@click.option(
    "--photos",
    type=PATH,
    metavar="DIR",
    help="To calibrate int8 on and to judge with.  [default: bundled samples]",
)
@click.option(
    "--labelled",
    type=PATH,
    metavar="DIR",
    help="Photos in sub-folders named by class: accuracy of the variants with trained weights.",
)
@click.option(
    "--classes", type=int, metavar="N", help="Of untrained networks.  [default: ImageNet's 1000]"
)
@click.option(
    "--labels",
    type=PATH,
    metavar="FILE",
    help="Names of the classes, one a line.  [default: ImageNet's for 1000 classes]",
)
@click.option(
    "--int8", default="auto", show_default=True, metavar="auto|pure", help="As of `build`."
)
@click.option(
    "--int8-effort", default="normal", show_default=True, metavar="normal|high", help="The same."
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    metavar="N",
    help="Of untrained weights.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, MOST_JOBS),
    metavar="N",
    help="Bundles built at a time.  [default: as many as there are cores, and 2 GiB for each]",
)
@click.option(
    "--dask",
    metavar="ADDRESS",
    help="Build on the Dask cluster whose scheduler is there, such as tcp://10.0.0.7:8786; its "
    "machines share the folder of -o and the photos. Needs mobile-deploy[dask].",
)
@click.option(
    "--device",
    default="host",
    show_default=True,
    metavar="host|virtual|none|SERIAL",
    help="What latency is measured on, after the builds: this computer, a virtual phone, nothing, "
    "or a phone.",
)
@threads_option("Numbers of threads to measure with; the fastest counts.")
@session_options
@click.option(
    "--measure-again", is_flag=True, help="Although the same was measured before in this folder."
)
@click.option("--max-latency-ms", type=float, metavar="MS", help="Limit of the VALID median.")
@click.option("--max-mb", type=float, metavar="MB", help="Limit of the artifact's size.")
@click.option(
    "--max-macs",
    metavar="N",
    callback=lambda _, __, value: None if value is None else multiply_adds(value),
    help="Limit of multiply-adds, such as 300M.",
)
@click.option("--min-top1", type=float, metavar="PERCENT", help="The least top-1.")
@server_options
@shared_options
def choose(
    *,
    output: Path,
    networks: tuple[str, ...] | None,
    widths: tuple[float, ...],
    resolutions: tuple[tuple[int, int], ...],
    formats: tuple[str, ...] | None,
    precisions: tuple[str, ...] | None,
    weights: str,
    photos: Path | None,
    labelled: Path | None,
    classes: int | None,
    labels: Path | None,
    int8: str,
    int8_effort: str,
    seed: int,
    jobs: int | None,
    dask: str | None,
    device: str,
    threads: tuple[int, ...],
    rounds: int,
    iterations: int,
    measure_again: bool,
    max_latency_ms: float | None,
    max_mb: float | None,
    max_macs: float | None,
    min_top1: float | None,
    connect: tuple[str, ...],
    adb_server: tuple[str, int] | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Build many variants, measure them, and recommend one within limits.

    Every network at every width and resolution is a bundle; what cannot be within --max-mb,
    --max-macs or --max-latency-ms is not built. Quality is top-1 measured on --labelled photos,
    else as published, else how int8 agrees with float, never one against the other.
    """
    if jobs is not None and dask is not None:
        raise click.UsageError("--jobs is for this computer, a cluster has its own: leave one out")
    if device == "none":
        measuring = ("threads", "rounds", "iterations", "measure_again", "connect", "adb_server")
        refuse_given(measuring, "with --device none")
    with watched(debug) as watcher:
        from deploy.choosing.sweep import MAIN_NETWORKS, Requirements, Sweep
        from deploy.pipeline.recipe import left_out, make_targets

        for text in () if formats else left_out():
            watcher.warn(text)
        sweep = Sweep(
            networks=networks or MAIN_NETWORKS,
            widths=widths,
            resolutions=resolutions,
            targets=make_targets(formats, precisions),
            weights=weights,
            photos=photos,
            labelled=labelled,
            classes=classes,
            labels=labels,
            int8=int8,
            int8_effort=int8_effort,
            seed=seed,
        )
        requirements = Requirements(
            max_latency_ms=max_latency_ms, max_mb=max_mb, max_macs=max_macs, min_top1=min_top1
        )
        watcher.stage("loading the toolkits")
        from deploy.choosing.choose import choose as choose_variant
        from deploy.choosing.cluster import on_cluster
        from deploy.choosing.executor import own_processes
        from deploy.choosing.latency import Measuring
        from deploy.results.judge import check_rounds

        if device != "none":
            check_rounds(rounds)
        choice = choose_variant(
            sweep,
            output,
            requirements=requirements,
            measuring=Measuring(
                device=device,
                threads=threads,
                rounds=rounds,
                iterations=iterations,
                again=measure_again,
                server=server_named(adb_server, connect),
            ),
            jobs=jobs,
            reporter=watcher,
            executor=on_cluster(dask, (photos, labelled, labels))
            if dask is not None
            else own_processes,
        )
    if as_json:
        print_json(choice.model_dump(mode="json"))
    else:
        from deploy.cli.tables.choice import show_choice

        show_choice(choice, output)
    from deploy.support.errors import GateError

    if choice.recommended is None:
        raise GateError(choice.reason)
    if choice.device is not None and choice.device.failure is not None:
        raise GateError(
            f"{choice.device.asked} was not measured to the end: {choice.device.failure}"
        )


def width_list(value: str) -> tuple[float, ...]:
    """Width multipliers.

    >>> width_list("1,0.5")
    (1.0, 0.5)
    """
    try:
        return tuple(map(float, name_list(value)))
    except ValueError as error:
        raise click.BadParameter(
            f"{value!r} is no list of widths: give numbers such as 1,0.5"
        ) from error


def multiply_adds(value: str) -> float:
    """A number of multiply-adds, as papers write it.

    >>> multiply_adds("300M"), multiply_adds("1.5e8")
    (300000000.0, 150000000.0)
    """
    scale = {"K": 1e3, "M": 1e6, "G": 1e9}.get(value[-1:].upper(), 1.0)
    try:
        return float(value[:-1] if scale > 1 else value) * scale
    except ValueError as error:
        raise click.BadParameter(
            f"{value!r} is no number of multiply-adds: give one such as 300M"
        ) from error
