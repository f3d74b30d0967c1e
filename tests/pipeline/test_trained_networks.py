"""int8 on networks that were really trained: as many digits are read as in float, everywhere.

An untrained network's answers hang on nothing, so its agreement says little. One with each of V3's
kinds of blocks is trained here in seconds, MobileNetV1 and V3 themselves by night; they are built
and evaluated as a user would.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import digits
import pytest
from places import USERS_NETWORKS
from small_build import build_here

from deploy.pipeline.recipe import make_targets
from deploy.verification.evaluate import evaluate_bundle
from tests.networks.inverted_residuals import make_net

SIDE = 48
TEST, PHOTOS = 200, 64
TARGETS = (*make_targets(["onnx"], ["fp32"]), *make_targets(None, ["int8"]))


@pytest.mark.parametrize(
    ("network", "width", "epochs"),
    [
        (f"{USERS_NETWORKS / 'inverted_residuals.py'}:make_net", None, 4),
        pytest.param("mobilenet_v1", 0.25, 7, marks=pytest.mark.nightly),
        pytest.param("mobilenet_v3_small", 0.35, 5, marks=pytest.mark.nightly),
    ],
    ids=["inverted residuals", "mobilenet_v1", "mobilenet_v3_small"],
)
def test_int8_reads_as_many_digits_as_float_in_each_runtime(
    tmp_path: Path, network: str, width: float | None, epochs: int
) -> None:
    training, test = digits.load_digits(SIDE, test=TEST)
    weights = tmp_path / "weights.safetensors"
    make = make_net if width is None else partial(digits.ours, network, width)
    digits.train(make, training, weights, epochs=epochs)
    photos = digits.write_by_class(training.first(PHOTOS), tmp_path / "photos")
    recipe = digits.recipe(
        network,
        tmp_path / "bundle",
        weights=weights,
        photos=photos,
        width=width or 1.0,
        side=SIDE,
        targets=TARGETS,
    )
    built = build_here(recipe)
    assert built.manifest.weights.source.partition(",")[0] == "file"
    assert built.mix is None
    if width is None:
        assert built.manifest.network.name == network
        assert built.manifest.network.width is None
        assert {artifact.file for artifact in built.manifest.artifacts} == {
            "inverted_residuals.make_net_fp32.onnx",
            "inverted_residuals.make_net_int8.pte",
            "inverted_residuals.make_net_int8.onnx",
            "inverted_residuals.make_net_int8.mlpackage",
        }
    for artifact in built.manifest.artifacts:
        assert artifact.verified
        operators = artifact.operators
        assert operators.float_on_purpose == ()
        if artifact.precision == "int8":
            assert operators.inside["conv.int8"] > 0
            assert {"conv.float", "linear.float"}.isdisjoint(operators.inside)

    evaluation = evaluate_bundle(built.folder, digits.write_by_class(test, tmp_path / "test"))
    top1 = {score.name: score.top1.value for score in evaluation.scores if score.top1}
    in_float = top1.pop("onnx-fp32")
    assert in_float >= 0.9
    assert set(top1) == {"executorch-int8", "onnx-int8", "coreml-int8"}
    for name, value in top1.items():
        assert value >= in_float - 0.02, f"{name} reads {value:.1%} right, float {in_float:.1%}"
