"""timm's weights, as of timm 1.0.31 (`timm/models/{efficientnet,mobilenetv3}.py`).

Files on GitHub carry the first digits of their SHA-256 in their names; those that are only on the
Hugging Face hub publish none that a download could be checked against.
"""

from __future__ import annotations

import math
from typing import Literal

from models.pinned import PinnedFile, Url
from models.preprocessing import CROP_RATIO
from models.weights.source import (
    TENSORFLOW,
    TIMM,
    TIMM_HALF,
    TIMM_UNSCALED,
    Convention,
    WeightSource,
    preprocess,
)

_RELEASES = "https://github.com/rwightman/pytorch-image-models/releases/download"
_RESULTS = "https://github.com/huggingface/pytorch-image-models results/results-imagenet.csv"
_CARDS = "https://huggingface.co/timm/mobilenetv1_100.ra4_e3600_r224_in1k README.md"


def _row(
    name: str,
    network: str,
    title: str,
    accuracy: tuple[float, float],
    *,
    width: float = 1.0,
    released: str | None = None,
    convention: Convention = TIMM,
    crop_ratio: float = CROP_RATIO,
    measured_with: Literal["bilinear", "bicubic"] = "bicubic",
) -> WeightSource:
    """`title` is timm's full name; `released` the folder and file of a release on GitHub."""
    if released is None:
        file_name, digits = f"{title}.safetensors", ""
        url = f"https://huggingface.co/timm/{title}/resolve/main/model.safetensors"
    else:
        file_name = released.partition("/")[2]
        digits = file_name.removesuffix(".pth").rpartition("-")[2]
        url = f"{_RELEASES}/{released}"
    return WeightSource(
        name=name,
        title=f"timm {title}",
        network=network,
        width=width,
        file=PinnedFile(name=file_name, sha256=digits, addresses=(Url(url=url),)),
        layout="timm",
        convention=convention,
        preprocessing=preprocess(convention, (224, 224), resize=math.floor(224 / crop_ratio)),
        top1=accuracy[0],
        top5=accuracy[1],
        stated=_RESULTS if released else _CARDS,
        measured_with=measured_with,
        publisher="timm",
        licence="Apache-2.0",
    )


def _converted(
    network: str, title: str, digits: str, accuracy: tuple[float, float], *, width: float = 1.0
) -> WeightSource:
    """What timm converted from TensorFlow."""
    return _row(
        "timm-tf",
        network,
        f"tf_{title}.in1k",
        accuracy,
        width=width,
        released=f"v0.1-weights/tf_{title}-{digits}.pth",
        convention=TENSORFLOW,
        measured_with="bilinear",
    )


TIMM_SOURCES = (
    _row(
        "timm",
        "mobilenet_v1",
        "mobilenetv1_100.ra4_e3600_r224_in1k",
        (75.382, 92.312),
        convention=TIMM_HALF,
    ),
    _row(
        "timm",
        "mobilenet_v1",
        "mobilenetv1_125.ra4_e3600_r224_in1k",
        (76.924, 93.234),
        width=1.25,
        convention=TIMM_HALF,
        crop_ratio=0.9,
    ),
    _row(
        "timm",
        "mobilenet_v2",
        "mobilenetv2_140.ra_in1k",
        (76.520, 92.986),
        width=1.4,
        released="v0.1-weights/mobilenetv2_140_ra-21a4e913.pth",
    ),
    _row(
        "timm",
        "mobilenet_v2",
        "mobilenetv2_100.ra_in1k",
        (72.976, 91.010),
        released="v0.1-weights/mobilenetv2_100_ra-b33bc2c4.pth",
    ),
    _row(
        "timm",
        "mobilenet_v2",
        "mobilenetv2_050.lamb_in1k",
        (65.950, 86.088),
        width=0.5,
        released="v0.1-weights/mobilenetv2_050-3d30d450.pth",
    ),
    _row(
        "timm",
        "mobilenet_v3_large",
        "mobilenetv3_large_100.ra_in1k",
        (75.766, 92.538),
        released="v0.1-weights/mobilenetv3_large_100_ra-f55367f5.pth",
    ),
    _row(
        "timm-ra4",
        "mobilenet_v3_large",
        "mobilenetv3_large_100.ra4_e3600_r224_in1k",
        (76.310, 92.846),
        convention=TIMM_HALF,
        crop_ratio=0.95,
    ),
    _row(
        "timm-miil",
        "mobilenet_v3_large",
        "mobilenetv3_large_100.miil_in21k_ft_in1k",
        (77.918, 92.914),
        released="v0.1-tresnet/mobilenetv3_large_100_1k_miil_78_0-66471c13.pth",
        convention=TIMM_UNSCALED,
        measured_with="bilinear",
    ),
    _converted("mobilenet_v3_large", "mobilenetv3_large_100", "427764d5", (75.516, 92.594)),
    _converted(
        "mobilenet_v3_large", "mobilenetv3_large_075", "150ee8b0", (73.432, 91.352), width=0.75
    ),
    _converted(
        "mobilenet_v3_large_minimalistic",
        "mobilenetv3_large_minimal_100",
        "8596ae28",
        (72.258, 90.638),
    ),
    _row(
        "timm",
        "mobilenet_v3_small",
        "mobilenetv3_small_100.lamb_in1k",
        (67.656, 87.636),
        released="v0.1-weights/mobilenetv3_small_100_lamb-266a294c.pth",
    ),
    _row(
        "timm",
        "mobilenet_v3_small",
        "mobilenetv3_small_075.lamb_in1k",
        (65.234, 85.446),
        width=0.75,
        released="v0.1-weights/mobilenetv3_small_075_lambc-384766db.pth",
    ),
    _row(
        "timm",
        "mobilenet_v3_small",
        "mobilenetv3_small_050.lamb_in1k",
        (57.910, 80.180),
        width=0.5,
        released="v0.1-weights/mobilenetv3_small_050_lambc-4b7bbe87.pth",
    ),
    _converted("mobilenet_v3_small", "mobilenetv3_small_100", "37f49e2b", (67.918, 87.674)),
    _converted(
        "mobilenet_v3_small", "mobilenetv3_small_075", "da427f52", (65.728, 86.126), width=0.75
    ),
    _converted(
        "mobilenet_v3_small_minimalistic",
        "mobilenetv3_small_minimal_100",
        "922a7843",
        (62.890, 84.240),
    ),
)
