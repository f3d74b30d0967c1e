"""Putting the evidence of a build to the gates, artifact by artifact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deploy.pipeline.make import Made
from deploy.quantization.ptq import Decisions
from deploy.statistics.error_statistics import ErrorStatistics, compare_logits
from deploy.verification.gates import (
    Check,
    judge_agreement,
    judge_golden,
    judge_logits,
    judge_operators,
)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """An artifact with its verdicts. `statistics`, against the float network in torch on the
    held-back photos, are None where the artifact could not be run; `own_program` are those of the
    program that an int8 or w8 one was made from."""

    made: Made
    statistics: ErrorStatistics | None
    own_program: ErrorStatistics | None
    checks: tuple[Check, ...]


def judge_artifacts(
    made: Sequence[Made],
    float_logits: npt.NDArray[np.float32],
    held_back: int,
    decisions: Mapping[str, Decisions],
    *,
    min_agreement: float | None = None,
) -> list[Judged]:
    """Judge on the first `held_back` photos, and on the golden ones after them as `verify` will.

    `decisions` are those of the quantized artifacts by name; `min_agreement` is asked of int8.
    """
    return [
        _judge(artifact, float_logits, held_back, decisions, min_agreement) for artifact in made
    ]


def short_of(target: float, judged: Sequence[Judged], *, effort: str) -> list[str]:
    """A warning if an int8 artifact, made with `effort`, agrees with the float network less often
    than `target`."""
    shares = {
        one.made.target.name: one.statistics.agreeing
        for one in judged
        if one.made.target.precision == "int8" and one.statistics is not None
    }
    if not shares:
        return []
    name, reached = min(shares.items(), key=lambda share: share[1].value)
    if reached.value >= target:
        return []
    harder = "" if effort == "high" else "try --int8-effort high, "
    return [
        f"held-back photos that keep their top class in {name}: {reached}, short of "
        f"{100 * target:g} %: calibrate on more photos of what your users photograph (--photos), "
        f"{harder}or ship fp32 or fp16"
    ]


def _judge(
    made: Made,
    float_logits: npt.NDArray[np.float32],
    held_back: int,
    decisions: Mapping[str, Decisions],
    min_agreement: float | None,
) -> Judged:
    name, precision = made.target.name, made.target.precision
    decided = decisions.get(name)
    sides = (slice(held_back), slice(held_back, None))
    own, own_golden = (
        compare_logits(float_logits[side], made.own_logits[side]) if decided else None
        for side in sides
    )
    checks = list(made.checks)
    if decided:
        checks += judge_operators(name, made.operators.heavy_in_float(), decided.heavy_in_float())
    statistics = None
    if made.logits is not None:
        statistics, golden = (
            compare_logits(float_logits[side], made.logits[side]) for side in sides
        )
        checks += judge_logits(name, precision, statistics, own)
        checks += judge_golden(name, precision, golden, own_golden)
        if precision == "int8" and min_agreement is not None:
            checks += judge_agreement(name, statistics, min_agreement)
    return Judged(made=made, statistics=statistics, own_program=own, checks=tuple(checks))
