"""The built artifacts on emulated processors, before they stand in a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deploy.bundle.feeding import as_taken
from deploy.capture.prepare import Prepared
from deploy.emulation.block import Emulation
from deploy.emulation.processors import Processor
from deploy.pipeline.judge import Judged
from deploy.statistics.error_statistics import compare_logits
from deploy.support.reporter import Progress
from deploy.verification.emulated import EmulatedArtifact, EmulatedProof, prove_emulated


def prove_judged(
    emulation: Emulation,
    processors: Sequence[Processor],
    judged: Sequence[Judged],
    *,
    folder: Path,
    prepared: Prepared,
    float_logits: npt.NDArray[np.float32],
    progress: Progress,
) -> tuple[EmulatedProof, ...]:
    """Each artifact in `folder` on each processor, on the golden photos as `verify` will.

    `float_logits` are of all crops of `prepared`. Raises what `prove_emulated` does.
    """
    golden = slice(prepared.held_back, None)
    return prove_emulated(
        emulation,
        processors,
        [_candidate(one, folder, prepared, float_logits) for one in judged],
        float_logits[golden],
        progress=progress,
    )


def _candidate(
    judged: Judged, folder: Path, prepared: Prepared, float_logits: npt.NDArray[np.float32]
) -> EmulatedArtifact:
    golden = slice(prepared.held_back, None)
    made, own = judged.made, judged.own_program
    return EmulatedArtifact(
        name=made.target.name,
        format=made.target.format,
        precision=made.target.precision,
        file=folder / made.file,
        operators=frozenset({*made.operators.inside, *made.operators.outside}),
        written_by=made.runtime.version,
        photos=as_taken(prepared.crops[golden], made.input, prepared.plan.preprocessing),
        here=None if made.logits is None else made.logits[golden],
        own_program=own and compare_logits(float_logits[golden], made.own_logits[golden]),
    )
