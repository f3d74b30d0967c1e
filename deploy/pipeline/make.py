"""Making one artifact and collecting the evidence that it is right: the work of one process."""

from __future__ import annotations

import importlib
import shutil
import time
from dataclasses import asdict, dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import torch

# Registers the quantized_decomposed operators.
import torch.ao.quantization.fx._decomposed
from torch.export import ExportedProgram

from deploy.backends import Backend
from deploy.bundle.manifest import ArtifactInput, ArtifactOutput, Runtime
from deploy.capture.program import run_program
from deploy.exporters.interface import Spec
from deploy.exporters.operators import OperatorCount
from deploy.photos.images import feed
from deploy.pipeline.recipe import Target
from deploy.quantization.ptq import Decisions
from deploy.quantization.write import write_program
from deploy.support.errors import CannotRunError, DeployError, ExportError, StorageError
from deploy.support.lacking import lacking
from deploy.support.telling import telling_line
from deploy.verification.gates import Check

# Lockstep compares every value of every operator: a few photos say all there is.
LOCKSTEP_PHOTOS = 2


@dataclass(frozen=True, kw_only=True)
class Job:
    """`program` is a saved float program; with `decisions` the artifact is int8 or w8.

    `crops` is a .npy of uint8 (N, H, W, 3): the photos that the artifact is run on.
    """

    target: Target
    backend: Backend
    path: Path
    program: Path
    decisions: Decisions | None
    crops: Path
    spec: Spec
    allow_unverified: bool


@dataclass(frozen=True, kw_only=True)
class Made:
    """An artifact and its evidence.

    `logits` (N, classes) are those of the artifact in its runtime, None where it could not be
    run; `own_logits` those of the torch program that it was made from.
    """

    target: Target
    file: str
    seconds: float
    input: ArtifactInput
    output: ArtifactOutput
    operators: OperatorCount
    runtime: Runtime
    checks: tuple[Check, ...]
    logits: npt.NDArray[np.float32] | None
    own_logits: npt.NDArray[np.float32]
    unverified_reason: str | None


def make(job: Job) -> Made:
    """Export the artifact to `job.path` and run it.

    Raises CannotRunError where the artifact cannot be run here, unless that is allowed.
    """
    start = time.perf_counter()
    exporter = importlib.import_module(job.backend.exporter)
    program = _load_program(job.program)
    if job.decisions is not None:
        program = write_program(program, job.decisions, exporter.DIALECT)
    converted = _export(exporter, program, job)
    crops = np.load(job.crops)
    if hasattr(exporter, "prove_forms"):
        photos = feed(crops[:LOCKSTEP_PHOTOS], job.spec.preprocessing, job.spec.input)
        exporter.prove_forms(program, torch.from_numpy(photos))
    logits, checks, reason = None, [], None
    try:
        if hasattr(exporter, "prove"):
            checks = exporter.prove(converted, job.path, job.spec, crops[:LOCKSTEP_PHOTOS])
        runtime = importlib.import_module(job.backend.classifier)
        logits = runtime.load(job.path, job.spec.preprocessing).logits(crops)
    except CannotRunError as error:
        if not job.allow_unverified:
            raise
        reason = str(error)
    inputs, outputs = exporter.interface(job.spec)
    return Made(
        target=job.target,
        file=job.path.name,
        seconds=time.perf_counter() - start,
        input=inputs,
        output=outputs,
        operators=exporter.count_operators(job.path),
        runtime=_oldest_runtime(exporter, job),
        checks=tuple(checks),
        logits=logits,
        own_logits=run_program(program, feed(crops, job.spec.preprocessing, job.spec.input)),
        unverified_reason=reason,
    )


def _export(exporter: ModuleType, program: ExportedProgram, job: Job) -> ExportedProgram:
    try:
        converted: ExportedProgram = exporter.export(program, job.path, job.spec)
    except DeployError:
        raise
    except Exception as error:  # Toolkits raise whatever they stumble on, a full disk included.
        if shutil.disk_usage(job.path.parent).free < job.program.stat().st_size:
            raise StorageError(
                f"no space left to write {job.path.name}: free space on its disk, "
                "or choose another path with -o"
            ) from error
        if lack := lacking(error):
            raise lack from error
        raise ExportError(
            f"{job.target.name} cannot be made of this network ({telling_line(error)}): leave "
            f"{job.target.format} out with --formats, or see --debug"
        ) from error
    return converted


def _oldest_runtime(exporter: ModuleType, job: Job) -> Runtime:
    if hasattr(exporter, "oldest_runtime"):
        runtime: Runtime = exporter.oldest_runtime(job.path)
        return runtime
    return Runtime(**asdict(job.backend.runtime))


@lru_cache(2)  # The float program and the equalized one, of a form.
def _load_program(path: Path) -> ExportedProgram:
    # By way of memory: torch takes no path that is not UTF-8.
    return torch.export.load(BytesIO(path.read_bytes()))
