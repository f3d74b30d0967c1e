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
from collections.abc import Sequence
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.export import ExportedProgram

from deploy.backends import BACKENDS
from deploy.bundle.manifest import Manifest
from deploy.bundle.write import check_target, staged
from deploy.contents import write_contents
from deploy.export.interface import Spec
from deploy.export.make import Job, Made, make, run_program
from deploy.images import normalize
from deploy.network import Plan, make_network, plan_network
from deploy.photos import load_photos
from deploy.program import capture
from deploy.quantize.decide import Decisions, decide
from deploy.quantize.equalize import equalize
from deploy.recipe import Recipe, Target
from deploy.reporter import Reporter, Silent
from deploy.simplify import simplify
from deploy.user_network.plan import UserPlan, capture_user_network, plan_user_network
from deploy.verify.gates import Check, require
from deploy.verify.judge import judge_artifacts
from deploy.workers import worker_processes
from models.cost import Cost, measure_cost

WORKERS = 2
FLOAT_PROGRAM = "float.pt2"
EQUALIZED_PROGRAM = "equalized.pt2"


@dataclass(frozen=True, kw_only=True)
class Built:
    """What `build` made: where, what the manifest says of it, and how long it took."""

    folder: Path
    manifest: Manifest
    checks: tuple[Check, ...]
    warnings: tuple[str, ...]
    seconds: float
    artifact_seconds: dict[str, float]


def build(recipe: Recipe, reporter: Reporter | None = None) -> Built:
    """Build, prove and write the bundle of `recipe`.

    Raises UserError for what the user can mend, GateError when a proof fails, ExportError,
    FetchError or StorageError when the run does. The target is then as it was.
    """
    start = time.perf_counter()
    reporter = reporter or Silent()
    check_target(recipe.output)
    torch.set_num_threads(max(1, torch.get_num_threads() - WORKERS))
    with (
        staged(recipe.output) as folder,
        tempfile.TemporaryDirectory(prefix=".scratch-", dir=folder) as scratch,
        worker_processes(WORKERS, Path(scratch, "workers.log")) as pool,
    ):
        reporter.stage("reading weights and photos")
        plan = _plan(recipe, reporter)
        photos = load_photos(recipe.photos, plan.preprocessing, progress=reporter.progress)
        for warning in photos.warnings:
            reporter.warn(warning)
        calibration = normalize(
            np.stack([sample.crop for sample in photos.calibration]), plan.preprocessing
        )
        judging = [sample.crop for sample in photos.held_back]
        crops = np.stack([*judging, *(photo.crop for photo in photos.golden)])

        reporter.stage("capturing the network")
        captured, cost = _capture(recipe, plan, calibration, reporter)
        program = simplify(captured)
        _save(program, Path(scratch, FLOAT_PROGRAM))
        np.save(Path(scratch, "crops.npy"), crops)

        in_float = [target for target in recipe.targets if target.precision != "int8"]
        in_int8 = [target for target in recipe.targets if target.precision == "int8"]
        futures = _submit(pool, in_float, None, recipe, plan, folder, Path(scratch))
        decisions = None
        if in_int8:
            reporter.stage("calibrating")
            inputs = torch.from_numpy(calibration)
            equalized = equalize(program, inputs)
            _save(equalized, Path(scratch, EQUALIZED_PROGRAM))
            decisions = decide(equalized, inputs, progress=reporter.progress)
            futures += _submit(pool, in_int8, decisions, recipe, plan, folder, Path(scratch))

        reporter.stage("exporting and verifying")
        float_logits = run_program(program, normalize(crops, plan.preprocessing))
        made = _collect(futures, recipe, reporter)
        judged = judge_artifacts(made, float_logits, len(judging), decisions)
        checks = tuple(check for artifact in judged for check in artifact.checks)
        require(checks)
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
        warnings=photos.warnings,
        seconds=time.perf_counter() - start,
        artifact_seconds={artifact.target.name: artifact.seconds for artifact in made},
    )


def _save(program: ExportedProgram, path: Path) -> None:
    """By way of memory: on a full disk torch's own writer ends the process."""
    saved = BytesIO()
    torch.export.save(program, saved)
    path.write_bytes(saved.getbuffer())


def _plan(recipe: Recipe, reporter: Reporter) -> Plan:
    if recipe.reference is not None:
        return plan_user_network(recipe, recipe.reference, reporter)
    return plan_network(recipe, reporter)


def _capture(
    recipe: Recipe, plan: Plan, photos: npt.NDArray[np.float32], reporter: Reporter
) -> tuple[ExportedProgram, Cost]:
    if isinstance(plan, UserPlan):
        return capture_user_network(plan, recipe.network, photos, reporter)
    network = make_network(recipe, plan, photos)
    program = capture(network, (1, 3, *plan.preprocessing.crop))
    return program, measure_cost(network, program)


def _submit(
    pool: Executor,
    targets: Sequence[Target],
    decisions: Decisions | None,
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
                program=scratch / (EQUALIZED_PROGRAM if decisions else FLOAT_PROGRAM),
                decisions=decisions,
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
