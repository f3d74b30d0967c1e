"""The judgements: what an artifact must satisfy before it may stand in a bundle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from deploy.backends import Precision
from deploy.statistics.error_statistics import ErrorStatistics
from deploy.support.errors import GateError

# Float runtimes differ from torch in the order of sums alone; Core ML computes in float16.
FLOAT32_DB = 80.0
FLOAT16_DB = 30.0
# int8 runtimes round single steps differently, which is chaotic end to end but does not add up
# to a worse network.
INT8_LOSS_DB = 1.0
# The few golden photos scatter more.
GOLDEN_LOSS_DB = 2.0


@dataclass(frozen=True, kw_only=True)
class Check:
    """One gate, put to one artifact: what was measured, what was asked, and whether it holds."""

    artifact: str
    gate: str
    measured: str
    required: str
    passed: bool


def judge_logits(
    artifact: str,
    precision: Precision,
    statistics: ErrorStatistics,
    own_program: ErrorStatistics | None,
    *,
    photos: str = "held-back",
    loss_db: float = INT8_LOSS_DB,
) -> list[Check]:
    """An artifact against the float network in torch.

    One in float: nearly equal, and the same top class wherever rounding cannot explain another.
    One in int8: not worse than `own_program`, the torch program that it was made from, by more
    than `loss_db`.
    """
    bound = FLOAT32_DB if precision == "fp32" else FLOAT16_DB
    required = f">= {bound:g} dB"
    # A network of which hardly anything is in int8 comes as near as one in float, not nearer.
    if own_program is not None and own_program.sqnr_db - loss_db < bound:
        bound = own_program.sqnr_db - loss_db
        required = f">= {bound:.1f} dB, its own program's less {loss_db:g}"
    checks = [
        Check(
            artifact=artifact,
            gate=f"sqnr against the float network on {photos} photos",
            measured=f"{statistics.sqnr_db:.1f} dB",
            required=required,
            passed=statistics.sqnr_db >= bound,
        )
    ]
    if own_program is None:
        checks.append(
            Check(
                artifact=artifact,
                gate=f"top-1 where the float margin exceeds twice the error on {photos} photos",
                measured=f"{statistics.clear_flips} of {statistics.photos} differ",
                required="none differ",
                passed=statistics.clear_flips == 0,
            )
        )
    return checks


def judge_golden(
    artifact: str,
    precision: Precision,
    statistics: ErrorStatistics,
    own_program: ErrorStatistics | None,
) -> list[Check]:
    """The same on a bundle's golden photos: what `verify` can repeat from the folder alone."""
    return judge_logits(
        artifact, precision, statistics, own_program, photos="golden", loss_db=GOLDEN_LOSS_DB
    )


def judge_agreement(artifact: str, statistics: ErrorStatistics, least: float) -> list[Check]:
    """Top classes shared with the float network, where so few photos leave no doubt.

    A failure is certain: the 95 % interval lies below `least`. A few photos can refute, never
    prove.
    """
    reached = statistics.agreeing
    return [
        Check(
            artifact=artifact,
            gate="agreement with the float network on held-back photos",
            measured=str(reached),
            required=f"an interval that reaches {100 * least:g} %",
            passed=reached.high >= least,
        )
    ]


def judge_operators(
    artifact: str, in_float: Mapping[str, int], expected: Mapping[str, int]
) -> list[Check]:
    """Heavy operators that run in float: just those that the recipe leaves so.

    Of products of two activations no more than those: some runtimes compute one in int8 where both
    come as int8 anyway.
    """
    more = {name: in_float.get(name, 0) - expected.get(name, 0) for name in {*in_float, *expected}}
    return [
        Check(
            artifact=artifact,
            gate="convolutions, linears and matrix products in float",
            measured=_counts(in_float),
            required=_counts(expected),
            passed=more.pop(_PRODUCT, 0) <= 0 and not any(more.values()),
        )
    ]


_PRODUCT = "matmul"


def judge_reasons(artifact: str, gate: str, required: str, reasons: Iterable[str]) -> Check:
    """A gate that says by itself why it fails; no reason is a pass."""
    found = list(reasons)
    return Check(
        artifact=artifact,
        gate=gate,
        measured="; ".join(found) or "holds",
        required=required,
        passed=not found,
    )


def require(checks: Iterable[Check], *, outcome: str = "no bundle was written") -> None:
    """Raise GateError for the first failure: artifact, gate and figure, and how many more.

    `outcome` ends the message: what follows from it, or what to do.
    """
    failed = [check for check in checks if not check.passed]
    if not failed:
        return
    first = failed[0]
    more = f" (and {len(failed) - 1} more failed)" if len(failed) > 1 else ""
    raise GateError(
        f"{first.artifact} fails: {first.gate}: {first.measured}, required {first.required}{more}: "
        f"{outcome}"
    )


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"
