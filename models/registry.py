"""The networks by name. Importing this imports no torch; `create` does."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class NetworkEntry:
    """`constructor` in `module` makes the network; `widths` are the published ones."""

    module: str
    constructor: str
    paper: str
    widths: tuple[float, ...]
    resolution: tuple[int, int] = (224, 224)


NETWORKS = {
    "mobilenet_v2": NetworkEntry(
        module="models.mobilenet_v2",
        constructor="mobilenet_v2",
        paper="arXiv 1801.04381",
        widths=(1.4, 1.3, 1.0, 0.75, 0.5, 0.35),
    ),
}


def create(name: str, *, width: float = 1.0, classes: int = 1000) -> nn.Module:
    """The network `name` (a key of NETWORKS), with fresh weights.

    Its input is (N, 3, H, W) float32, its output logits (N, classes).
    """
    entry = NETWORKS[name]
    network: nn.Module = getattr(importlib.import_module(entry.module), entry.constructor)(
        width=width, classes=classes
    )
    return network
