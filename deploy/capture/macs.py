"""Where a program's multiply-accumulates are, node by node."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import GraphModule, Node
from torch.fx.node import map_arg
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


def node_macs(module: GraphModule) -> dict[str, int]:
    """Multiply-accumulates of each node that has any, counted on shapes alone.

    Whatever torch computes as convolutions and matrix products counts, attention and einsum too.
    """
    found = {}
    for node in module.graph.nodes:
        if node.op == "call_function" and (macs := _macs(node)):
            found[node.name] = macs
    return found


def _macs(node: Node) -> int:
    if not isinstance(node.target, torch._ops.OpOverload) or not node.all_input_nodes:
        return 0
    args, kwargs = map_arg((node.args, node.kwargs), _on_meta)
    counter = FlopCounterMode(display=False)
    try:
        with sdpa_kernel(SDPBackend.MATH), torch.no_grad(), counter:
            node.target(*args, **kwargs)
    except (RuntimeError, NotImplementedError):
        return 0  # What has no shapes without values is no product.
    return int(counter.get_total_flops()) // 2


def _on_meta(node: Node) -> Any:
    value = node.meta.get("val")
    if isinstance(value, torch.Tensor):
        return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="meta")
    if isinstance(value, (tuple, list)):
        return [torch.empty_like(element, device="meta") for element in value]
    return value
