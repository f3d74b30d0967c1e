"""How a photo becomes a network's input: a fact that belongs to the weights."""

from __future__ import annotations

import math
from dataclasses import dataclass

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# The published weights' usual ratio of crop to resize, 224 / 256.
CROP_RATIO = 0.875


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """Resize to cover, centre crop, then `(x * scale - mean) / std` per channel in float32.

    `resize` and `crop` are (height, width) in pixels. The photo is scaled by the smallest factor
    with which it covers `resize`; for a square that means: the shorter side becomes that long.
    """

    resize: tuple[int, int]
    crop: tuple[int, int]
    scale: float = 1 / 255
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __post_init__(self) -> None:
        fits = all(c <= r for c, r in zip(self.crop, self.resize, strict=True))
        assert fits, f"crop {self.crop} exceeds resize {self.resize}"


def resize_for(crop: tuple[int, int]) -> tuple[int, int]:
    """What a photo is resized to before a crop of (height, width), by CROP_RATIO."""
    height, width = crop
    return math.floor(height / CROP_RATIO), math.floor(width / CROP_RATIO)
