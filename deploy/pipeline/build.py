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
from collections.abc import Mapping
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from torch.export import ExportedProgram

from deploy.backends import BACKENDS, InputForm, Precision
from deploy.bundle.manifest import QUANTIZED, Manifest
from deploy.bundle.write import build_alone, check_target, staged
from deploy.capture.given import check_given
from deploy.capture.macs import node_macs
from deploy.capture.pixels import check_takes_pixels, take_pixels
from deploy.capture.prepare import Prepared, prepare
from deploy.capture.program import graph_module
from deploy.emulation.block import open_emulation
from deploy.emulation.processors import processors_named
from deploy.exporters.interface import Spec
from deploy.exporters.portable import slow_kernels
from deploy.pipeline.contents import write_contents
from deploy.pipeline.emulated import prove_judged
from deploy.pipeline.judge import judge_artifacts, short_of
from deploy.pipeline.make import Job, Made, make
from deploy.pipeline.recipe import Recipe
from deploy.quantization.int8 import quantize, warnings_of
from deploy.quantization.mixed_precision import Mix
from deploy.quantization.ptq import Decisions
from deploy.quantization.sensitivity.parts import PricedPart, price_parts
from deploy.support.reporter import Logged, Recorder, Reporter
from deploy.support.threads import one_thread
from deploy.support.workers import OpenPool, Pool, worker_processes
from deploy.verification.emulated import EmulatedProof
from deploy.verification.gates import Check, require

WORKERS = 2


@dataclass(frozen=True, kw_only=True)
class Built:
    """What `build` made: where, what the manifest says of it, and how long it took.

    `mix` says what int8 leaves in float and why; None without `--int8 auto`. `held_back_photos` are
    those that the judging crops are of. `emulated` has each artifact on each processor of the
    recipe's `prove_on`.
    """

    folder: Path
    manifest: Manifest
    checks: tuple[Check, ...]
    warnings: tuple[str, ...]
    mix: Mix | None
    held_back_photos: int
    emulated: tuple[EmulatedProof, ...]
    seconds: float
    artifact_seconds: dict[str, float]


@one_thread()  # Two would share two cores with the workers, and wait for each other.
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
    recorder = Recorder(reporter or Logged())
    check_target(recipe.output)
    check_given(recipe.network, recipe.photos)
    processors = processors_named("--prove-on", recipe.prove_on)
    # Before anything takes time.
    emulation = open_emulation(processors, progress=recorder.progress) if processors else None
    with (
        staged(recipe.output) as folder,
        build_alone(recipe.output),
        tempfile.TemporaryDirectory(prefix=".scratch-", dir=folder) as scratch,
        processes(
            min(WORKERS, len(recipe.targets)),
            Path(scratch, "workers.log"),
            modules=[BACKENDS[target.format].toolkit for target in recipe.targets],
        ) as pool,
    ):
        prepared = prepare(recipe.network, recipe.photos, recorder)
        if "pixels" in map(recipe.form_of, recipe.targets):
            check_takes_pixels(prepared.program)
        workshop = _Workshop(pool, recipe, prepared, folder, Path(scratch))
        futures: dict[Future[Made], str] = {}
        for form in recipe.forms(quantized=False):
            futures |= workshop.export(_program(prepared, form), {}, form)
        # Of the network as captured: every artifact answers for our rewrites too.
        float_logits = prepared.float_logits()
        mix, parts = None, list[PricedPart]()
        decisions: dict[str, Decisions] = {}
        precisions = {target.precision for target in recipe.targets}
        if precisions & set(QUANTIZED):
            mixes = "int8" in precisions and recipe.int8 == "auto"
            quantized = quantize(
                prepared,
                effort=recipe.int8_effort,
                target_agreement=recipe.target_agreement if mixes else None,
                reporter=recorder,
                forms=recipe.forms(quantized=True),
            )
            decisions = {
                target.name: quantized[recipe.form_of(target)].decisions[target.precision]
                for target in recipe.targets
                if target.precision in QUANTIZED
            }
            for form, one in quantized.items():
                futures |= workshop.export(one.program, one.decisions, form)
            if "int8" in precisions:
                # Of another form, Core ML's, the first layer and the mix alone differ.
                form = recipe.input if recipe.input in quantized else "tensor"
                asked = quantized[form]
                recorder.warn_all(warnings_of(asked, form, prepared))
                parts = price_parts(asked.module, asked.pure, asked.decisions["int8"].kernels)
                mix = asked.mix

        recorder.stage("exporting and verifying")
        made = _collect(futures, recipe, recorder)
        macs = sum(node_macs(graph_module(prepared.program)).values())
        for artifact in made:
            recorder.warn_all(slow_kernels(artifact.target.name, artifact.operators, macs))
        judged = judge_artifacts(
            made, float_logits, prepared.held_back, decisions, min_agreement=recipe.min_agreement
        )
        checks = tuple(check for artifact in judged for check in artifact.checks)
        require(checks)
        emulated: tuple[EmulatedProof, ...] = ()
        if emulation is not None:
            recorder.stage("emulating")
            emulated = prove_judged(
                emulation,
                processors,
                judged,
                folder=folder,
                prepared=prepared,
                float_logits=float_logits,
                progress=recorder.progress,
            )
            proved = tuple(check for proof in emulated for check in proof.checks)
            require(proved)
            checks += proved
        recorder.warn_all(short_of(recipe.target_agreement, judged, effort=recipe.int8_effort))
        manifest = write_contents(
            folder,
            spec=recipe.network,
            prepared=prepared,
            judged=judged,
            golden_logits=float_logits[prepared.held_back :],
            decisions=decisions,
            parts=parts,
            emulated=emulated,
        )
    return Built(
        folder=recipe.output,
        manifest=manifest,
        checks=checks,
        warnings=tuple(recorder.warnings),
        mix=mix,
        held_back_photos=prepared.photos.held_back_photos,
        emulated=emulated,
        seconds=time.perf_counter() - start,
        artifact_seconds={artifact.target.name: artifact.seconds for artifact in made},
    )


