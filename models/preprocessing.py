"""How a photo becomes a network's input: a fact that belongs to the weights."""

from __future__ import annotations

from dataclasses import dataclass


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
