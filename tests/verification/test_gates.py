"""Error statistics are right, and each gate lets good pass and bad fail, by name."""

from __future__ import annotations

import math

import numpy as np
import pytest

from deploy.statistics.error_statistics import compare_logits
from deploy.support.errors import GateError
from deploy.verification.gates import (
    judge_golden,
    judge_logits,
    judge_operators,
    judge_reasons,
    require,
)

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(20, 10)).astype(np.float32)


def noisy(db: float) -> np.ndarray:
    noise = RNG.normal(size=LOGITS.shape)
    noise *= np.sqrt(np.square(LOGITS).sum() / np.square(noise).sum()) * 10 ** (-db / 20)
    return (LOGITS + noise).astype(np.float32)


def test_equal_logits_are_infinitely_good() -> None:
    statistics = compare_logits(LOGITS, LOGITS.copy())
    assert statistics.sqnr_db == math.inf
    assert statistics.agreement == 1
    assert statistics.clear_flips == 0


@pytest.mark.parametrize("db", [10, 40, 90])
def test_sqnr_is_the_power_ratio_in_decibels(db: float) -> None:
    assert compare_logits(LOGITS, noisy(db)).sqnr_db == pytest.approx(db, abs=0.1)


def test_a_nan_is_never_good() -> None:
    broken = LOGITS.copy()
    broken[3, 2] = np.nan
    statistics = compare_logits(LOGITS, broken)
    assert statistics.sqnr_db == -math.inf
    assert not all(check.passed for check in judge_logits("a", "fp32", statistics, None))


def test_a_label_that_contradicts_the_logits_is_a_clear_flip() -> None:
    top = LOGITS.argmax(1)
    wrong = np.where(np.arange(len(top)) == 0, (top + 1) % 10, top)
    statistics = compare_logits(LOGITS, LOGITS + np.float32(1e-6), top=wrong)
    assert statistics.clear_flips == 1
    assert not all(check.passed for check in judge_logits("a", "fp32", statistics, None))


@pytest.mark.parametrize(
    ("precision", "db", "passes"),
    [("fp32", 85, True), ("fp32", 75, False), ("fp16", 32, True), ("fp16", 28, False)],
)
def test_float_artifacts_have_a_bound_by_precision(precision: str, db: float, passes: bool) -> None:
    checks = judge_logits("a", precision, compare_logits(LOGITS, noisy(db)), None)  # type: ignore[arg-type]
    assert checks[0].passed is passes


@pytest.mark.parametrize(("db", "passes"), [(14.5, True), (13.5, False)])
def test_an_int8_artifact_is_held_to_its_own_program(db: float, passes: bool) -> None:
    own = compare_logits(LOGITS, noisy(15))
    (check,) = judge_logits("a", "int8", compare_logits(LOGITS, noisy(db)), own)
    assert check.passed is passes
    (golden,) = judge_golden("a", "int8", compare_logits(LOGITS, noisy(db)), own)
    assert golden.passed


@pytest.mark.parametrize(
    ("found", "expected", "passes"),
    [
        ({}, {}, True),
        ({"conv": 1}, {}, False),
        ({}, {"conv": 1}, False),
        ({"conv": 2}, {"conv": 2}, True),
        ({"matmul": 2}, {"matmul": 2}, True),
        ({"matmul": 1}, {"matmul": 2}, True),  # Of two tensors that are int8 anyway.
        ({"matmul": 2}, {"matmul": 1}, False),
        ({"linear": 1}, {"linear": 2}, False),
    ],
)
def test_float_operators_are_those_of_the_recipe(
    found: dict[str, int], expected: dict[str, int], passes: bool
) -> None:
    (check,) = judge_operators("a", found, expected)
    assert check.passed is passes


def test_a_failure_names_artifact_gate_and_figure_and_counts_the_others() -> None:
    good = judge_reasons("onnx-fp32", "good", "holds", [])
    bad = judge_reasons("onnx-int8", "lockstep", "integers equal", ["conv_3: 5 differ"])
    require([good, good])
    with pytest.raises(GateError) as caught:
        require([good, bad, bad])
    message = str(caught.value)
    assert "onnx-int8" in message
    assert "lockstep" in message
    assert "conv_3: 5 differ" in message
    assert "1 more" in message
