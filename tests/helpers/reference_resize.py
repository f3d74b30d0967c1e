"""Pillow's bilinear resizing written once more in plain numpy, to hold three languages to it.

It shares nothing with `deploy.photos.images`. Run as a program, it writes the stored fixtures anew.
"""

from __future__ import annotations

import json
import math

import numpy as np
import numpy.typing as npt
import places
from PIL import Image

Pixels = npt.NDArray[np.uint8]

BITS = 22
FIXTURES = places.FIXTURES / "preprocessing"

# name: (height, width) of the picture, of resize, of crop
CASES = {
    "odd": ((61, 47), (32, 32), (28, 28)),
    "enlarged": ((13, 19), (37, 37), (32, 32)),
    "tall": ((97, 16), (24, 24), (21, 21)),
    "wide": ((11, 120), (24, 24), (21, 21)),
    "one_pixel_wide": ((40, 1), (16, 16), (15, 15)),
    "not_square": ((50, 43), (30, 46), (27, 41)),
    "same_size": ((20, 23), (20, 20), (20, 20)),
}


def cover_and_crop(image: Pixels, resize: tuple[int, int], crop: tuple[int, int]) -> Pixels:
    """Preprocessing up to the crop: (H, W, 3) to (*crop, 3); `resize` and `crop` are (H, W)."""
    height, width = image.shape[:2]
    by_height = (resize[0], math.floor(width * resize[0] / height))
    by_width = (math.floor(height * resize[1] / width), resize[1])
    size = by_height if by_height[1] >= resize[1] else by_width
    top, left = (_half_to_even(size[axis] - crop[axis]) for axis in (0, 1))
    return bilinear(image, size)[top : top + crop[0], left : left + crop[1]]


def bilinear(image: Pixels, size: tuple[int, int]) -> Pixels:
    """Resize (H, W, 3) to (*size, 3): horizontally, round to 8 bits, then vertically."""
    across = _resample(image.transpose(1, 0, 2), size[1]).transpose(1, 0, 2)
    return _resample(across, size[0])


def _resample(image: Pixels, length: int) -> Pixels:
    """Resize the first axis."""
    result = np.empty((length, *image.shape[1:]), np.uint8)
    for index in range(length):
        first, weights = _weights(image.shape[0], length, index)
        rows = image[first : first + len(weights)].astype(np.int64)
        total = np.tensordot(weights, rows, axes=1) + (1 << (BITS - 1))
        result[index] = np.clip(total >> BITS, 0, 255)
    return result


def _weights(source: int, length: int, index: int) -> tuple[int, npt.NDArray[np.int64]]:
    """The first source row, and the fixed-point weights, that make the row `index`."""
    scale = source / length
    support = max(scale, 1.0)
    center = (index + 0.5) * scale
    first = max(int(center - support + 0.5), 0)
    last = min(int(center + support + 0.5), source)
    distances = [abs((row - center + 0.5) * (1.0 / support)) for row in range(first, last)]
    raw = [max(0.0, 1.0 - distance) for distance in distances]
    total = sum(raw)
    return first, np.array([int(0.5 + weight / total * (1 << BITS)) for weight in raw], np.int64)


def _half_to_even(surplus: int) -> int:
    half, odd = divmod(surplus, 2)
    return half + (odd and half % 2)


def picture(height: int, width: int) -> Pixels:
    """Hard edges, noise and extremes: whatever a sloppy filter gets wrong."""
    random = np.random.default_rng((height, width))
    pixels = random.integers(0, 256, (height, width, 3), np.uint8)
    pixels[: height // 3] //= 4
    pixels[:, width // 2 :] |= 0xC0
    return pixels


def write_fixtures() -> None:
    FIXTURES.mkdir(parents=True, exist_ok=True)
    for name, (size, resize, crop) in CASES.items():
        image = picture(*size)
        Image.fromarray(image).save(FIXTURES / f"{name}.png")
        (FIXTURES / f"{name}.rgb").write_bytes(cover_and_crop(image, resize, crop).tobytes())
        facts = {"resize": resize, "crop": crop}
        (FIXTURES / f"{name}.json").write_text(json.dumps(facts) + "\n")


if __name__ == "__main__":
    write_fixtures()
