"""mobile-deploy profile"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deploy.benchmark.defaults import COOL_BELOW_C, COOL_TIMEOUT_S, WARMUP
from deploy.cli.options import (
    PATH,
    Number,
    names_given,
    number_list,
    refuse_given,
    server_named,
    server_options,
    session_options,
    shared_options,
)
from deploy.cli.output import echo, print_json
from deploy.cli.per_op import measure_per_op, show_per_op, trace_per_op
from deploy.cli.phone_progress import watched_devices
from deploy.cli.progress import watched

if TYPE_CHECKING:
    from deploy.backends import RunnerName
    from deploy.benchmark.profile import Profiled
    from deploy.results.judge import DeviceReport
    from deploy.results.records import Results
    from deploy.support.errors import DeployError


@click.command(epilog="Example: mobile-deploy profile bundles/mobilenet_v2 --device host")
@click.argument("bundles", type=PATH, metavar="BUNDLE...", nargs=-1, required=True)
@click.option(
    "--device",
    "devices",
    multiple=True,
    metavar="SERIAL",
    help="A phone by its serial, all for every phone, host for this computer, arm64 for "
    "instructions counted on an emulated processor; may be given several times.  [default: the one "
    "phone there is]",
)
@click.option(
    "--cpu",
    "cpus",
    callback=names_given,
    metavar="LIST",
    help="The processors of --device arm64, such as cortex-a53,cortex-a76.  [default: cortex-a76]",
)
@click.option(
    "--artifact",
    "artifacts",
    multiple=True,
    metavar="NAME",
    help="Only this artifact, such as onnx-int8; may be given several times.  [default: all "
    "that the runner can run]",
)
@click.option(
    "--runner",
    type=click.Choice(["app", "native"]),
    help="Our Android app, or the native runner (.pte alone, also on this computer).  [default: "
    "the app where the phone has it, else native]",
)
@click.option(
    "--runner-binary",
    type=PATH,
    metavar="FILE",
    help="A native runner for android-arm64 that you built; else one is compiled here.",
)
@click.option(
    "--threads",
    metavar="N,...",
    callback=lambda _, __, value: number_list(value) if value else None,
    help="Numbers of threads, each an arm; 0 is the runtime's own choice.  [default: 1,2,4 as far "
    "as there are cores]",
)
@click.option(
    "--cores",
    metavar="CORES",
    help="Hold the native runner to the big or little cores, all, or a hexadecimal mask.",
)
@session_options
@click.option(
    "--warmup",
    type=click.IntRange(0, 100_000),
    default=WARMUP,
    show_default=True,
    help="Inferences of a block that are not timed, after the first.",
)
@click.option(
    "--cool-below",
    type=Number(-20, 100),
    default=COOL_BELOW_C,
    show_default=True,
    metavar="C",
    help="A block waits until the battery is cooler than this, in degrees Celsius.",
)
@click.option(
    "--cool-timeout",
    type=Number(0, 86_400),
    default=COOL_TIMEOUT_S,
    show_default=True,
    metavar="S",
    help="How long it waits, in seconds, before it measures all the same: the result is INVALID.",
)
@click.option(
    "--block-timeout",
    type=Number(1, 86_400),
    metavar="S",
    help="How long a block may take, in seconds.  [default: 60 and 5 for each inference]",
)
@click.option(
    "--sustained",
    type=Number(0.5, 240),
    metavar="MINUTES",
    help="Run each arm for so long without pauses instead of in rounds: how fast it begins, when "
    "it slows down, and how far.",
)
@click.option(
    "--sustained-mode",
    is_flag=True,
    help="Ask Android for its sustained-performance mode meanwhile, as an app can: it begins "
    "slower, and should last.",
)
@click.option(
    "--anyway", is_flag=True, help="Measure in fewer than 6 rounds too, which are INVALID."
)
@server_options
@click.option(
    "--per-op",
    is_flag=True,
    help="Where the time goes, operator by operator: on this computer, or of .pte on a phone with "
    "--runner native.",
)
@click.option("-o", "--output", type=PATH, metavar="FILE", help="Write every sample: results.json.")
@click.option("--csv", type=PATH, metavar="FILE", help="Write every sample as CSV.")
@shared_options
def profile(
    *,
    bundles: tuple[Path, ...],
    devices: tuple[str, ...],
    cpus: tuple[str, ...],
    artifacts: tuple[str, ...],
    runner: RunnerName | None,
    runner_binary: Path | None,
    threads: tuple[int, ...] | None,
    cores: str | None,
    rounds: int,
    iterations: int,
    warmup: int,
    cool_below: float,
    cool_timeout: float,
    block_timeout: float | None,
    sustained: float | None,
    sustained_mode: bool,
    anyway: bool,
    connect: tuple[str, ...],
    adb_server: tuple[str, int] | None,
    per_op: bool,
    output: Path | None,
    csv: Path | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Measure the latency of bundles on phones, and say whether to believe it.

    Each block is a fresh process; blocks of all arms take turns; a hot phone is waited for. Two
    bundles named together are compared, which is the right way to compare. With --sustained each
    arm runs without pauses instead.
    """
    _refuse_without_effect(devices, runner, per_op, sustained)
    if per_op:
        with watched(debug):
            from deploy.support.errors import UserError

            if "host" in devices and len(devices) > 1:
                raise UserError("--per-op is for one device at a time: give --device once")
            here = devices == ("host",) or (not devices and runner is None)
            if here:
                profiles = measure_per_op(bundles, artifacts, runner or "host", threads)
            elif runner == "native":
                server = server_named(adb_server, connect)
                profiles = trace_per_op(bundles, artifacts, devices, threads, runner_binary, server)
            else:
                raise UserError(
                    "--per-op is for this computer, or a phone with --runner native: give "
                    "--device host"
                )
        show_per_op(profiles, as_json)
        return
    with watched_devices(debug) as reporters:
        from deploy.android.measure import profile_bundles
        from deploy.results.judge import check_rounds

        _check_outputs(output, csv)
        if not anyway and not sustained:
            check_rounds(rounds, ", or --anyway")
        profiled = profile_bundles(
            bundles,
            devices,
            artifacts=artifacts,
            runner=runner,
            runner_binary=runner_binary,
            threads=threads,
            cores=cores,
            rounds=rounds,
            iterations=iterations,
            warmup=warmup,
            cool_below_c=cool_below,
            cool_timeout_s=cool_timeout,
            block_timeout_s=block_timeout,
            sustained_s=60 * sustained if sustained else None,
            sustained_mode=sustained_mode,
            cpus=cpus,
            server=server_named(adb_server, connect),
            reporters=reporters,
            keep=lambda results: _keep(results, output),
        )
    # Before anything else, which may fail; told at the end, for a full disk must not take the
    # figures away either.
    unsaved = _save(profiled, output, csv)
    _conclude(profiled, unsaved, as_json, of_all="all" in devices)


