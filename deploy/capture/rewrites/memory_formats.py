"""One order of values in memory: rows of images, as torch has them where nobody says otherwise.

A layout is for speed on one machine and computes nothing. ExecuTorch takes the order of a weight,
or of a value in between, for what the next kernel must have too, and then refuses to run.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from deploy.capture.program import add_constant, aten, calls, constant, is_constant

_LAID_OUT = (torch.channels_last, torch.channels_last_3d)


def plain_memory(module: GraphModule) -> None:
    """contiguous(x, channels_last)        becomes        x

    and every constant that is laid out otherwise, or a part of a larger one, a copy of its own.
    """
    _plain_constants(module)
    found = False
    for node in list(module.graph.nodes):
        if node.kwargs.get("memory_format") not in _LAID_OUT:
            continue
        found = True
        x = node.args[0] if node.args else None
        if node.target is aten.contiguous.default and isinstance(x, Node):
            node.replace_all_uses_with(x)
        else:
            node.kwargs = {k: v for k, v in node.kwargs.items() if k != "memory_format"}
    if found:
        # What was one stretch of memory in the other order is none in this one.
        for node in calls(module, aten.view.default):
            node.target = aten.reshape.default


def _plain_constants(module: GraphModule) -> None:
    copies: dict[str, Node] = {}
    for node in [node for node in module.graph.nodes if is_constant(node)]:
        value: Any = constant(module, node)
        if _is_plain(value):
            continue
        name = str(node.target)
        with module.graph.inserting_before(node):
            if name in copies:
                new = module.graph.get_attr(str(copies[name].target))
                new.meta = dict(copies[name].meta)
            else:
                copy = torch.empty(value.shape, dtype=value.dtype).copy_(value)
                new = copies[name] = add_constant(module, f"{name}_plain", copy)
        node.replace_all_uses_with(new)


def _is_plain(value: Tensor) -> bool:
    """Whether the strides are those of rows, even where an axis of size 1 lets them be anything."""
    stride, wanted = list(value.stride()), 1
    for size, step in zip(reversed(value.shape), reversed(stride), strict=True):
        if step != wanted:
            return False
        wanted *= size
    return value.untyped_storage().nbytes() == value.numel() * value.element_size()
