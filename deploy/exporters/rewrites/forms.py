"""Exact rewrites that a toolkit needs, of a program that is about to be exported.

Like `deploy.capture.simplify` they change how a graph is written and not what it computes, but
each for the sake of one backend.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.fx import GraphModule, Node

from deploy.capture.program import add_call, aten, calls, filled, per_axis, rank

qd = torch.ops.quantized_decomposed


def write_pools_out(module: GraphModule) -> None:
    """max_pool2d(x, k)        becomes        max_pool2d(x, [k, k], [k, k], [0, 0], [1, 1], False)

    ExecuTorch and coremltools read arguments by position, and stumble where one is left out. A
    ceiling that adds no window is a floor.
    """
    for node in calls(module, aten.max_pool2d.default):
        x, *windows, dilation, ceil = filled(node)
        kernel, strides, padding = window_arguments(windows)
        dilation = per_axis(dilation, 2)
        shape = spatial(x)
        floor = [
            (size + 2 * p - d * (k - 1) - 1) // s + 1
            for size, k, s, p, d in zip(shape, kernel, strides, padding, dilation, strict=True)
        ]
        ceil = bool(ceil) and floor != spatial(node)
        node.args, node.kwargs = (x, kernel, strides, padding, dilation, ceil), {}


def window_arguments(given: Sequence[Any]) -> tuple[list[int], list[int], list[int]]:
    """Kernel, strides and padding of a 2-d pool, each as height and width; no strides are the
    kernel's."""
    kernel, strides, padding = given
    kernel = per_axis(kernel, 2)
    return kernel, per_axis(strides, 2) if strides else kernel, per_axis(padding, 2)


def slice_splits(module: GraphModule) -> None:
    """tensor_split(x, n, dim)[i]         becomes        slice(x, dim, start, end)
    chunk and split                    alike
    narrow(x, dim, start, length)      becomes        slice(x, dim, start, start + length)

    Of which the delegate has a kernel, and here before `requantize_before_moves`.
    """
    for node in calls(module, *_SPLITS):
        dim = node.args[2] if len(node.args) > 2 else node.kwargs.get("dim", 0)
        assert isinstance(dim, int)
        ends = [0]
        for part in node.meta["val"]:
            ends.append(ends[-1] + part.shape[dim])
        for item in list(node.users):
            i = item.args[1]
            assert isinstance(i, int)
            item.target, item.args = aten.slice.Tensor, (node.args[0], dim, ends[i], ends[i + 1])
    for node in calls(module, aten.narrow.default):
        x, dim, start, length = node.args
        assert isinstance(start, int)
        assert isinstance(length, int)
        node.target, node.args = aten.slice.Tensor, (x, dim, start, start + length)


_SPLITS = (
    aten.tensor_split.sections,
    aten.tensor_split.indices,
    aten.chunk.default,
    aten.split.Tensor,
    aten.split.sizes,
    aten.split_with_sizes.default,
)
_ONE_AXIS_LESS = (aten.squeeze.dim, aten.squeeze.dims, aten.squeeze.default)


def reshape_instead_of_axes(module: GraphModule) -> None:
    """unbind(x, dim)[i]       becomes        select(x, dim, i)
    select(x, dim, i)       becomes        reshape(slice(x, dim, i, i + 1))
    squeeze, unsqueeze      become         reshape

    The delegate has kernels for slices and reshapes alone: the queries, keys and values of an
    attention come this way.
    """
    for node in calls(module, aten.unbind.int):
        x, dim = filled(node)
        for item in list(node.users):
            item.target, item.args = aten.select.int, (x, dim, item.args[1])
    for node in calls(module, aten.select.int, *_ONE_AXIS_LESS, aten.unsqueeze.default):
        x, shape = node.args[0], list(node.meta["val"].shape)
        if not node.meta["val"].is_floating_point():
            continue
        if node.target is aten.select.int:
            dim, i = (argument % size for argument, size in _place(node))
            with module.graph.inserting_before(node):
                x = add_call(module, aten.slice.Tensor, (x, dim, i, i + 1), like=node)
        node.target, node.args, node.kwargs = aten.reshape.default, (x, shape), {}


def _place(select: Node) -> list[tuple[int, int]]:
    """Axis and index of a `select`, each with what it is counted of."""
    x, dim, i = filled(select)
    return [(dim, rank(x)), (i, x.meta["val"].shape[dim])]


def maxima_for_xnnpack(module: GraphModule) -> None:
    """max(x, 1)[0]        becomes        amax(x, 1)
    max(x, -1)[0]       becomes        max(x, 3)[0]

    The delegate takes every maximum, and then refuses all but one over height or over width.
    """
    for node in calls(module, aten.max.dim):
        x, dim, keepdim = filled(node)
        if any(user.args[1] != 0 and user.users for user in node.users):
            continue
        if rank(x) == 4 and keepdim and dim % 4 in (2, 3):
            node.args, node.kwargs = (x, dim % 4, True), {}
            continue
        with module.graph.inserting_before(node):
            largest = add_call(module, aten.amax.default, (x, [dim], keepdim), like=node)
        for user in list(node.users):
            user.replace_all_uses_with(largest)


_XNNPACK_MOVES = (
    aten.cat.default,
    aten.constant_pad_nd.default,
    aten.permute.default,
    aten.slice.Tensor,
    aten.transpose.int,
)


def requantize_before_moves(module: GraphModule) -> None:
    """dq(s1) -> slice -> q(s2)        becomes        dq(s1) -> q(s2) -> dq(s2) -> slice -> q(s2)

    Moving values and rounding each of them can change places. XNNPACK takes the first for one int8
    kernel, whose input and output must have one scale, and then does not load. A zero that a pad
    adds is a zero in any scale.
    """
    for node in calls(module, *_XNNPACK_MOVES):
        if node.target is aten.constant_pad_nd.default and any(node.args[2:]):
            continue
        inputs = [arg for arg in node.all_input_nodes if _is_dequantize(arg)]
        if len(inputs) < len(node.all_input_nodes):
            continue
        for quantize in [user for user in node.users if _is_quantize(user)]:
            scale = quantize.args[1:]
            if all(source.args[1:] == scale for source in inputs):
                continue
            with module.graph.inserting_before(quantize):
                again = {source: _requantized(module, source, scale) for source in inputs}
                moved = module.graph.node_copy(node, again.__getitem__)
            quantize.replace_input_with(node, moved)


def _requantized(module: GraphModule, source: Node, scale: tuple[Any, ...]) -> Node:
    if source.args[1:] == scale:
        return source
    quantized = module.graph.call_function(qd.quantize_per_tensor.default, (source, *scale))
    return module.graph.call_function(qd.dequantize_per_tensor.default, (quantized, *scale))


def _is_quantize(node: Node) -> bool:
    return node.target is qd.quantize_per_tensor.default


def _is_dequantize(node: Node) -> bool:
    return node.target is qd.dequantize_per_tensor.default


def spatial(node: object) -> list[int]:
    """Height and width of a node's value, (N, C, H, W) or (C, H, W)."""
    assert isinstance(node, Node)
    return list(node.meta["val"].shape[-2:])
