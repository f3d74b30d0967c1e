"""What a network costs: parameters and multiply-accumulates (MACs)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.export import ExportedProgram

aten = torch.ops.aten


@dataclass(frozen=True, kw_only=True)
class Cost:
    """`params`: trained numbers. `macs`: multiply-adds of one input, as the papers count them."""

    params: int
    macs: int


def measure_cost(network: nn.Module, program: ExportedProgram) -> Cost:
    """Parameters of `network`, and the MACs of `program`, its export.

    MACs are those of convolutions and fully connected layers; not of biases, batch norms,
    activations and poolings, which the papers leave out too.
    """
    return Cost(
        params=sum(p.numel() for p in network.parameters()),
        macs=sum(_macs(node) for node in program.graph.nodes),
    )


def _macs(node: torch.fx.Node) -> int:
    if node.target not in (aten.conv2d.default, aten.linear.default):
        return 0
    output, weight = node.meta["val"], node.args[1]
    assert isinstance(weight, torch.fx.Node)
    # A weight's rows are the output channels: each output element is a sum over one row.
    row = weight.meta["val"].shape[1:]
    return int(math.prod(output.shape) * math.prod(row))
