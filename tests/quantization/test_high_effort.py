"""Effort high from photos to decisions: int8 alone has what was learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_build import recipe
from small_photos import write_photos

from deploy.backends import InputForm
from deploy.capture.prepare import Prepared, prepare
from deploy.quantization.effort import EFFORTS, Effort
from deploy.quantization.int8 import GAINED_NOTHING, TOO_FEW, Quantized, quantize
from deploy.quantization.ptq import Decisions, QuantizedWeights
from deploy.support.reporter import Recorder, Silent


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    photos = write_photos(tmp_path_factory.mktemp("photos") / "photos", 8)
    return prepare(recipe(Path("unused"), photos).network, photos, Silent())


def quantized(
    prepared: Prepared,
    warnings: Recorder,
    patch: pytest.MonkeyPatch,
    *forms: InputForm,
) -> Quantized:
    patch.setitem(EFFORTS, "high", Effort(rounding=4, pricing=2, equalization=1, biases=1))
    return quantize(
        prepared,
        effort="high",
        target_agreement=None,
        reporter=warnings,
        forms=forms,
    )


def same_biases(one: Mapping[str, QuantizedWeights], other: Mapping[str, QuantizedWeights]) -> bool:
    return all(np.array_equal(one[name].bias, other[name].bias) for name in one)


def test_learned_biases_are_those_of_int8_and_not_of_what_computes_in_float(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    shifted = []

    def shift(_module: object, start: Decisions, *_: object, **__: object) -> Decisions:
        weights = {n: replace(w, bias=w.bias + 1) for n, w in start.weights.items()}
        shifted.append(replace(start, weights=weights))
        return shifted[-1]

    monkeypatch.setattr("deploy.quantization.int8.with_learned_biases", shift)
    warnings = Recorder(Silent())
    forms = quantized(prepared, warnings, monkeypatch, "tensor", "pixels")
    assert [one.decisions["int8"] for one in forms.values()] == shifted
    for one in forms.values():
        assert same_biases(one.decisions["w8"].weights, one.pure.weights)
        assert not same_biases(one.decisions["int8"].weights, one.pure.weights)
    assert not warnings.warnings


def test_what_learns_nothing_is_told(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings = Recorder(Silent())
    monkeypatch.setattr("deploy.quantization.learn._is_better", lambda *_: False)
    forms = quantized(prepared, warnings, monkeypatch, "tensor")
    assert all(one.decisions["int8"] is one.pure for one in forms.values())
    assert warnings.warnings == [GAINED_NOTHING]


def test_photos_that_are_too_few_to_hold_one_out_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = write_photos(tmp_path / "photos", 3)
    few, warnings = prepare(recipe(tmp_path, photos).network, photos, Silent()), Recorder(Silent())
    forms = quantized(few, warnings, monkeypatch, "tensor")
    assert all(one.decisions["int8"] is one.pure for one in forms.values())
    assert warnings.warnings == [TOO_FEW]
