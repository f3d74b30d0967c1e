"""One published weights file, and the facts that belong to it. Imports no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from models.pinned import PinnedFile
from models.preprocessing import Preprocessing
from models.weights.conventions import Convention, LayoutName


@dataclass(frozen=True, kw_only=True)
class WeightSource:
    """Weights that `--weights NAME` means for one network at one width.

    `title` is the publisher's own name for them. `top1` and `top5` are the accuracy that `stated`
    gives, in percent on ImageNet's 50,000 validation photos, None where it gives none; it was
    measured at the resolution of `preprocessing`, with the publisher's own resizing, whose filter
    is `measured_with` (None: not stated). Ours is always bilinear.
    """

    name: str
    title: str
    network: str
    width: float
    file: PinnedFile
    layout: LayoutName
    convention: Convention
    preprocessing: Preprocessing
    classes: int = 1000
    top1: float | None
    top5: float | None
    stated: str
    measured_with: Literal["bilinear", "bicubic"] | None
    publisher: str
    licence: str


def preprocess(
    convention: Convention, crop: tuple[int, int], *, resize: int | None = None
) -> Preprocessing:
    """Preprocessing for inputs of `crop`; without `resize`, a crop is 7/8 of it on each side."""
    height, width = (resize or math.floor(side / 0.875) for side in crop)
    return Preprocessing(
        resize=(height, width), crop=crop, mean=convention.mean, std=convention.std
    )