class _Workshop:
    """Where artifacts are made: the pool, and the files that its processes read."""

    def __init__(
        self, pool: Pool, recipe: Recipe, prepared: Prepared, folder: Path, scratch: Path
    ) -> None:
        self._pool, self._recipe, self._prepared = pool, recipe, prepared
        self._folder, self._scratch = folder, scratch
        np.save(scratch / "crops.npy", prepared.crops)

    def export(
        self, program: ExportedProgram, decisions: Mapping[Precision, Decisions], form: InputForm
    ) -> dict[Future[Made], str]:
        """Start what is to be made of `program`, which takes `form`: what `decisions` quantize;
        float without any.

        By the names of the artifacts.
        """
        targets = [
            target
            for target in self._recipe.targets
            if (target.precision in QUANTIZED) == bool(decisions)
            and self._recipe.form_of(target) == form
        ]
        if not targets:
            return {}
        file = self._scratch / f"{'equalized' if decisions else 'float'}_{form}.pt2"
        _save(program, file)
        plan = self._prepared.plan
        return {
            self._pool.submit(
                make,
                Job(
                    target=target,
                    backend=BACKENDS[target.format],
                    path=self._folder / self._recipe.file_name(target),
                    program=file,
                    decisions=decisions.get(target.precision),
                    crops=self._scratch / "crops.npy",
                    spec=Spec(
                        precision=target.precision,
                        preprocessing=plan.preprocessing,
                        labels=plan.labels,
                        input=form,
                    ),
                    allow_unverified=target.format in self._recipe.allow_unverified,
                ),
            ): target.name
            for target in sorted(targets, key=lambda target: -BACKENDS[target.format].effort)
        }


def _program(prepared: Prepared, form: InputForm) -> ExportedProgram:
    """The float program that takes `form`."""
    if form == "tensor":
        return prepared.program
    return take_pixels(prepared.program, prepared.plan.preprocessing, prepared.fed(form))


def _save(program: ExportedProgram, path: Path) -> None:
    """By way of memory: on a full disk torch's own writer ends the process."""
    saved = BytesIO()
    torch.export.save(program, saved)
    path.write_bytes(saved.getbuffer())


def _collect(futures: Mapping[Future[Made], str], recipe: Recipe, reporter: Reporter) -> list[Made]:
    """The results in the order of the recipe's targets; the first failure ends the wait."""
    made: list[Made] = []
    left = dict(futures)
    for future in as_completed(futures):
        made.append(future.result())
        del left[future]
        reporter.progress(", ".join(left.values()) or "artifacts", len(made), len(futures))
    return sorted(made, key=lambda artifact: recipe.targets.index(artifact.target))
