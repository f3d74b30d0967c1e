"""Whether an arm's answers can be believed: against the float network, and with each other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deploy.backends import BACKENDS
from deploy.protocol.messages import decode_logits
from deploy.results.records import Arm, MeasuredArtifact, MeasuredBundle
from deploy.statistics.error_statistics import ErrorStatistics, compare_logits
from deploy.verification.gates import judge_golden

# The same file on the same processor: what differs by more is broken now and then.
_REPEATED_DB = 40.0
_FEWEST_CLASSES = 2


def check_answers(
    arm: Arm, bundle: MeasuredBundle, artifact: MeasuredArtifact
) -> tuple[ErrorStatistics | None, list[str]]:
    """The fullest answer against the float network, and every reason not to believe the answers."""
    given = [
        {answer.index: _comparable(answer.values(), artifact) for answer in block.answer.logits}
        for block in arm.blocks
        if block.answer and block.answer.status == "ok"
    ]
    if not given:
        return None, []
    fullest = max(given, key=len)
    try:
        reference = _comparable(_logits(bundle.float_logits, bundle), artifact)
        own = None
        if artifact.own_logits:
            own = _comparable(_logits(artifact.own_logits, bundle), artifact)
    except ValueError:
        return None, ["the results hold no golden logits to judge its answers by"]
    if bundle.classes < _FEWEST_CLASSES:
        return None, ["a network of one class has no top class to judge its answers by"]
    if not fullest:
        return None, ["it gave no answer that could be judged"]
    rows = sorted(fullest)
    sized = all(len(values) == bundle.classes for logits in given for values in logits.values())
    if not sized or rows[-1] >= len(reference):
        return None, [f"its answers are not of {bundle.classes} classes"]
    candidate = np.stack([fullest[row] for row in rows])
    statistics = compare_logits(reference[rows], candidate)
    program = compare_logits(reference[rows], own[rows]) if own is not None else None
    wrong = [
        f"wrong answers: {check.gate}: {check.measured}, required {check.required}"
        for check in judge_golden(artifact.name, artifact.precision, statistics, program)
        if not check.passed
    ]
    if not wrong and not all(_repeats(fullest, logits) for logits in given):
        wrong = ["wrong answers: the same photo got other answers in another block"]
    return statistics, wrong


def _comparable(
    logits: npt.NDArray[np.float32], artifact: MeasuredArtifact
) -> npt.NDArray[np.float32]:
    """Logits (..., classes) as they are; of Core ML, whose packages end in a softmax, the
    probabilities: their logarithms lack a constant, and what float16 is too coarse for."""
    if not BACKENDS[artifact.format].ends_in_softmax or not logits.size:
        return logits
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)


def _repeats(
    first: dict[int, npt.NDArray[np.float32]], later: dict[int, npt.NDArray[np.float32]]
) -> bool:
    both = sorted(first.keys() & later.keys())
    return all(
        compare_logits(first[row][None], later[row][None]).sqnr_db >= _REPEATED_DB for row in both
    )


def _logits(encoded: str, bundle: MeasuredBundle) -> npt.NDArray[np.float32]:
    """float32 (golden, classes). Raises ValueError for anything else."""
    return decode_logits(encoded).reshape(bundle.golden, bundle.classes)
