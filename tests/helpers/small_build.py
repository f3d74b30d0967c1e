"""A narrow network at low, oblong resolution, built in seconds."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from deploy.capture.spec import NetworkSpec
from deploy.pipeline.build import Built, build
from deploy.pipeline.recipe import Recipe, make_targets
from deploy.support.reporter import Reporter
from deploy.support.workers import in_process

RECIPE_FIELDS = {field.name for field in fields(Recipe)}


def build_here(recipe: Recipe, reporter: Reporter | None = None) -> Built:
    """`build` without processes of its own, whose toolkits take seconds to import."""
    return build(recipe, reporter, processes=in_process)


def recipe(output: Path, photos: Path, *, network: str = "mobilenet_v1", **changes: Any) -> Recipe:
    """A recipe of .onnx files of an untrained network, with `changes` to it or to its network."""
    of_recipe = {"targets": make_targets(["onnx"])}
    of_network = {"weights": "none", "width": 0.25, "resolution": (48, 32), "classes": 10}
    for name, value in changes.items():
        (of_recipe if name in RECIPE_FIELDS else of_network)[name] = value
    spec = NetworkSpec(network, **of_network)
    return Recipe(network=spec, output=output, photos=photos, **of_recipe)
