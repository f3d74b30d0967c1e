"""The networks by name. Importing this imports no torch; `create` does."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models import accuracy
from models.accuracy import Published

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class NetworkEntry:
    """`constructor` in `module` makes the network.

    `widths` are those that its paper or its authors' code names, widest first; `published` is
    the accuracy that anyone reported; `resolution` is (height, width) of its usual input.
    """

    module: str
    constructor: str
    paper: str
    widths: tuple[float, ...]
    published: tuple[Published, ...]
    resolution: tuple[int, int] = (224, 224)


NETWORKS = {
    "mobilenet_v1": NetworkEntry(
        module="models.mobilenet_v1",
        constructor="mobilenet_v1",
        paper="arXiv 1704.04861",
        widths=(1.0, 0.75, 0.5, 0.25),
        published=accuracy.V1,
    ),
    "mobilenet_v2": NetworkEntry(
        module="models.mobilenet_v2",
        constructor="mobilenet_v2",
        paper="arXiv 1801.04381",
        widths=(1.4, 1.3, 1.0, 0.75, 0.5, 0.35),
        published=accuracy.V2,
    ),
    "mobilenet_v3_large": NetworkEntry(
        module="models.mobilenet_v3",
        constructor="mobilenet_v3_large",
        paper="arXiv 1905.02244",
        widths=(1.25, 1.0, 0.75, 0.5, 0.35),
        published=accuracy.V3_LARGE,
    ),
    "mobilenet_v3_small": NetworkEntry(
        module="models.mobilenet_v3",
        constructor="mobilenet_v3_small",
        paper="arXiv 1905.02244",
        widths=(1.25, 1.0, 0.75, 0.5, 0.35),
        published=accuracy.V3_SMALL,
    ),
    "mobilenet_v3_large_minimalistic": NetworkEntry(
        module="models.mobilenet_v3",
        constructor="mobilenet_v3_large_minimalistic",
        paper="arXiv 1905.02244",
        widths=(1.0,),
        published=accuracy.V3_LARGE_MINIMALISTIC,
    ),
    "mobilenet_v3_small_minimalistic": NetworkEntry(
        module="models.mobilenet_v3",
        constructor="mobilenet_v3_small_minimalistic",
        paper="arXiv 1905.02244",
        widths=(1.0,),
        published=accuracy.V3_SMALL_MINIMALISTIC,
    ),
}


def create(name: str, **options: Any) -> nn.Module:
    """The network `name` (a key of NETWORKS), with fresh weights.

    `options` are the fields of `models.layers.NetworkOptions`, and `activation` ("relu6" or
    "relu") for V1.
    Its input is (N, in_channels, H, W) float32 with H and W from 32 up, its output logits
    (N, classes).
    """
    entry = NETWORKS[name]
    constructor = getattr(importlib.import_module(entry.module), entry.constructor)
    network: nn.Module = constructor(**options)
    return network
