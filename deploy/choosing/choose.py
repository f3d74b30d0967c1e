"""choose: from a grid of variants and limits to a recommendation, in one folder.

    grid ─ costs ─ what cannot be within the limits is left out
             │
             └─ weights ─ bundles, side by side ─ one session on one device ─ choice.json

Everything made is kept below the folder by what decides it, so that the next run goes on.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from deploy.backends import BACKENDS
from deploy.benchmark.bundles import ANY_RUNNER, runs
from deploy.bundle.manifest import MANIFEST_FILE
from deploy.bundle.open import read_manifest
from deploy.bundle.staging import sweep as sweep_stages
from deploy.capture.spec import IMAGENET_CLASSES
from deploy.choosing.assemble import assemble
from deploy.choosing.bounds import LatencyBounds, in_steps, smaller
from deploy.choosing.building import Building, Work
from deploy.choosing.cost import count, over_cost
from deploy.choosing.executor import OpenExecutor, default_jobs, own_processes
from deploy.choosing.file import CHOICE_FILE, write_record
from deploy.choosing.foresee import foretell_sweep
from deploy.choosing.job import BUNDLE, Labelled, VariantJob, complete
from deploy.choosing.keys import bundle_key, labelled_digest, photos_digest, versions_here
from deploy.choosing.latency import Measuring, SessionOutcome, check_device, measure
from deploy.choosing.plan import Planned
from deploy.choosing.records import Choice, VariantRecord
from deploy.choosing.sweep import Requirements, Sweep, runs_on_devices
from deploy.choosing.weights import SettledWeights, settle_weights
from deploy.labels import imagenet_labels, imagenet_wordnet_ids, read_labels
from deploy.photos import find_labelled
from deploy.statistics.stability import FEWEST_ROUNDS
from deploy.support.errors import RunError, StorageError, UserError
from deploy.support.printable import printable
from deploy.support.reporter import Logged, Recorder, Reporter

_VARIANTS = "variants"
_MEASURED = "measured"
_SCRATCH = ".scratch"
_LOCK_FILE = ".lock"


def choose(
    sweep: Sweep,
    output: Path | str,
    *,
    requirements: Requirements | None = None,
    measuring: Measuring | None = None,
    jobs: int | None = None,
    reporter: Reporter | None = None,
    executor: OpenExecutor = own_processes,
    work: Work = complete,
) -> Choice:
    """Build the variants of `sweep` below the folder `output`, measure them all, and recommend.

    `jobs` bundles are built at a time (None: as many as there are cores and memory for); then
    latency is measured, alone on the machine. What lies in `output` already is not made again. A
    variant that fails and a device that is lost are in the choice, which is in choice.json too.

    Raises UserError for what was given, PhoneError for a device that is not there, RunError where
    another sweep is at work in `output`, StorageError where it cannot be written.
    """
    output, limits = Path(output), requirements or Requirements()
    measuring, recorder = measuring or Measuring(), Recorder(reporter or Logged())
    if limits.max_latency_ms is not None and not measuring.wanted:
        raise UserError(
            "--max-latency-ms needs measuring: give --device host or a phone's serial (what was "
            "measured there for this folder before is taken as it is)"
        )
    if jobs is not None and jobs < 1:
        raise UserError(f"--jobs {jobs}: give 1 or more")
    with _alone(output) as scratch:
        labelled = _labelled(sweep, recorder)
        timed = measuring.wanted and runs_on_devices(sweep.targets)
        if timed:
            check_device(measuring)
        photos = photos_digest(sweep.photos)
        jobs = jobs or default_jobs()
        with executor(jobs, scratch, modules=_of_every_build(sweep)) as pool:
            building = Building(pool, work, recorder)
            planned = _plan(sweep, output, limits, photos, labelled, recorder)
            foretell_sweep(
                planned,
                jobs if executor is own_processes else None,
                measuring if timed else None,
                recorder,
            )
            if timed and limits.max_latency_ms is not None:
                planned = _bounded(planned, building, limits, measuring, output, recorder)
            building.build(planned)
        for text in building.common_warnings():
            recorder.warn(text)
        session = None
        if measuring.wanted:
            session = _measure(planned, building.records, output, measuring, recorder)
            if session is None:
                recorder.warn("nothing that was built can be measured from here")
            elif session.reused:
                recorder.warn(
                    "latency is of the session before: give --measure-again to measure it anew"
                )
        choice = assemble(
            planned,
            building.records,
            session,
            folder=output,
            limits=limits,
            measuring=measuring,
            photos=photos,
            labelled=labelled,
        )
        write_record(choice, output / CHOICE_FILE)
    if session is not None and session.interrupted:
        raise KeyboardInterrupt
    return choice


def _of_every_build(sweep: Sweep) -> list[str]:
    """Modules that take seconds to import."""
    toolkits = {BACKENDS[target.format].toolkit for target in sweep.targets}
    return ["deploy.pipeline.build", *sorted(toolkits)]


@contextmanager
def _alone(output: Path) -> Iterator[Path]:
    """One sweep at a time in a folder: two would spoil each other's latencies. Gives a folder in it
    for what is gone afterwards."""
    where = printable(str(output))
    if (output / MANIFEST_FILE).exists():
        raise UserError(f"{where} is a bundle: choose another folder for the sweep with -o")
    try:
        output.mkdir(parents=True, exist_ok=True)
        with FileLock(output / _LOCK_FILE, timeout=0):
            scratch = output / _SCRATCH
            _tidy(output)  # After one that was killed.
            scratch.mkdir()
            try:
                yield scratch
            finally:
                _tidy(output)
    except Timeout:
        raise RunError(
            f"another sweep is at work in {where}: wait for it, or choose another folder with -o"
        ) from None
    except (FileExistsError, NotADirectoryError) as error:
        raise UserError(f"{where} is no folder: choose another with -o") from error
    except PermissionError as error:
        raise StorageError(
            f"cannot write {where} ({error.strerror}): choose another folder with -o"
        ) from error


def _tidy(output: Path) -> None:
    """Remove what is left of builds that were killed, here or on a cluster, and of nothing else."""
    shutil.rmtree(output / _SCRATCH, ignore_errors=True)
    for folder in (output / _VARIANTS).glob("*"):
        sweep_stages(folder / BUNDLE)


def _labelled(sweep: Sweep, reporter: Reporter) -> Labelled | None:
    """The labelled photos, whose folders are classes of the trained networks. Raises UserError for
    names of classes that do not match, too."""
    if sweep.labels is not None:
        read_labels(sweep.labels, sweep.classes or IMAGENET_CLASSES)
    if sweep.labelled is None:
        return None
    labels = imagenet_labels()
    if sweep.labels is not None and sweep.is_imagenet:
        labels = read_labels(sweep.labels, len(labels))
    seen = find_labelled(sweep.labelled, labels, imagenet_wordnet_ids())
    if not seen.labelled:
        raise UserError(
            f"{printable(str(sweep.labelled))} has no sub-folders: sort the photos into folders "
            "named by class, or leave --labelled out"
        )
    for text in seen.warnings:
        reporter.warn(text)
    return Labelled(
        folder=sweep.labelled, digest=labelled_digest(sweep.labelled), photos=len(seen.photos)
    )


def _plan(
    sweep: Sweep,
    output: Path,
    limits: Requirements,
    photos: str,
    labelled: Labelled | None,
    reporter: Reporter,
) -> list[Planned]:
    """Count every variant; settle the weights of those that may be within the limits."""
    reporter.stage("counting")
    variants, versions = sweep.variants(), versions_here()
    settled: dict[tuple[str, float], SettledWeights] = {}
    planned = []
    for done, variant in enumerate(variants, start=1):
        cost = count(sweep, variant)
        over = {target.name: over_cost(cost, target.precision, limits) for target in sweep.targets}
        plan = Planned(variant=variant, cost=cost, targets=sweep.targets)
        if all(over.values()):
            # The least of its artifacts speaks for it.
            least = min(sweep.targets, key=lambda target: cost.least_bytes(target.precision))
            plan = plan.pruned(over[least.name])
        else:
            named = (variant.network, variant.width)
            if named not in settled:
                settled[named] = settle_weights(sweep, *named, reporter.progress)
            plan = plan.with_weights(settled[named])
        if plan.weights is not None and plan.weights.error is None:
            recipe = sweep.recipe(sweep.spec(variant, plan.weights.name), output)
            source = plan.weights.source
            key = bundle_key(
                recipe,
                photos=photos,
                weights_sha256=source.file.sha256 if source else "",
                versions=versions,
            )
            job = VariantJob(
                key=key,
                name=variant.name,
                folder=output / _VARIANTS / key,
                recipe=recipe,
                labelled=labelled if source else None,
            )
            plan = plan.with_job(job)
        planned.append(plan)
        reporter.progress("variants", done, len(variants))
    if labelled is not None and not any(plan.job and plan.job.labelled for plan in planned):
        reporter.warn("no variant has trained weights: --labelled is of no use to it")
    return planned


def _bounded(
    planned: Sequence[Planned],
    building: Building,
    limits: Requirements,
    measuring: Measuring,
    output: Path,
    reporter: Reporter,
) -> list[Planned]:
    """Build the smaller variants and measure them, alone on the machine, to leave out larger ones
    that cannot be quick enough. A session that ends early is the last."""
    bounds = LatencyBounds(limits)
    shortest = replace(measuring, rounds=min(measuring.rounds, FEWEST_ROUNDS))
    judged = {plan.variant: plan for plan in planned}
    for step in in_steps(planned):
        judged |= {plan.variant: bounds.judge(plan) for plan in step}
        building.build([judged[plan.variant] for plan in step])
        left = [plan for plan in map(bounds.judge, judged.values()) if plan.job is not None]
        asked = [plan for plan in step if any(smaller(plan.variant, one.variant) for one in left)]
        session = _measure(asked, building.records, output, shortest, reporter)
        if session is None:
            continue
        if session.interrupted:
            raise KeyboardInterrupt
        if session.failure is not None:
            break
        bounds.add(asked, building.records, session)
    return [judged[plan.variant] for plan in planned]


def _measure(
    planned: Sequence[Planned],
    records: Mapping[str, VariantRecord],
    output: Path,
    measuring: Measuring,
    reporter: Reporter,
) -> SessionOutcome | None:
    """None where nothing that was built can be measured from here."""
    bundles = []
    for plan in planned:
        if plan.job is not None and records[plan.job.key].error is None:
            manifest = read_manifest(plan.job.bundle)
            if any(
                artifact.verified and runs(artifact, *ANY_RUNNER) for artifact in manifest.artifacts
            ):
                bundles.append(plan.job.bundle)
    return measure(bundles, measuring, output / _MEASURED, reporter) if bundles else None