def _refuse_without_effect(
    devices: tuple[str, ...], runner: RunnerName | None, per_op: bool, sustained: float | None
) -> None:
    """Raise UserError for an option that changes nothing of what is measured."""
    of_phones = {"connect", "adb_server", "runner_binary"}
    of_blocks = {"anyway", "warmup", "cool_below", "cool_timeout", "block_timeout"}
    of_sessions = {"rounds", "iterations", "cores", "sustained", "sustained_mode", *of_blocks}
    named = set(devices)
    if per_op:
        refuse_given({*of_sessions, "cpus", "output", "csv"}, "with --per-op")
    if sustained:
        refuse_given({"rounds", "iterations", "anyway"}, "with --sustained")
    if named == {"host"} or (per_op and not named and runner is None):
        refuse_given(of_phones, "on this computer")
    elif named == {"arm64"}:
        counts = {*of_phones, *of_sessions, "runner", "csv"}
        refuse_given(counts, "with --device arm64, which counts instructions")
    elif named == {"host", "arm64"}:
        refuse_given(of_phones, "without a phone")


def _check_outputs(output: Path | None, csv: Path | None) -> None:
    """Raise UserError where -o or --csv cannot be written, before anything is measured."""
    from deploy.support.errors import UserError
    from deploy.support.output_file import check_output, same_file
    from deploy.support.printable import printable

    for path in (output, csv):
        if path is not None:
            check_output(path)
    if output is not None and csv is not None and same_file(output, csv):
        raise UserError(f"{printable(str(output))} cannot be both -o and --csv: give two names")


