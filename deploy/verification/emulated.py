"""Artifacts proved on the processors that phones have, emulated here.

A .pte whose every kernel is int8 must give what it gives here to the bit, for integers leave no
choice; one with float in it passes the gates that it passes here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deploy.backends import Precision
from deploy.bundle.feeding import Taken
from deploy.emulation.block import Emulation, why_not_run
from deploy.emulation.processors import Processor
from deploy.statistics.error_statistics import ErrorStatistics, compare_logits
from deploy.support.reporter import Progress, silent
from deploy.verification.gates import Check, judge_golden


@dataclass(frozen=True, kw_only=True)
class EmulatedArtifact:
    """An artifact to prove: `operators` are the keys of its counted operators, `written_by` the
    version of its runtime, `photos` (N, ...) the golden ones as it takes them; `here` (N, classes)
    its golden logits on this computer, None where it was not run; `own_program` is how far the
    program of an int8 one is from the float network."""

    name: str
    format: str
    precision: Precision
    file: Path
    operators: frozenset[str]
    written_by: str
    photos: Taken
    here: npt.NDArray[np.float32] | None
    own_program: ErrorStatistics | None


@dataclass(frozen=True, kw_only=True)
class EmulatedProof:
    """An artifact on a processor. `statistics` are against the float network on the golden photos,
    `equal` is whether its logits are to the bit those of this computer; both None where
    `unproved` says why nothing was run."""

    artifact: str
    processor: str
    statistics: ErrorStatistics | None
    equal: bool | None
    checks: tuple[Check, ...]
    unproved: str | None


def prove_emulated(
    emulation: Emulation,
    processors: Sequence[Processor],
    candidates: Sequence[EmulatedArtifact],
    float_logits: npt.NDArray[np.float32],
    *,
    progress: Progress = silent,
) -> tuple[EmulatedProof, ...]:
    """Every candidate on every processor, in that order.

    `float_logits` (N, classes) are the float network's of the golden photos. The checks are to be
    judged by `gates.require`. Raises GateError where the runner refuses an artifact, EmulationError
    where the emulator fails.
    """
    pairs = [(candidate, processor) for candidate in candidates for processor in processors]
    proofs = []
    for done, (candidate, processor) in enumerate(pairs, start=1):
        reason = why_not_run(candidate.format, candidate.written_by)
        if reason is None:
            answer = emulation.run(processor, candidate.file, candidate.photos)
            logits = np.stack([golden.values() for golden in answer.logits])
            proofs.append(_judge(candidate, processor, logits, float_logits))
        else:
            proofs.append(
                EmulatedProof(
                    artifact=candidate.name,
                    processor=processor.name,
                    statistics=None,
                    equal=None,
                    checks=(),
                    unproved=reason,
                )
            )
        progress("emulated runs", done, len(pairs))
    return tuple(proofs)


def computes_in_integers(operators: frozenset[str]) -> bool:
    """Whether all that is computed is int8, of operators as `Operators` counts them: a conversion
    at either end is exact everywhere."""
    return all(key.endswith(".int8") or key == "convert.float" for key in operators)


def _judge(
    candidate: EmulatedArtifact,
    processor: Processor,
    logits: npt.NDArray[np.float32],
    float_logits: npt.NDArray[np.float32],
) -> EmulatedProof:
    name = f"{candidate.name} on {processor.name}"
    statistics = compare_logits(float_logits, logits)
    checks = judge_golden(name, candidate.precision, statistics, candidate.own_program)
    equal = None if candidate.here is None else np.array_equal(logits, candidate.here)
    if equal is not None and computes_in_integers(candidate.operators):
        differing = np.count_nonzero((logits != candidate.here).any(axis=1))
        checks.append(
            Check(
                artifact=name,
                gate="logits of the golden photos as on this computer",
                measured=f"{differing} of {len(logits)} differ",
                required="equal to the bit",
                passed=equal,
            )
        )
    return EmulatedProof(
        artifact=candidate.name,
        processor=processor.name,
        statistics=statistics,
        equal=equal,
        checks=tuple(checks),
        unproved=None,
    )
