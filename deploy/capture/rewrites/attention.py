"""Attention in the products that it is made of: the same numbers, and every product a node.

What stays one operator hides two matrix products from whoever counts what runs in int8, and each
toolkit takes it apart in its own way: ExecuTorch guards against rows that are masked altogether,
with five operators for which the delegate has no kernel.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from deploy.capture.program import (
    add_call,
    add_constant,
    aten,
    calls,
    constant,
    filled,
    is_constant,
    rank,
)


def attention_by_products(module: GraphModule) -> None:
    """scaled_dot_product_attention(q, k, v, mask)
    becomes
    matmul(softmax(matmul(q * scale, transpose(k)) + mask), v)

    A mask of truths must be a constant with something to see in each row; a row without any is
    zeros in one version of torch and NaN in another. Random dropout is no network's in eval mode.
    """
    for node in calls(module, aten.scaled_dot_product_attention.default):
        q, k, v, mask, dropout, is_causal, scale, grouped = filled(node)
        added = _added_mask(module, node, mask, is_causal=bool(is_causal))
        if dropout or grouped or min(map(rank, (q, k, v))) < 2 or added is _UNKNOWN:
            continue
        scale = q.meta["val"].shape[-1] ** -0.5 if scale is None else float(scale)
        with module.graph.inserting_before(node):
            scaled = add_call(module, aten.mul.Tensor, (q, scale), like=node)
            keys = add_call(module, aten.transpose.int, (k, -2, -1), like=node)
            scores = add_call(module, aten.matmul.default, (scaled, keys), like=node)
            if isinstance(added, Tensor):
                added = add_constant(module, f"{node.name}_mask", added)
            if added is not None:
                scores = add_call(module, aten.add.Tensor, (scores, added), like=node)
            weights = add_call(module, aten.softmax.int, (scores, -1), like=node)
        node.target, node.args, node.kwargs = aten.matmul.default, (weights, v), {}


_UNKNOWN = object()
# Far below any score, and a number in float16 too, in which Core ML computes.
_NOT_SEEN = -3e4


def _added_mask(
    module: GraphModule, node: Node, mask: object, *, is_causal: bool
) -> Node | Tensor | object | None:
    """What is added to the scores; _UNKNOWN where that cannot be told."""
    if is_causal:
        q, k = (argument.meta["val"].shape[-2] for argument in filled(node)[:2])
        seen = torch.ones(q, k, dtype=torch.bool).tril()
    elif mask is None:
        return None
    else:
        assert isinstance(mask, Node)
        if mask.meta["val"].dtype is not torch.bool:
            return mask
        if not is_constant(mask):
            return _UNKNOWN
        known = constant(module, mask)
        assert known is not None
        seen = known
    if not bool(seen.any(-1).all()):
        return _UNKNOWN
    return torch.zeros(seen.shape).masked_fill(~seen, _NOT_SEEN)


def products_of_matrices(module: GraphModule) -> None:
    """matmul(x, y) of (N, H, T, D) and (N, H, D, S)
    becomes
    view(bmm(view(x), view(y)))

    of what is computed, both in the same stacks. A matmul that might have to stretch one of the two
    copies both in ExecuTorch, outside the delegate.
    """
    for node in calls(module, aten.matmul.default):
        x, y = filled(node)
        if is_constant(x) or is_constant(y):
            continue
        shapes = [list(argument.meta["val"].shape) for argument in (x, y)]
        if min(map(len, shapes)) < 3 or shapes[0][:-2] != shapes[1][:-2]:
            continue
        if len(shapes[0]) == 3:
            node.target = aten.bmm.default
            continue
        with module.graph.inserting_before(node):
            flat = [
                add_call(module, aten.reshape.default, (argument, [-1, *shape[-2:]]), like=node)
                for argument, shape in zip((x, y), shapes, strict=True)
            ]
            product = add_call(module, aten.bmm.default, tuple(flat), like=node)
        made = list(node.meta["val"].shape)
        node.target, node.args = aten.reshape.default, (product, made)
