"""mobile-deploy benchmark"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from deploy.cli.evaluate import facts as evaluation_facts
from deploy.cli.evaluate import legend, score_columns
from deploy.cli.options import (
    PATH,
    check_one_form,
    server_named,
    server_options,
    session_options,
    shared_options,
    threads_option,
)
from deploy.cli.output import echo, print_json, print_markdown_table, print_table
from deploy.cli.progress import watched

if TYPE_CHECKING:
    from deploy.choosing.benchmark import Benchmark, BenchmarkedArtifact


@click.command(epilog="Example: mobile-deploy benchmark bundles/mobilenet_v2 my_labelled_photos")
@click.argument("bundle", type=PATH, metavar="BUNDLE")
@click.argument("folder", type=PATH, metavar="FOLDER")
@click.option(
    "--device",
    default="host",
    show_default=True,
    metavar="host|virtual|SERIAL",
    help="What latency is measured on: this computer, a virtual phone, or a phone.",
)
@threads_option("Numbers of threads to measure with; the fastest VALID one is shown.")
@session_options
@server_options
@click.option("--markdown", is_flag=True, help="Print it for a pull request's comment.")
@shared_options
def benchmark(
    *,
    bundle: Path,
    folder: Path,
    device: str,
    threads: tuple[int, ...],
    rounds: int,
    iterations: int,
    connect: tuple[str, ...],
    adb_server: tuple[str, int] | None,
    markdown: bool,
    as_json: bool,
    debug: bool,
) -> None:
    """Accuracy, latency and size of each artifact in one table.

    FOLDER is as of `evaluate`: photos in a sub-folder for each class, or agreement alone. Latency
    is as of `profile`, which also keeps every sample.
    """
    check_one_form(markdown=markdown, as_json=as_json)
    if device == "none":
        raise click.UsageError("--device none measures nothing: use evaluate")
    with watched(debug) as watcher:
        watcher.stage("loading the runtimes")
        from deploy.choosing.benchmark import benchmark_bundle
        from deploy.choosing.latency import Measuring
        from deploy.results.judge import check_rounds

        check_rounds(rounds)
        measuring = Measuring(
            device=device,
            threads=threads,
            rounds=rounds,
            iterations=iterations,
            server=server_named(adb_server, connect),
        )
        found = benchmark_bundle(bundle, folder, measuring=measuring, reporter=watcher)
    if as_json:
        print_json(facts(bundle, found))
    else:
        show(found, markdown=markdown)
    _fail_if_incomplete(device, found)


def facts(bundle: Path, found: Benchmark) -> dict[str, object]:
    from deploy.cli.tables.profile import arm_facts

    session = found.session
    return {
        "evaluation": evaluation_facts(bundle, found.evaluation),
        "device": session.device.model_dump(mode="json") if session and session.device else None,
        "failure": session.failure if session else None,
        "artifacts": [
            {
                "name": one.artifact.name,
                "bytes": one.artifact.bytes,
                "latency": arm_facts(one.arm) if one.arm else None,
            }
            for one in found.artifacts
        ],
    }


def show(found: Benchmark, *, markdown: bool) -> None:
    scores = score_columns(found.evaluation)
    rows = [
        [
            one.artifact.name,
            f"{one.artifact.bytes / 1e6:.2f}",
            *(cells[index] for cells in scores.values()),
            *_latency(one),
        ]
        for index, one in enumerate(found.artifacts)
    ]
    columns = ["artifact", "MB", *scores, "threads", "ms", "95 %", "verdict"]
    (print_markdown_table if markdown else print_table)(columns, rows)
    lines = legend(found.evaluation)
    session = found.session
    if session is not None and session.device is not None:
        kind = "virtual phone, made up" if session.device.virtual else session.device.kind
        lines.append(f"ms: median of an inference on {session.device.model} ({kind}).")
    if any(one.arm is None for one in found.artifacts):
        lines.append("-: not measured from here; Core ML is measured by the iOS app.")
    for one in found.artifacts:
        if one.arm is not None:
            lines += [f"INVALID: {one.artifact.name}: {reason}" for reason in one.arm.reasons]
    echo()
    for line in lines:
        echo(f"- {line}" if markdown else line)


def _latency(one: BenchmarkedArtifact) -> list[str]:
    from deploy.cli.tables.profile import p50_cells

    if one.arm is None:
        return ["-"] * 4
    threads = one.arm.arm.key.threads
    return ["-" if threads is None else str(threads or "default"), *p50_cells(one.arm)]


def _fail_if_incomplete(device: str, found: Benchmark) -> None:
    """Raise for what is missing or not to be believed, as `profile` does."""
    from deploy.support.errors import GateError

    session = found.session
    if session is None:
        return
    if session.interrupted:
        raise KeyboardInterrupt
    if session.failure is not None:
        raise GateError(f"{device} was not measured to the end: {session.failure}")
    invalid = [one for one in found.artifacts if one.arm is not None and not one.arm.valid]
    for one in invalid[:1]:
        assert one.arm is not None
        raise GateError(
            f"{len(invalid)} of {len(found.artifacts)} latencies are INVALID: "
            f"{one.artifact.name}: {one.arm.reasons[0]}"
        )
