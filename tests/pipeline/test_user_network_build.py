"""Networks that are not ours through the whole pipeline: their code, their weights, our gates."""

from __future__ import annotations

from pathlib import Path

import pytest
from lite0 import LITE0, LITE0_NETWORK
from places import USERS_NETWORKS
from small_build import build_here
from small_photos import write_photos

from deploy.assets import fetch
from deploy.bundle.open import open_bundle
from deploy.capture.spec import NetworkSpec
from deploy.pipeline.build import Built
from deploy.pipeline.recipe import Recipe, make_targets
from deploy.support.reporter import Silent


class Warnings(Silent):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def warn(self, text: str) -> None:
        self.texts.append(text)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("build") / "photos", 32)


def build_small(network: str, formats: list[str], photos: Path, output: Path) -> Built:
    return build_here(
        Recipe(
            network=NetworkSpec(network, resolution=(32, 32)),
            output=output,
            targets=make_targets(formats),
            photos=photos,
        )
    )


@pytest.mark.nightly
def test_a_resnet_of_transformers_in_every_format(photos: Path, tmp_path: Path) -> None:
    network = f"{USERS_NETWORKS / 'hugging_face.py'}:resnet"
    built = build_small(network, ["executorch", "onnx", "coreml"], photos, tmp_path / "bundle")
    assert built.manifest.network.name == network
    assert built.manifest.network.width is None
    assert built.manifest.network.classes == 5
    assert built.manifest.network.macs > 100_000
    assert {artifact.file for artifact in built.manifest.artifacts} == {
        "hugging_face.resnet_fp32.pte",
        "hugging_face.resnet_fp32.onnx",
        "hugging_face.resnet_fp16.mlpackage",
        "hugging_face.resnet_int8.pte",
        "hugging_face.resnet_int8.onnx",
        "hugging_face.resnet_int8.mlpackage",
    }
    for artifact in built.manifest.artifacts:
        assert artifact.verified
        assert artifact.measured is not None
        assert artifact.measured.sqnr_db is not None
        assert artifact.measured.sqnr_db > 25
        if artifact.precision == "int8":
            in_float = artifact.operators.float_on_purpose
            assert artifact.operators.inside.get("conv.float", 0) == len(in_float)


@pytest.mark.nightly
def test_a_convnext_of_transformers_whose_layout_changes_on_the_way(
    photos: Path, tmp_path: Path
) -> None:
    network = f"{USERS_NETWORKS / 'hugging_face.py'}:convnext"
    built = build_small(network, ["onnx", "coreml"], photos, tmp_path / "bundle")
    for artifact in built.manifest.artifacts:
        assert artifact.measured is not None
        assert artifact.measured.sqnr_db is not None
        assert artifact.measured.sqnr_db > 20


@pytest.mark.nightly
def test_a_trained_efficientnet_lite0_from_a_weights_file(cache: Path, tmp_path: Path) -> None:
    warnings = Warnings()
    weights = fetch(LITE0, remedy="")
    recipe = Recipe(
        network=NetworkSpec(LITE0_NETWORK, weights=str(weights)),
        output=tmp_path / "bundle",
        targets=make_targets(["onnx", "coreml"], ["int8"]),
        int8="pure",
    )
    built = build_here(recipe, warnings)
    assert built.manifest.weights.file == LITE0.name
    assert built.manifest.input.mean == (0.5, 0.5, 0.5)
    assert built.manifest.network.params == 4_652_008
    assert not [text for text in warnings.texts if "logits" in text]
    bundle = open_bundle(built.folder)
    named = {bundle.labels[row.argmax()] for row in bundle.golden_logits_float()}
    assert {"missile", "crash helmet"} <= named  # A rocket, an astronaut.
    for int8 in built.manifest.artifacts:
        assert int8.measured is not None
        assert int8.measured.agreement >= 0.6
        # No pad stands by itself between two int8 convolutions.
        assert int8.operators.float_on_purpose == ()
        assert "conv.float" not in int8.operators.inside
        assert "pad.float" not in int8.operators.inside
