"""What a narrow network at low resolution is built from, in seconds."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from deploy.capture.spec import NetworkSpec
from deploy.pipeline.build import Built, build
from deploy.pipeline.recipe import Recipe, make_targets
from deploy.pipeline.workers import in_process
from deploy.support.reporter import Reporter

RECIPE_FIELDS = {field.name for field in fields(Recipe)}


def build_here(recipe: Recipe, reporter: Reporter | None = None) -> Built:
    """`build` without processes of its own, whose toolkits take seconds to import."""
    return build(recipe, reporter, processes=in_process)


def write_photos(folder: Path, count: int) -> Path:
    """Coloured blobs: all different, all photos to a decoder."""
    folder.mkdir()
    coarse = np.random.default_rng(0).integers(0, 256, (count, 6, 8, 3), np.uint8)
    for i, pixels in enumerate(coarse):
        Image.fromarray(pixels).resize((80, 60)).save(folder / f"{i}.png")
    return folder


def recipe(output: Path, photos: Path, *, network: str = "mobilenet_v2", **changes: Any) -> Recipe:
    """A recipe of .onnx files of an untrained network, with `changes` to it or to its network."""
    of_recipe = {"targets": make_targets(["onnx"])}
    of_network = {"weights": "none", "width": 0.35, "resolution": (32, 32), "classes": 10}
    for name, value in changes.items():
        (of_recipe if name in RECIPE_FIELDS else of_network)[name] = value
    spec = NetworkSpec(network, **of_network)
    return Recipe(network=spec, output=output, photos=photos, **of_recipe)
