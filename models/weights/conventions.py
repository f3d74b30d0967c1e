"""What weights need of the network and of the photo, by who trained them. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

LayoutName = Literal["torchvision", "timm", "keras", "keras-numbered"]


@dataclass(frozen=True, kw_only=True)
class Convention:
    """`options` are a network's (`models.layers.Options`); `mean` and `std` of RGB in [0, 1]."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    options: Mapping[str, str | float] = field(default_factory=dict)


_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

# Our networks' own defaults are torchvision's.
TORCHVISION = Convention(mean=_IMAGENET_MEAN, std=_IMAGENET_STD)
TIMM = Convention(
    mean=_IMAGENET_MEAN, std=_IMAGENET_STD, options={"padding": "symmetric", "bn_eps": 1e-5}
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
