"""Published accuracy of the networks: what they can reach, whoever's weights you use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Published:
    """Top-1 in percent on ImageNet's 50,000 validation photos, as `source` states it.

    `resolution` is the side of the square input.
    """

    width: float
    resolution: int
    top1: float
    source: str
    precision: Literal["fp32", "int8"] = "fp32"


def _grid(
    source: str, resolutions: Sequence[int], top1s: Mapping[float, Sequence[float]]
) -> tuple[Published, ...]:
    """One record a cell of a table of widths by resolutions."""
    return tuple(
        Published(width=width, resolution=resolution, top1=top1, source=source)
        for width, row in top1s.items()
        for resolution, top1 in zip(resolutions, row, strict=True)
    )


_V1_PAPER = "arXiv 1704.04861"
# The authors' own code and checkpoints: github.com/tensorflow/models, research/slim/nets.
_V1_SLIM = "slim mobilenet_v1.md"
_SLIM = "slim mobilenet/README.md"
_TORCHVISION = "torchvision"

V1 = (
    *_grid(_V1_PAPER, (224, 192, 160, 128), {1.0: (70.6, 69.1, 67.2, 64.4)}),
    *_grid(_V1_PAPER, (224,), {0.75: (68.4,), 0.5: (63.7,), 0.25: (50.6,)}),
    *_grid(
        _V1_SLIM,
        (224, 192, 160, 128),
        {
            1.0: (70.9, 70.0, 68.0, 65.2),
            0.75: (68.4, 67.2, 65.3, 62.1),
            0.5: (63.3, 61.7, 59.1, 56.3),
            0.25: (49.8, 47.7, 45.5, 41.5),
        },
    ),
)

V2 = (
    *_grid(_SLIM, (224,), {1.4: (75.0,), 1.3: (74.4,)}),
    *_grid(
        _SLIM,
        (224, 192, 160, 128, 96),
        {
            1.0: (71.8, 70.7, 68.8, 65.3, 60.3),
            0.75: (69.8, 68.7, 66.4, 63.2, 58.8),
            0.5: (65.4, 63.9, 61.0, 57.7, 51.2),
            0.35: (60.3, 58.2, 55.7, 50.8, 45.5),
        },
    ),
    Published(width=1.0, resolution=224, top1=71.878, source=f"{_TORCHVISION} IMAGENET1K_V1"),
    Published(width=1.0, resolution=224, top1=72.154, source=f"{_TORCHVISION} IMAGENET1K_V2"),
    Published(
        width=1.0, resolution=224, top1=71.658, source=f"{_TORCHVISION} QAT", precision="int8"
    ),
)

V3_LARGE = (
    *_grid(_SLIM, (224,), {1.0: (75.2,), 0.75: (73.3,)}),
    Published(width=1.0, resolution=224, top1=73.9, source=_SLIM, precision="int8"),
    Published(width=1.0, resolution=224, top1=74.042, source=f"{_TORCHVISION} IMAGENET1K_V1"),
    Published(width=1.0, resolution=224, top1=75.274, source=f"{_TORCHVISION} IMAGENET1K_V2"),
    Published(
        width=1.0, resolution=224, top1=73.004, source=f"{_TORCHVISION} QAT", precision="int8"
    ),
)

V3_SMALL = (
    *_grid(_SLIM, (224,), {1.0: (67.5,), 0.75: (65.4,)}),
    Published(width=1.0, resolution=224, top1=64.9, source=_SLIM, precision="int8"),
    Published(width=1.0, resolution=224, top1=67.668, source=f"{_TORCHVISION} IMAGENET1K_V1"),
)

V3_LARGE_MINIMALISTIC = (
    Published(width=1.0, resolution=224, top1=72.3, source=_SLIM),
    Published(width=1.0, resolution=224, top1=71.3, source=_SLIM, precision="int8"),
)

V3_SMALL_MINIMALISTIC = (Published(width=1.0, resolution=224, top1=61.9, source=_SLIM),)
