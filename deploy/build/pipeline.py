"""build: from a recipe to a proven bundle.

    weights ─┐                     ┌─ executorch ─┐
    photos ──┼─ float program ─────┼─ onnx ───────┼─ gates ─ bundle
             └─ int8 decisions ────┴─ coreml ─────┘

Float artifacts are lowered while the photos calibrate, and int8 ones right after, in two
processes. Nothing is visible at the target before every gate has passed.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.export import ExportedProgram

from deploy.backends import BACKENDS
from deploy.bundle.manifest import QUANTIZED, Manifest, Precision
from deploy.bundle.write import check_target, staged
from deploy.build.contents import write_contents
from deploy.export.interface import Spec
from deploy.build.make import Job, Made, make, run_program
from deploy.export.portable import slow_kernels
from deploy.capture.prepare import capture_plan, make_plan
from deploy.photos.images import normalize
from deploy.capture.macs import node_macs
from deploy.capture.network import Plan
from deploy.photos import load_photos
from deploy.capture.program import graph_module
from deploy.quantize.calibration_check import judge_calibration
from deploy.quantize.ptq import EFFORTS, Decisions, decide
from deploy.quantize.cross_layer_equalization import equalize
from deploy.quantize.mixed_precision import Mix, leave_in_float
from deploy.quantize.share import short_of_int8
from deploy.quantize.kernels import find_units
from deploy.build.recipe import Recipe, Target
from deploy.support.reporter import Reporter, Silent
from deploy.capture.simplify import simplify
from deploy.verify.gates import Check, require
from deploy.build.judge import judge_artifacts, short_of
from deploy.capture.proofs import prove_equalized, prove_simplified
from deploy.build.workers import OpenPool, Pool, worker_processes

WORKERS = 2
FLOAT_PROGRAM = "float.pt2"
EQUALIZED_PROGRAM = "equalized.pt2"


@dataclass(frozen=True, kw_only=True)
class Built:
    """What `build` made: where, what the manifest says of it, and how long it took.

    `mix` says what int8 leaves in float and why; None without `--int8 auto`.
    """

    folder: Path
    manifest: Manifest
    checks: tuple[Check, ...]
    warnings: tuple[str, ...]
    mix: Mix | None
    seconds: float
    artifact_seconds: dict[str, float]


def build(
    recipe: Recipe, reporter: Reporter | None = None, *, processes: OpenPool = worker_processes
) -> Built:
    """Build, prove and write the bundle of `recipe`.

    `processes` opens the pool in which artifacts are made: two processes, or `in_process`, which
    makes them one after another where we are. Raises UserError for what the user can mend,
    GateError when a proof fails, ExportError, FetchError or StorageError when the run does. The
    target is then as it was.
    """
    start = time.perf_counter()
    reporter = reporter or Silent()
    warnings: list[str] = []

    def warn(texts: Iterable[str]) -> None:
        for text in texts:
            warnings.append(text)
            reporter.warn(text)

    check_target(recipe.output)
    # One thread: two would share two cores with the workers, and wait for each other.
    torch.set_num_threads(1)
    with (
        staged(recipe.output) as folder,
        tempfile.TemporaryDirectory(prefix=".scratch-", dir=folder) as scratch,
        processes(
            WORKERS,
            Path(scratch, "workers.log"),
            modules=[BACKENDS[target.format].toolkit for target in recipe.targets],
        ) as pool,
    ):
        reporter.stage("reading weights and photos")
        plan = make_plan(recipe, reporter)
        photos = load_photos(recipe.photos, plan.preprocessing, progress=reporter.progress)
        warn(photos.warnings)
        calibration = normalize(
            np.stack([sample.crop for sample in photos.calibration]), plan.preprocessing
        )
        judging = [sample.crop for sample in photos.held_back]
        crops = np.stack([*judging, *(photo.crop for photo in photos.golden)])
        inputs = normalize(crops, plan.preprocessing)

        reporter.stage("capturing the network")
        captured, cost = capture_plan(recipe, plan, calibration, reporter)
        program = simplify(captured)
        _save(program, Path(scratch, FLOAT_PROGRAM))
        np.save(Path(scratch, "crops.npy"), crops)

        in_float = [target for target in recipe.targets if target.precision not in QUANTIZED]
        quantized = [target for target in recipe.targets if target.precision in QUANTIZED]
        futures = _submit(pool, in_float, {}, recipe, plan, folder, Path(scratch))
        # Of the network as captured: every artifact answers for our rewrites too.
        float_logits = run_program(captured, inputs)
        prove_simplified(captured, program, inputs)
        decisions: dict[Precision, Decisions] = {}
        mix = None
        if quantized:
            reporter.stage("calibrating")
            equalized = equalize(program, torch.from_numpy(calibration))
            prove_equalized(program, equalized, calibration, inputs)
            _save(equalized, Path(scratch, EQUALIZED_PROGRAM))
            decisions, mix = _decide(
                recipe,
                equalized,
                torch.from_numpy(calibration),
                torch.from_numpy(inputs[: len(judging)]),
                torch.from_numpy(float_logits[: len(judging)]),
                reporter,
            )
            futures += _submit(pool, quantized, decisions, recipe, plan, folder, Path(scratch))
            if int8 := decisions.get("int8"):
                module = graph_module(equalized)
                warn(short_of_int8(module, find_units(module)))
                warn(judge_calibration(equalized, int8, photos, plan.preprocessing))

        reporter.stage("exporting and verifying")
        made = _collect(futures, recipe, reporter)
        macs = sum(node_macs(graph_module(program)).values())
        for each in made:
            warn(slow_kernels(each.target.name, each.operators, macs))
        judged = judge_artifacts(
            made, float_logits, len(judging), decisions, min_agreement=recipe.min_agreement
        )
        checks = tuple(check for artifact in judged for check in artifact.checks)
        require(checks)
        warn(short_of(recipe.target_agreement, judged))
        manifest = write_contents(
            folder,
            recipe=recipe,
            plan=plan,
            cost=cost,
            photos=photos,
            judged=judged,
            golden_logits=float_logits[len(judging) :],
            decisions=decisions,
        )
    return Built(
        folder=recipe.output,
        manifest=manifest,
        checks=checks,
        warnings=tuple(warnings),
        mix=mix,
        seconds=time.perf_counter() - start,
        artifact_seconds={artifact.target.name: artifact.seconds for artifact in made},
    )


def _save(program: ExportedProgram, path: Path) -> None:
    """By way of memory: on a full disk torch's own writer ends the process."""
    saved = BytesIO()
    torch.export.save(program, saved)
    path.write_bytes(saved.getbuffer())


