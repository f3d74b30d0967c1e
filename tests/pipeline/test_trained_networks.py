"""int8 on networks that were really trained: as many digits are read as in float, everywhere.

An untrained network's answers hang on nothing, so its agreement says little; MobileNetV1 and V3
are trained here, for a few seconds each, and built and evaluated as a user would.
"""

from __future__ import annotations

from pathlib import Path

import digits
import pytest
from small_build import build_here

from deploy.pipeline.recipe import make_targets
from deploy.verification.evaluate import evaluate_bundle

SIDE = 48
TEST, PHOTOS = 200, 128
TARGETS = (*make_targets(["onnx"], ["fp32"]), *make_targets(None, ["int8"]))


@pytest.mark.parametrize(
    ("network", "width", "epochs"),
    [
        pytest.param("mobilenet_v1", 0.25, 7, marks=pytest.mark.nightly),
        ("mobilenet_v3_small", 0.35, 5),
    ],
)
def test_int8_reads_as_many_digits_as_float_in_each_runtime(
    tmp_path: Path, network: str, width: float, epochs: int
) -> None:
    training, test = digits.load_digits(SIDE, test=TEST)
    weights = tmp_path / "weights.safetensors"
    digits.train(network, training, weights, width=width, epochs=epochs)
    photos = digits.write_by_class(training.first(PHOTOS), tmp_path / "photos")
    recipe = digits.recipe(
        network,
        tmp_path / "bundle",
        weights=weights,
        photos=photos,
        width=width,
        side=SIDE,
        targets=TARGETS,
    )
    built = build_here(recipe)
    assert built.manifest.weights.source == "file, torchvision layout"
    for artifact in built.manifest.artifacts:
        assert artifact.operators.float_on_purpose == ()

    evaluation = evaluate_bundle(built.folder, digits.write_by_class(test, tmp_path / "test"))
    top1 = {score.name: score.top1.value for score in evaluation.scores if score.top1}
    in_float = top1.pop("onnx-fp32")
    assert in_float >= 0.9
    assert set(top1) == {"executorch-int8", "onnx-int8", "coreml-int8"}
    for name, value in top1.items():
        assert value >= in_float - 0.02, f"{name} reads {value:.1%} right, float {in_float:.1%}"
