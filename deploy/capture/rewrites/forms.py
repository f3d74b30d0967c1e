"""One form for each operation, however many ways torch.export has to spell it.

Only the spelling changes: the same products of the same numbers. What can be computed without a
photo is a constant here, before anything looks for weights.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.fx import GraphModule, Node
from torch.fx.node import map_arg

from deploy.capture.program import (
    add_call,
    add_constant,
    aten,
    calls,
    constant,
    filled,
    is_constant,
    is_constant_or_none,
    names,
    per_axis,
    rank,
    tidy,
)

# The operators that torch.export leaves for a convolution with padding in words.
_WORDED: dict[object, Any] = {
    aten.conv1d.padding: aten.conv1d.default,
    aten.conv2d.padding: aten.conv2d.default,
    aten.conv3d.padding: aten.conv3d.default,
}
# By the number of axes of the image, without photos and channels.
_CONVOLUTIONS = {1: aten.conv1d.default, 2: aten.conv2d.default, 3: aten.conv3d.default}
_PRODUCTS = (aten.mm.default, aten.matmul.default, aten.addmm.default)
_SUMS = (
    aten.add.Tensor,
    aten.add.Scalar,
    aten.add_.Tensor,
    aten.add_.Scalar,
    aten.sub.Tensor,
    aten.sub.Scalar,
    aten.sub_.Tensor,
    aten.sub_.Scalar,
    aten.rsub.Tensor,
    aten.rsub.Scalar,
)
_WITH_MEAN: dict[object, Any] = {
    aten.var_mean.correction: aten.var.correction,
    aten.var_mean.dim: aten.var.correction,
    aten.var_mean.default: aten.var.correction,
    aten.std_mean.correction: aten.std.correction,
    aten.std_mean.dim: aten.std.correction,
    aten.std_mean.default: aten.std.correction,
}
_REVERSED = (aten.rsub.Tensor, aten.rsub.Scalar)
# The axes of what each weight is multiplied with, photos and channels included.
BATCHED: dict[object, int] = {
    aten.conv1d.default: 3,
    aten.conv2d.default: 4,
    aten.linear.default: 2,
}
# The axes of an image, photos and channels included, for what has no weights.
_IMAGES: dict[object, int] = {
    aten.adaptive_avg_pool2d.default: 4,
    aten.avg_pool2d.default: 4,
    aten.max_pool2d.default: 4,
}
# What changes each value by itself, so that an axis of size 1 may come or go behind it.
_POINTWISE = (
    aten.relu.default,
    aten.hardtanh.default,
    aten.clamp.default,
    aten.hardswish.default,
    aten.hardsigmoid.default,
    aten.sigmoid.default,
)
# A constant that is a stretched smaller one would only make the artifact larger.
_LARGEST_GROWTH = 2**20


def fold_constants(module: GraphModule) -> None:
    """f(W)        becomes        a constant, for all that reads parameters and buffers alone

    Weight standardization, weight norm, cosine classifiers, positions: computed once, as in eager.
    """
    written = _written(module)
    values: dict[Node, Any] = {}
    for node in calls(module, aten._assert_tensor_metadata.default):
        module.graph.erase_node(node)  # Torch's notes on dtypes, which export has checked.
    for node in list(module.graph.nodes):
        if is_constant(node) and str(node.target) not in written:
            values[node] = constant(module, node)
        elif _is_fixed(node, values):
            with torch.no_grad():
                args = map_arg((node.args, node.kwargs), values.__getitem__)
                values[node] = node.target(*args[0], **args[1])
    for node, value in values.items():
        is_read = any(user not in values for user in node.users)
        if is_constant(node) or not is_read or not isinstance(value, Tensor):
            continue
        if value.numel() > _LARGEST_GROWTH + _elements_read(node):
            continue
        with module.graph.inserting_before(node):
            folded = add_constant(module, f"{node.name}_constant", value.contiguous().clone())
        node.replace_all_uses_with(folded, lambda user: user not in values)
    tidy(module)


def _is_fixed(node: Node, values: dict[Node, Any]) -> bool:
    """Whether a call gives the same on every run: no photo in it, no chance, nothing written."""
    if node.op != "call_function" or not all(read in values for read in node.all_input_nodes):
        return False
    if not isinstance(node.target, OpOverload):
        return node.target.__module__ == "_operator"
    return (
        not node.target._schema.is_mutable
        and torch.Tag.nondeterministic_seeded not in node.target.tags
        and bool(node.target._schema.returns)
    )


def _written(module: GraphModule) -> set[str]:
    """The buffers that the network itself changes as it runs, by way of views too."""
    sources: dict[Node, str] = {}
    written = set()
    for node in module.graph.nodes:
        if is_constant(node):
            sources[node] = str(node.target)
        elif node.op == "call_function" and node.all_input_nodes:
            first = node.all_input_nodes[0]
            if first in sources:
                sources[node] = sources[first]
                if isinstance(node.target, OpOverload) and node.target._schema.is_mutable:
                    written.add(sources[first])
    return written


def _elements_read(node: Node) -> int:
    waiting, found, seen = [node], 0, set()
    while waiting:
        for read in waiting.pop().all_input_nodes:
            if read in seen:
                continue
            seen.add(read)
            waiting.append(read)
            if is_constant(read):
                found += int(read.meta["val"].numel())
    return found


def multiply_out_alpha(module: GraphModule) -> None:
    """add(x, y, alpha=a)       becomes        add(x, mul(y, a))        sub alike
    rsub(x, y, alpha=a)      becomes        rsub(mul(x, a), y)

    coremltools drops the keyword (coremltools#2573), XNNPACK leaves it to a slow kernel.
    """
    for node in calls(module, *_SUMS):
        x, y, alpha = filled(node)
        if alpha == 1:
            continue
        scaled = x if node.target in _REVERSED else y
        if isinstance(scaled, Node):
            with module.graph.inserting_before(node):
                scaled = add_call(module, aten.mul.Tensor, (scaled, alpha), like=node)
        else:
            scaled = scaled * alpha
        node.args = (scaled, y) if node.target in _REVERSED else (x, scaled)
        node.kwargs = {}


def write_prelu_out(module: GraphModule) -> None:
    """prelu(x, w) of (N, C)        becomes        relu(x) + w * (x - relu(x))

    and of any but images, where w has a slope for each channel: the kernels are for images alone.
    """
    for node in calls(module, aten.prelu.default):
        x, slopes = node.args
        assert isinstance(slopes, Node)
        count = slopes.meta["val"].numel()
        if count == 1 or rank(x) == 4:
            continue
        with module.graph.inserting_before(node):
            if rank(x) > 2:
                shape = [count, *[1] * (rank(x) - 2)]
                slopes = add_call(module, aten.view.default, (slopes, shape), like=slopes)
            above = add_call(module, aten.relu.default, (x,), like=node)
            below = add_call(module, aten.sub.Tensor, (x, above), like=node)
            scaled = add_call(module, aten.mul.Tensor, (below, slopes), like=node)
        node.target, node.args = aten.add.Tensor, (above, scaled)


def part_var_and_mean(module: GraphModule) -> None:
    """var_mean(x, dims)        becomes        var(x, dims), mean(x, dims)        std_mean alike

    Neither ExecuTorch nor coremltools knows an operator of two results here.
    """
    for node in calls(module, *_WITH_MEAN):
        given = dict(zip(names(node), filled(node), strict=True))
        x, dims, keepdim = given["self"], given.get("dim"), given.get("keepdim", False)
        correction = given.get("correction", 1 if given.get("unbiased", True) else 0)
        dims = list(range(rank(x))) if dims is None else dims
        with module.graph.inserting_before(node):
            spread = module.graph.call_function(
                _WITH_MEAN[node.target],
                (x, dims),
                {"correction": correction, "keepdim": keepdim},
            )
            mean = add_call(module, aten.mean.dim, (x, dims, keepdim), like=node)
        spread.meta = {**node.meta, "val": node.meta["val"][0]}
        for user in list(node.users):
            user.replace_all_uses_with(spread if user.args[1] == 0 else mean)


def spell_out_convolutions(module: GraphModule) -> None:
    """conv2d(x, W, b, stride, "same")        becomes        conv2d(x, W, b, stride, (1, 1))
    convolution(x, W, b, stride, ...)      becomes        conv2d(x, W, b, stride, ...)

    Behind an even kernel "same" pads one side more than the other: by a pad of its own.
    """
    for node in calls(module, *_WORDED):
        x, weight, bias, stride, words, dilation, groups = filled(node)
        kernel = weight.meta["val"].shape[2:]
        dilations = per_axis(dilation, len(kernel))
        total = [0] * len(kernel)
        if words == "same":
            total = [d * (k - 1) for d, k in zip(dilations, kernel, strict=True)]
        padding = [pad // 2 for pad in total]
        if any(pad % 2 for pad in total):
            # Of the last axis first, as constant_pad_nd has them.
            sides = [side for pad in reversed(total) for side in (pad // 2, pad - pad // 2)]
            with module.graph.inserting_before(node):
                x = add_call(module, aten.constant_pad_nd.default, (x, sides, 0.0), like=node)
            padding = [0] * len(kernel)
        node.target = _WORDED[node.target]
        node.args = (x, weight, bias, list(stride), padding, dilations, groups)
    for node in calls(module, aten.convolution.default):
        x, weight, bias, stride, margin, dilation, transposed, _, groups = filled(node)
        axes = weight.meta["val"].dim() - 2
        if not transposed and axes in _CONVOLUTIONS:
            node.target = _CONVOLUTIONS[axes]
            node.args = (x, weight, bias, stride, margin, dilation, groups)


def products_by_linear(module: GraphModule) -> None:
    """x @ W, mm(x, W)        becomes        linear(x, W.t())
    addmm(b, x, W)         becomes        linear(x, W.t(), b)        for a constant W
    """
    for node in calls(module, *_PRODUCTS):
        if node.target is aten.addmm.default:
            bias, x, weight, beta, alpha = filled(node)
        else:
            bias, (x, weight), beta, alpha = None, filled(node), 1, 1
        plain = (
            isinstance(x, Node)
            and not is_constant(x)
            and rank(x) >= 2
            and is_constant(weight)
            and is_constant_or_none(bias)
        )
        matrix = constant(module, weight) if plain else None
        if matrix is None or matrix.dim() != 2:
            continue
        offset = constant(module, bias)
        # One number for each output, or one for all: a column would be added to other axes.
        if offset is not None and offset.numel() not in (1, offset.shape[-1]):
            continue
        with module.graph.inserting_before(node):
            scaled = (alpha * matrix.t()).contiguous()
            args = [x, add_constant(module, f"{node.name}_weight", scaled)]
            if offset is not None:
                row = (beta * offset).flatten().expand(matrix.shape[1]).contiguous()
                args.append(add_constant(module, f"{node.name}_bias", row))
        node.target, node.args, node.kwargs = aten.linear.default, tuple(args), {}


def add_axes(module: GraphModule) -> None:
    """conv1d(x, W, b, 2)        becomes        view(conv2d(view(x), W', b, (1, 2)))
    conv2d(x, W) of (C, H, W)    becomes        view(conv2d(view(x), W)), and so a pool
    linear(x, W) of (C,)         becomes        view(linear(view(x), W))

    The shapes that int8 kernels take, and without which Core ML and ExecuTorch have no pool. Axes
    that one takes away and the next adds again are left.
    """
    axes = BATCHED | _IMAGES
    for node in calls(module, *axes):
        x = node.args[0]
        if rank(x) == axes[node.target] - 1:
            _with_axis(module, node, 0)
    for node in calls(module, aten.conv1d.default):
        x, weight, bias, stride, padding, dilation, groups = filled(node)
        if not is_constant(weight):
            continue
        value = constant(module, weight)
        assert value is not None
        with module.graph.inserting_before(node):
            flat = add_constant(module, f"{node.name}_weight", value.unsqueeze(2).contiguous())
        node.target = aten.conv2d.default
        node.args = (
            x,
            flat,
            bias,
            [1, *per_axis(stride, 1)],
            [0, *per_axis(padding, 1)],
            [1, *per_axis(dilation, 1)],
            groups,
        )
        _with_axis(module, node, 2)


def _with_axis(module: GraphModule, node: Node, axis: int) -> None:
    """Give `node` its first argument with an axis of size 1 at `axis`, and take it off behind."""
    x, without = node.args[0], node.meta["val"]
    assert isinstance(x, Node)
    pad = x if _pads_behind(x, axis) else None
    # A pad stays beside its convolution too, which does it by itself.
    with module.graph.inserting_before(pad or node):
        wide = _widened(module, x.args[0] if pad else x, axis, like=node)
    if pad:
        pad.args, pad.meta["val"] = (wide, *pad.args[1:]), pad.meta["val"].unsqueeze(axis)
    node.args, node.meta["val"] = (pad or wide, *node.args[1:]), without.unsqueeze(axis)
    last = node
    # An activation stays beside its convolution, so that one kernel does both.
    while len(last.users) == 1 and (user := next(iter(last.users))).target in _POINTWISE:
        user.meta["val"] = user.meta["val"].unsqueeze(axis)
        last = user
    readers = list(last.users)
    with module.graph.inserting_after(last):
        narrow = add_call(module, aten.view.default, (last, list(without.shape)), like=node)
    for reader in readers:
        reader.replace_input_with(last, narrow)


def _widened(module: GraphModule, x: object, axis: int, *, like: Node) -> Node:
    """`x` with one axis more; what had it before it was taken off, if so."""
    assert isinstance(x, Node)
    shape = list(x.meta["val"].unsqueeze(axis).shape)
    if x.target is aten.view.default:
        (source, *_) = x.args
        assert isinstance(source, Node)
        if list(source.meta["val"].shape) == shape:
            return source
    return add_call(module, aten.view.default, (x, shape), like=like)


def _pads_behind(x: Node, axis: int) -> bool:
    """Whether `x` is a pad, read once, of axes that all come at `axis` or later."""
    if x.target is not aten.constant_pad_nd.default or len(x.users) != 1:
        return False
    sizes = x.args[1]
    assert isinstance(sizes, (list, tuple))
    return len(sizes) // 2 <= rank(x) - axis