def _decide(
    recipe: Recipe,
    program: ExportedProgram,
    calibration: Tensor,
    judging: Tensor,
    float_logits: Tensor,
    reporter: Reporter,
) -> tuple[dict[Precision, Decisions], Mix | None]:
    """What int8 is, by precision, calibrated on one set of inputs and judged on the other's."""
    module = graph_module(program)
    pure = decide(
        program, calibration, effort=EFFORTS[recipe.int8_effort], progress=reporter.progress
    )
    decisions: dict[Precision, Decisions] = {"w8": pure.weights_only(module)}
    if all(target.precision != "int8" for target in recipe.targets):
        return decisions, None
    if recipe.int8 == "pure":
        return decisions | {"int8": pure}, None
    mix = leave_in_float(
        module,
        pure,
        judging,
        float_logits,
        target=recipe.target_agreement,
    )
    return decisions | {"int8": mix.decisions}, mix


def _submit(
    pool: Pool,
    targets: Sequence[Target],
    decisions: Mapping[Precision, Decisions],
    recipe: Recipe,
    plan: Plan,
    folder: Path,
    scratch: Path,
) -> list[Future[Made]]:
    return [
        pool.submit(
            make,
            Job(
                target=target,
                path=folder / recipe.file_name(target),
                program=scratch
                / (EQUALIZED_PROGRAM if target.precision in decisions else FLOAT_PROGRAM),
                decisions=decisions.get(target.precision),
                crops=scratch / "crops.npy",
                spec=Spec(
                    precision=target.precision,
                    preprocessing=plan.preprocessing,
                    labels=plan.labels,
                ),
                allow_unverified=target.format in recipe.allow_unverified,
            ),
        )
        for target in sorted(targets, key=lambda target: -BACKENDS[target.format].effort)
    ]


def _collect(futures: Sequence[Future[Made]], recipe: Recipe, reporter: Reporter) -> list[Made]:
    """The results in the order of the recipe's targets; the first failure ends the wait."""
    made = []
    for future in as_completed(futures):
        made.append(future.result())
        reporter.progress("artifacts", len(made), len(futures))
    return sorted(made, key=lambda artifact: recipe.targets.index(artifact.target))
