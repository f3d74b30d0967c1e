"""A second count of parameters and MACs, independent of `models.cost`: a hook on each layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Counts:
    """`total` adds the batch norms' running statistics to `params`, as Keras does."""

    params: int
    total: int
    macs: int


def count(
    constructor: Callable[..., nn.Module], *, resolution: int = 224, **options: Any
) -> Counts:
    """Of the network that `constructor` makes with `options`; no memory, no arithmetic."""
    with torch.device("meta"):
        network = constructor(**options)
    return Counts(
        params=sum(p.numel() for p in network.parameters()),
        total=sum(
            tensor.numel()
            for name, tensor in network.state_dict().items()
            if not name.endswith("num_batches_tracked")
        ),
        macs=count_macs(network, resolution),
    )


def count_macs(network: nn.Module, resolution: int) -> int:
    """Of `network`, which lies on the meta device, for one square input."""
    macs = 0

    def add(layer: nn.Module, _inputs: object, output: Tensor) -> None:
        nonlocal macs
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        # Each output element is a sum over one output channel's weights.
        macs += output.numel() * layer.weight[0].numel()

    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(add) for layer in layers]
    with torch.inference_mode():
        network.eval()(torch.empty(1, 3, resolution, resolution, device="meta"))
    for hook in hooks:
        hook.remove()
    return macs