def _keep(results: Results, output: Path | None) -> None:
    """Write what there is so far, in case all else is lost; the end tells what cannot be."""
    from deploy.results.file import write_results
    from deploy.support.errors import StorageError
    from deploy.support.output_file import is_stream

    if output is not None:
        with suppress(StorageError, OSError):
            # Who reads a stream is to get one session, not each half of it.
            if not is_stream(output):
                write_results(results, output)


def _save(profiled: Profiled, output: Path | None, csv: Path | None) -> list[DeployError]:
    """Write what was asked for; why that failed."""
    from deploy.results.file import write_csv, write_results
    from deploy.support.errors import StorageError

    unsaved: list[DeployError] = []
    for write, path in ((write_results, output), (write_csv, csv)):
        try:
            if path is not None:
                write(profiled.results, path)
        except StorageError as error:
            unsaved.append(error)
    return unsaved


def _conclude(
    profiled: Profiled, unsaved: list[DeployError], as_json: bool, *, of_all: bool
) -> None:
    """Show what there is, then raise for what could not be written, is missing, or is not to be
    believed."""
    from deploy.results.judge import judge
    from deploy.support.errors import DeployError

    reports = judge(profiled.results)
    try:
        render(profiled, reports, as_json)
    except DeployError as error:
        unsaved = [*unsaved, error]
    if unsaved:
        raise type(unsaved[0])("; ".join(map(str, unsaved)))
    if profiled.interrupted:
        raise KeyboardInterrupt
    fail_if_incomplete(profiled, reports, of_all=of_all)


def render(profiled: Profiled, reports: Sequence[DeviceReport], as_json: bool) -> None:
    """Show what there is."""
    from deploy.cli.tables import profile as tables
    from deploy.cli.tables.instructions import instruction_facts, show_instructions
    from deploy.cli.tables.sustained import show_stretches
    from deploy.results.compare import compare_bundles

    comparisons = [comparison for report in reports for comparison in compare_bundles(report)]
    if as_json:
        print_json(
            {
                "session": profiled.results.session,
                "devices": [tables.device_facts(report) for report in reports],
                "instructions": instruction_facts(profiled.results),
                "comparisons": [comparison.facts() for comparison in comparisons],
                "failures": {name: str(error) for name, error in profiled.failures.items()},
                "interrupted": profiled.interrupted,
            }
        )
        return
    if profiled.results.settings.sustained:
        show_stretches(reports, profiled.results)
    elif reports:
        tables.show_devices(reports)
        tables.show_comparisons(comparisons)
        tables.show_legend(reports)
    if profiled.results.emulated:
        show_instructions(profiled.results)
    if len(profiled.failures) > 1:
        for name, error in profiled.failures.items():
            echo(f"not measured: {name}: {error}")


def fail_if_incomplete(
    profiled: Profiled, reports: Sequence[DeviceReport], *, of_all: bool = False
) -> None:
    """Raise for the first thing that is missing or not to be believed. `of_all`: the user named no
    device, but all."""
    from deploy.results.words import arm_label
    from deploy.support.errors import GateError, RunError, UserError

    for name, error in profiled.failures.items():
        if of_all and reports and isinstance(error, UserError):
            # Nobody named that one: what it cannot do is no mistake of the user's.
            raise RunError(f"{name}: {error}")
        raise error
    for report in reports:
        if report.failure:
            raise GateError(f"{report.device.model} did not finish: {report.failure}")
    arms = [arm for report in reports for arm in report.arms]
    invalid = [arm for arm in arms if not arm.valid]
    if invalid:
        raise GateError(
            f"{len(invalid)} of {len(arms)} arms are INVALID: {arm_label(invalid[0].arm)}: "
            f"{invalid[0].reasons[0]}"
        )
