"""Whose weights a file holds, when not those of the network that was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from math import floor
from typing import TYPE_CHECKING

from models.registry import NETWORKS, create
from models.weights.layouts import to_ours
from models.weights.source import LayoutName

if TYPE_CHECKING:
    from torch import Tensor, nn

# Below this share of tensors that fit, naming a network would mislead more than it helps.
_NEAR = 0.5


@cache
def meta_network(name: str, *, width: float, classes: int = 1000) -> nn.Module:
    """The network with shapes and no numbers, the same one each time: only to look at."""
    import torch

    with torch.device("meta"):
        return create(name, width=width, classes=classes)


def nearest_advice(tensors: Mapping[str, Tensor], layout: LayoutName) -> str:
    """What to do with a file's tensors: the network and published width that they fit best."""
    name, width, share = max(
        (
            (name, width, _share(tensors, layout, meta_network(name, width=width)))
            for name, entry in NETWORKS.items()
            for width in entry.widths
        ),
        key=lambda candidate: candidate[2],
    )
    where = f"{name} at width {width:g}"
    if share == 1:
        return f"these are the weights of {where}: use {name} --width {width:g}"
    if share >= _NEAR:
        fitting = f"{floor(100 * share)}% of its tensors fit"
        return f"the nearest is {where}, {fitting}: check what was trained"
    return f"no network of ours is near ({', '.join(NETWORKS)}): give its own weights"


def _share(tensors: Mapping[str, Tensor], layout: LayoutName, network: nn.Module) -> float:
    """How many of all tensors, of the network and of the file, go together."""
    renamed = to_ours(tensors, network, layout)
    expected = network.state_dict()
    fitting: int = sum(
        # Classes are the user's own.
        tensor.shape[1:] == expected[name].shape[1:]
        if name.startswith("classifier.") and tensor.shape[:1] != expected[name].shape[:1]
        else tensor.shape == expected[name].shape
        for name, tensor in renamed.tensors.items()
    )
    return fitting / (len(renamed.tensors) + len(renamed.missing) + len(renamed.left_over))
