"""A backend is a row, an exporter and a runtime: one from outside goes all the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from small_build import build_here, recipe
from small_photos import write_photos
from toy_backend import TOY

from deploy.backends import BACKENDS
from deploy.bundle.manifest import Artifact
from deploy.bundle.open import open_bundle
from deploy.pipeline.build import Built
from deploy.pipeline.recipe import make_targets
from deploy.quantization.effort import EFFORTS
from deploy.support.errors import BundleError
from deploy.verification.bundle import verify
from deploy.verification.evaluate import evaluate_bundle


@pytest.fixture(autouse=True, scope="module")
def registered() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKENDS, TOY.format, TOY)
        # The whole way, with few steps: how well they learn is shown in tests/quantization.
        patch.setitem(EFFORTS, "high", replace(EFFORTS["high"], equalization=8))
        yield


@pytest.fixture(scope="module")
def built(registered: None, tmp_path_factory: pytest.TempPathFactory) -> Built:
    place = tmp_path_factory.mktemp("toy")
    photos = write_photos(place / "photos", 12)
    targets = make_targets(["toy", "onnx"], ["fp32", "int8"])
    return build_here(recipe(place / "bundle", photos, targets=targets, int8_effort="high"))


def toys(built: Built) -> list[Artifact]:
    return [artifact for artifact in built.manifest.artifacts if artifact.format == "toy"]


def test_it_is_built_with_all_gates(built: Built) -> None:
    assert [artifact.file for artifact in toys(built)] == [
        "mobilenet_v1_fp32.toy",
        "mobilenet_v1_int8.toy",
    ]
    for artifact in toys(built):
        assert artifact.backend == "toy-engine"
        assert artifact.runtime.name == "Toy"
        gates = {check.gate for check in built.checks if check.artifact == artifact.name}
        assert "sqnr against the float network on held-back photos" in gates
    assert toys(built)[0].operators.inside.keys() == {"conv.fp32", "linear.fp32"}


def test_its_bundle_is_opened_verified_and_evaluated(built: Built, tmp_path: Path) -> None:
    bundle = open_bundle(built.folder)
    assert {artifact.format for artifact in bundle.manifest.artifacts} == {"toy", "onnx"}
    assert all(check.passed for check in verify(built.folder).checks)
    evaluation = evaluate_bundle(built.folder, write_photos(tmp_path / "photos", 9))
    assert evaluation.reference == "onnx-fp32"
    by_name = {score.name: score for score in evaluation.scores}
    assert by_name["toy-fp32"].agreement is not None
    assert by_name["toy-fp32"].agreement.value == 1


def test_without_its_row_the_bundle_is_refused_by_name(
    built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(BACKENDS, "toy")
    with pytest.raises(BundleError, match="toy"):
        open_bundle(built.folder)
