"""Values that a network writes into a part of a tensor, as joined parts of two tensors.

torch.export makes scatters of `x[:, 2:4] = y`. coremltools makes of those what no text describes,
and XNNPACK leaves them to slow kernels; both know how to join and to pick.
"""

from __future__ import annotations

import torch
from torch.fx import GraphModule, Node

from deploy.capture.program import add_call, add_constant, aten, calls, filled


def join_instead_of_scatter(module: GraphModule) -> None:
    """slice_scatter(x, y, 1, 2, 4)     becomes      cat([x[:, :2], y, x[:, 4:]], 1)
    slice_scatter(x, y, 1, 0, 8, 2)  becomes      cat([x, y], 1)[:, indices]
    select_scatter(x, y, 1, 2)       becomes      cat([x[:, :2], y.unsqueeze(1), x[:, 3:]], 1)
    """
    for node in calls(module, aten.slice_scatter.default, aten.select_scatter.default):
        x, part, axis, *where = filled(node)
        length = x.meta["val"].shape[axis]
        with module.graph.inserting_before(node):
            if node.target is aten.select_scatter.default:
                part = add_call(module, aten.unsqueeze.default, (part, axis), like=node)
                taken = [where[0] % length]
            else:
                start, end, step = where
                taken = list(range(*slice(start, end, step).indices(length)))
            if not taken:
                node.replace_all_uses_with(x)
                continue
            if taken == list(range(taken[0], taken[-1] + 1)):
                parts = _around(module, node, x, part, axis, taken[0], taken[-1] + 1)
                new = add_call(module, aten.cat.default, (parts, axis), like=node)
            else:
                source = torch.arange(length)
                source[taken] = torch.arange(len(taken)) + length
                both = add_call(module, aten.cat.default, ([x, part], axis), like=node)
                indices = add_constant(module, f"{node.name}_indices", source)
                new = add_call(module, aten.index_select.default, (both, axis, indices), like=node)
        node.replace_all_uses_with(new)


def _around(
    module: GraphModule, node: Node, x: Node, part: Node, axis: int, start: int, end: int
) -> list[Node]:
    length = x.meta["val"].shape[axis]
    before = [(0, start)] if start else []
    after = [(end, length)] if end < length else []
    kept = [
        add_call(module, aten.slice.Tensor, (x, axis, *bounds), like=node)
        for bounds in (*before, *after)
    ]
    return [*kept[: len(before)], part, *kept[len(before) :]]
