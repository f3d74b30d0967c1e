"""Branches that were for training, merged by the network's own code where that is exact."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

# What blocks of RepVGG's kind call it: timm's, MobileOne's, RepVGG's own.
_METHODS = ("reparameterize", "switch_to_deploy")
# Of the output: what merging rounds in float32, far below what a mistake leaves.
_CLOSE = 1e-3


def merge_branches(network: nn.Module, example: Tensor) -> tuple[nn.Module, list[str]]:
    """`network`, in eval mode, its branches merged by its blocks' own methods; says so, if any.

    One that then gives `example` (1, 3, H, W) another answer, or none, stays as it is: branches
    are convolutions and additions, which can be built as they are.
    """
    blocks = [name for name, module in network.named_modules() if _method(module) is not None]
    if not blocks:
        return network, []
    try:
        with torch.no_grad():
            expected = network(example)
            merged = copy.deepcopy(network)
            for module in list(merged.modules()):
                if (method := _method(module)) is not None:
                    getattr(module, method)()
            got = merged(example)
    except Exception:  # The user's own methods may raise anything, and the branches are there.
        return network, []
    if not isinstance(expected, Tensor) or not isinstance(got, Tensor):
        return network, []
    if expected.shape != got.shape or not bool(
        (got - expected).abs().max() <= _CLOSE * expected.abs().max()
    ):
        return network, []
    return merged, [f"has branches for training in {len(blocks)} blocks: merged by its own method"]


def _method(module: nn.Module) -> str | None:
    return next((name for name in _METHODS if callable(getattr(module, name, None))), None)
