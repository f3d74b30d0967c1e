"""What a recipe and its network refuse where they are made, each in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deploy.capture.spec import NetworkSpec
from deploy.pipeline.recipe import Recipe, Target, make_targets
from deploy.support.errors import UserError

SPEC = NetworkSpec("mobilenet_v2", weights="none")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"width": "1"}, "width: '1' is no number"),
        ({"width": float("nan")}, "--width nan is out of range"),
        ({"resolution": 64}, r"resolution: 64 is no size: give \(height, width\)"),
        ({"resolution": (64, 64, 64)}, "is no size"),
        ({"resolution": (64.5, 64)}, "is no size"),
        ({"resolution": (16, 64)}, "--resolution 16 is out of range"),
        ({"classes": "9"}, "classes: '9' is no whole number"),
        ({"classes": 9.5}, "classes: 9.5 is no whole number"),
        ({"seed": -1}, "seed -1 is out of range"),
        ({"seed": "a"}, "seed: 'a' is no whole number"),
    ],
)
def test_a_spec_refuses_what_cannot_be_made(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        NetworkSpec("mobilenet_v2", **{"weights": "none"} | options)


def test_paths_may_be_strings_and_strings_paths() -> None:
    spec: Any = NetworkSpec("mobilenet_v2", weights=Path("w.pth"), labels="l.txt")  # type: ignore[arg-type]
    assert (spec.weights, spec.labels) == ("w.pth", Path("l.txt"))
    recipe = Recipe(network=SPEC, output="bundle", photos="photos")  # type: ignore[arg-type]
    assert (recipe.output, recipe.photos) == (Path("bundle"), Path("photos"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"network": "mobilenet_v2"}, r"network: give NetworkSpec\('mobilenet_v2'\)"),
        ({"targets": ()}, "targets: nothing to make"),
        ({"targets": None}, "targets: nothing to make"),
        (
            {"targets": (Target(format="onnx", precision="w8"),)},
            "targets: unknown precision of onnx 'w8': known are fp32, int8",
        ),
        (
            {"targets": (Target(format="tflite", precision="fp32"),)},
            "targets: unknown format 'tflite'",
        ),
        ({"int8": "some"}, "--int8: unknown mode 'some'"),
        ({"min_agreement": 2.0}, "--min-agreement 2 is out of range"),
    ],
)
def test_a_recipe_refuses_what_cannot_be_built(changes: dict[str, Any], said: str) -> None:
    options: dict[str, Any] = {"network": SPEC, "output": Path("bundle"), **changes}
    with pytest.raises(UserError, match=said):
        Recipe(**options)


def test_without_targets_a_recipe_has_every_default() -> None:
    assert Recipe(network=SPEC, output=Path("bundle")).targets == make_targets()
