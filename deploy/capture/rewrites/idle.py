"""Operators that hand on what they were given, and parts that have nothing in them."""

from __future__ import annotations

from torch import Tensor
from torch._ops import OpOverload
from torch.fx import GraphModule, Node

from deploy.capture.program import aten, calls, filled

# With the shape of their input they are that input.
_SAME_IN_THE_SAME_SHAPE = (
    aten.alias.default,
    aten.clone.default,
    aten.contiguous.default,
    aten.detach.default,
    aten.expand.default,
    aten.expand_as.default,
    aten.flatten.using_ints,
    aten.narrow.default,
    aten.repeat.default,
    aten.reshape.default,
    aten.slice.Tensor,
    aten.squeeze.default,
    aten.squeeze.dim,
    aten.squeeze.dims,
    aten.to.dtype,
    aten.to.dtype_layout,
    aten.view.default,
    aten.view_as.default,
)


def remove_what_does_nothing(module: GraphModule) -> None:
    """x[:, :] -> y                becomes        x -> y        and so on
    permute(x, [0, 1, 2]) -> y    becomes        x -> y
    cat([x, x[:, 8:]]) of 8       becomes        cat([x])

    Kernels stumble over parts of no size; what torch makes of the rest, coremltools does not know.
    """
    if any(_writes(node) for node in module.graph.nodes):
        return  # A copy may be there to be written over.
    for node in calls(module, *_SAME_IN_THE_SAME_SHAPE):
        x = node.args[0]
        if isinstance(x, Node) and _alike(x, node):
            node.replace_all_uses_with(x)
    for node in calls(module, aten.permute.default):
        x, order = filled(node)
        if [axis % len(order) for axis in order] == list(range(len(order))):
            node.replace_all_uses_with(x)
    for node in calls(module, aten.constant_pad_nd.default, aten.pad.default):
        x, sizes, *_ = filled(node)
        if not any(sizes):
            node.replace_all_uses_with(x)
    for node in calls(module, aten.cat.default):
        parts, axis, *_ = filled(node)
        full = [part for part in parts if part.meta["val"].numel()]
        if not full or len(full) == len(parts):
            continue
        node.args, node.kwargs = (full, axis), {}
        if len(full) == 1 and _alike(full[0], node):
            node.replace_all_uses_with(full[0])


def _alike(x: Node, y: Node) -> bool:
    before, after = x.meta.get("val"), y.meta.get("val")
    return (
        isinstance(before, Tensor)
        and isinstance(after, Tensor)
        and before.shape == after.shape
        and before.dtype == after.dtype
        and before.stride() == after.stride()  # A view may need the copy.
    )


def _writes(node: Node) -> bool:
    return isinstance(node.target, OpOverload) and node.target._schema.is_mutable
