"""One published weights file, and what it needs of network and photo. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from models.pinned import PinnedFile
from models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing, resize_for

# What one asks for without knowing a publisher: of each network and width the first row.
DEFAULT_WEIGHTS = "imagenet"

LayoutName = Literal["torchvision", "timm", "keras", "keras-numbered"]


@dataclass(frozen=True, kw_only=True)
class Convention:
    """What weights need of the network and of the photo, by who trained them.

    `options` are a network's (`models.layers.NetworkOptions`); `mean` and `std` of RGB in [0, 1].
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    options: Mapping[str, str | float] = field(default_factory=dict)


# Our networks' own defaults are torchvision's.
TORCHVISION = Convention(mean=IMAGENET_MEAN, std=IMAGENET_STD)
TIMM = Convention(
    mean=IMAGENET_MEAN, std=IMAGENET_STD, options={"padding": "symmetric", "bn_eps": 1e-5}
)
# timm's newer recipes (ra4) scale photos like TensorFlow, and pad like PyTorch.
TIMM_HALF = Convention(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), options=TIMM.options)
# timm's weights by Alibaba (miil) take photos in [0, 1] as they are.
TIMM_UNSCALED = Convention(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), options=TIMM.options)
# Keras, and what timm converted from TensorFlow (`tf_*`): inputs in [-1, 1]. Keras' V3 maps 0..255
# to that inside the network, where it is saved with `include_preprocessing`.
TENSORFLOW = Convention(
    mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), options={"padding": "same", "bn_eps": 1e-3}
)

# Of a file about which nothing else is known. timm is not here: its `tf_*` files bear the same
# names as its others, and which of them there are depends on the network.
OF_LAYOUT: dict[LayoutName, Convention] = {
    "torchvision": TORCHVISION,
    "keras": TENSORFLOW,
    "keras-numbered": TENSORFLOW,
}


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
    """For inputs of `crop`; the photo's shorter side becomes `resize`, else as ImageNet's does."""
    return Preprocessing(
        resize=(resize, resize) if resize else resize_for(crop),
        crop=crop,
        mean=convention.mean,
        std=convention.std,
    )
