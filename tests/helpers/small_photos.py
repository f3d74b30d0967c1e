"""Photos to build and to evaluate with: coloured blobs, all different, all photos to a decoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def write_photos(
    folder: Path, count: int, *, size: tuple[int, int] = (80, 60), classes: int | None = None
) -> Path:
    """Make `folder` with so many PNGs of `size`, (width, height), in pixels.

    `classes` sorts them into as many sub-folders, named by number, as `evaluate` takes them.
    """
    folder.mkdir(parents=True)
    coarse = np.random.default_rng(0).integers(0, 256, (count, 6, 8, 3), np.uint8)
    for index, pixels in enumerate(coarse):
        place = folder if classes is None else folder / str(index % classes)
        place.mkdir(exist_ok=True)
        Image.fromarray(pixels).resize(size).save(place / f"{index}.png")
    return folder
