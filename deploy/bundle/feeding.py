"""Crops as an artifact takes them, by what the manifest says of its input."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from deploy.bundle.manifest import ArtifactInput, Pixels
from deploy.photos.images import codes, normalize
from models.preprocessing import Preprocessing

Taken: TypeAlias = npt.NDArray[Any]
"""float32, or for pixels uint8 or int8."""

_CHANNELS: Final = 4


def as_taken(
    crops: npt.NDArray[np.uint8], given: ArtifactInput, preprocessing: Preprocessing
) -> Taken:
    """Crops, uint8 (N, H, W, 3), as an input takes them one by one: (N, ...).

    Of shape (N, 4, H, W), pixels are a view of bytes that lie pixel by pixel.
    """
    if given.pixels is None:
        return normalize(crops, preprocessing)
    taken = codes(crops, signed=given.pixels.dtype == "int8")
    return taken if given.shape[-1] == _CHANNELS else taken.transpose(0, 3, 1, 2)


def pixels_in(taken: Taken) -> Pixels | None:
    """How the bytes are handed over of inputs that are pixels; None of floats."""
    if taken.dtype == np.float32:
        return None
    return Pixels.of("uint8" if taken.dtype == np.uint8 else "int8")


def in_memory(taken: Taken) -> bytes:
    """One input, of whatever shape, as it lies in memory: what a file for a runner holds."""
    if taken.dtype == np.float32:
        return taken.astype("<f4").tobytes()
    by_pixel = taken if taken.shape[-1] == _CHANNELS else np.moveaxis(taken, -3, -1)
    return by_pixel.tobytes()


def from_memory(data: bytes, shape: tuple[int, ...], pixels: Pixels | None) -> Taken:
    """The same back, of `shape` (1, ...). Raises ValueError where the bytes are too many or few."""
    if pixels is None:
        return np.frombuffer(data, "<f4").reshape(shape)
    codes = np.frombuffer(data, pixels.dtype)
    if shape[-1] == _CHANNELS:
        return codes.reshape(shape)
    batch, channels, height, width = shape
    return codes.reshape(batch, height, width, channels).transpose(0, 3, 1, 2)
