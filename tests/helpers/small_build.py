"""What a narrow network at low resolution is built from, in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from deploy.build.pipeline import Built, build
from deploy.build.recipe import Recipe, make_targets
from deploy.build.workers import in_process
from deploy.support.reporter import Reporter


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


def recipe(output: Path, photos: Path, **changes: object) -> Recipe:
    settings: dict[str, object] = {
        "network": "mobilenet_v2",
        "weights": "none",
        "width": 0.35,
        "resolution": (32, 32),
        "classes": 10,
        "targets": make_targets(["onnx"]),
        **changes,
    }
    return Recipe(output=output, photos=photos, **settings)  # type: ignore[arg-type]
