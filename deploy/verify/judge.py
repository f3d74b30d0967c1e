"""Putting the evidence of a build to the gates, artifact by artifact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deploy.export.make import Made
from deploy.quantize.decide import Decisions
from deploy.verify.error_statistics import ErrorStatistics, compare_logits
from deploy.verify.gates import Check, judge_golden, judge_logits, judge_operators


@dataclass(frozen=True, kw_only=True)
class Judged:
    """An artifact with its verdicts. `statistics`, against the float network in torch on the
    held-back photos, are None where the artifact could not be run; `own_program` is int8's."""

    made: Made
    statistics: ErrorStatistics | None
    own_program: ErrorStatistics | None
    checks: tuple[Check, ...]


def judge_artifacts(
    made: Sequence[Made],
    float_logits: npt.NDArray[np.float32],
    held_back: int,
    decisions: Decisions | None,
) -> list[Judged]:
    """Judge on the first `held_back` photos, and on the golden ones after them as `verify` will."""
    return [_judge(artifact, float_logits, held_back, decisions) for artifact in made]


def _judge(
    made: Made,
    float_logits: npt.NDArray[np.float32],
    held_back: int,
    decisions: Decisions | None,
) -> Judged:
    name, precision = made.target.name, made.target.precision
    is_int8 = precision == "int8"
    sides = (slice(held_back), slice(held_back, None))
    own, own_golden = (
        compare_logits(float_logits[side], made.own_logits[side]) if is_int8 else None
        for side in sides
    )
    checks = list(made.checks)
    if decisions is not None and is_int8:
        checks += judge_operators(name, made.operators.heavy_in_float(), decisions.heavy_in_float())
    statistics = None
    if made.logits is not None:
        statistics, golden = (
            compare_logits(float_logits[side], made.logits[side]) for side in sides
        )
        checks += judge_logits(name, precision, statistics, own)
        checks += judge_golden(name, precision, golden, own_golden)
    return Judged(made=made, statistics=statistics, own_program=own, checks=tuple(checks))
