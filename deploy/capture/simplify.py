"""Exact rewrites of the float program: the same numbers from a graph that every backend runs well.

Batch norms folded, and each operation in the one form that all backends have kernels for. The graph
is smaller too, so every later pass over it is quicker. `deploy.capture.proofs` proves them on
photos; here each takes only what it is sure of, and leaves the rest as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import GraphModule, Node

from deploy.capture.program import (
    add_call,
    add_constant,
    aten,
    calls,
    constant,
    filled,
    graph_module,
    input_shape,
    is_constant,
    is_constant_or_none,
    per_axis,
    rank,
    tidy,
)
from deploy.capture.rewrites.attention import attention_by_products, products_of_matrices
from deploy.capture.rewrites.forms import (
    BATCHED,
    add_axes,
    fold_constants,
    multiply_out_alpha,
    part_var_and_mean,
    products_by_linear,
    spell_out_convolutions,
    write_prelu_out,
)
from deploy.capture.rewrites.idle import remove_what_does_nothing
from deploy.capture.rewrites.memory_formats import plain_memory
from deploy.capture.rewrites.pooling import pools_by_images, window_adaptive_pools
from deploy.capture.rewrites.scatter import join_instead_of_scatter

Rewrite = Callable[[GraphModule], None]

_PLAIN_NAME = re.compile(r"[A-Za-z_][\w.]*", re.ASCII)
_DROPOUTS = (
    aten.dropout.default,
    aten.dropout_.default,
    aten.feature_dropout.default,
    aten.feature_dropout_.default,
    aten.alpha_dropout.default,
    aten.alpha_dropout_.default,
    aten.feature_alpha_dropout.default,
    aten.feature_alpha_dropout_.default,
)


def simplify(program: ExportedProgram) -> ExportedProgram:
    """`program` in eval mode after all the rewrites of this module, exported again."""
    return rewritten(program, REWRITES)


def rewritten(program: ExportedProgram, rewrites: Iterable[Rewrite]) -> ExportedProgram:
    """`program` after `rewrites`, exported again."""
    module = graph_module(program)
    apply(rewrites, module)
    return torch.export.export(module, (torch.zeros(input_shape(program)),))


def apply(rewrites: Iterable[Rewrite], module: GraphModule) -> None:
    for rewrite in rewrites:
        rewrite(module)
        tidy(module)


def remove_dropout(module: GraphModule) -> None:
    """x -> dropout -> y        becomes        x -> y    (identity in eval mode)

    One in train mode stays: it is random, and no network of that kind is taken.
    """
    for node in calls(module, *_DROPOUTS):
        x, p, is_training = node.args
        if is_training and p != 0:
            continue
        assert isinstance(x, Node)
        node.replace_all_uses_with(x)
        module.graph.erase_node(node)  # Random in train mode, so never taken for dead code.


def fold_batch_norms(module: GraphModule) -> None:
    """conv(x, W, b) -> batch_norm        becomes        conv(x, W * g, b * g + h)
    batch_norm -> linear(W, b)         becomes        linear(x, W * g, W h + b)
    batch_norm of images               becomes        conv(x, g, h), depthwise
    batch_norm of anything else        becomes        x * g + h

    with g = gamma / sqrt(var + eps) and h = beta - mean * g (Jacob et al. 2018, arXiv 1712.05877,
    equation 14), computed in float64. The depthwise convolution is what XNNPACK makes of it too;
    here int8 knows of it.
    """
    for bn in calls(module, aten.batch_norm.default):
        x, gamma, beta, mean, var, is_training, *_ = bn.args
        if is_training or not (is_constant(mean) and is_constant(var)):
            continue
        if not (is_constant_or_none(gamma) and is_constant_or_none(beta)):
            continue
        assert isinstance(x, Node)
        scale, shift = _scale_and_shift(module, bn)
        readers = list(bn.users)
        if _has_own_weights(x):
            weight, bias = _weights(module, x)
            folded = weight.double() * scale.view(-1, *[1] * (weight.dim() - 1))
            _set_weights(module, x, "bn", folded, shift + bias.double() * scale)
            bn.replace_all_uses_with(x)
        elif len(readers) == 1 and _scales_input(readers[0], bn):
            weight, bias = (tensor.double() for tensor in _weights(module, readers[0]))
            _set_weights(module, readers[0], "bn", weight * scale, weight @ shift + bias)
            bn.replace_all_uses_with(x)
        else:
            _write_out(module, bn, scale, shift)


def _scale_and_shift(module: GraphModule, bn: Node) -> tuple[Tensor, Tensor]:
    """What each channel of a batch norm is multiplied by, and what is added, (C,) in float64."""
    _x, gamma, beta, mean, var, _is_training, _momentum, eps, *_ = bn.args
    assert isinstance(eps, float)
    running_mean, running_var = constant(module, mean), constant(module, var)
    assert running_mean is not None
    assert running_var is not None
    scale = (running_var.double() + eps).rsqrt()
    if (g := constant(module, gamma)) is not None:
        scale = scale * g.double()
    shift = -running_mean.double() * scale
    if (b := constant(module, beta)) is not None:
        shift = shift + b.double()
    return scale, shift


def _scales_input(reader: Node, bn: Node) -> bool:
    """Whether `reader` is a linear that sums over the channels of the batch norm before it."""
    if reader.target is not aten.linear.default:
        return False
    constants = [reader.args[1], *reader.args[2:3]]
    return (
        reader.args[0] is bn
        and rank(bn) == 2
        and is_constant(constants[0])
        and all(is_constant_or_none(constant) for constant in constants)
    )


def _write_out(module: GraphModule, bn: Node, scale: Tensor, shift: Tensor) -> None:
    x, axes, dtype = bn.args[0], rank(bn), bn.meta["val"].dtype
    channels = len(scale)
    shape = (channels, 1, 1, 1) if axes == 4 else (channels, *[1] * (axes - 2))
    with module.graph.inserting_before(bn):
        g = add_constant(module, f"{bn.name}_weight", scale.to(dtype).view(shape))
        flat = (channels,) if axes == 4 else shape
        h = add_constant(module, f"{bn.name}_bias", shift.to(dtype).view(flat))
        if axes == 4:
            args = (x, g, h, [1, 1], [0, 0], [1, 1], channels)
            new = add_call(module, aten.conv2d.default, args, like=bn)
        else:
            scaled = add_call(module, aten.mul.Tensor, (x, g), like=bn)
            new = add_call(module, aten.add.Tensor, (scaled, h), like=bn)
    bn.replace_all_uses_with(new)


def _has_own_weights(node: Node) -> bool:
    """A convolution or linear whose result may be scaled by changing its constants: nothing else
    reads it, and its channels are where a batch's are."""
    return (
        node.target in BATCHED
        and len(node.users) == 1
        and rank(node.args[0]) == BATCHED[node.target]
        and is_constant(node.args[1])
        and (len(node.args) < 3 or is_constant_or_none(node.args[2]))
    )


def _weights(module: GraphModule, node: Node) -> tuple[Tensor, Tensor]:
    """The weight (out, ...) and the bias (out,), zeros where there is none."""
    weight = constant(module, node.args[1])
    bias = constant(module, node.args[2]) if len(node.args) > 2 else None
    assert weight is not None
    return weight, weight.new_zeros(len(weight)) if bias is None else bias


def _set_weights(
    module: GraphModule, node: Node, reason: str, weight: Tensor, bias: Tensor
) -> None:
    """Give `node` alone new constants, in the dtype of the old: others may share those."""
    dtype = _weights(module, node)[0].dtype
    with module.graph.inserting_before(node):
        new_weight = add_constant(module, f"{node.name}_{reason}_weight", weight.to(dtype))
        new_bias = add_constant(module, f"{node.name}_{reason}_bias", bias.to(dtype))
    node.args = (node.args[0], new_weight, new_bias, *node.args[3:])


def pool_by_mean(module: GraphModule) -> None:
    """adaptive_avg_pool2d(x, 1)        becomes        mean(x, (2, 3), keepdim)
    avg_pool2d(x, its whole map)    becomes        mean(x, (2, 3), keepdim)
    mean(x, (2, 3))                 becomes        mean(x, (2, 3), keepdim) -> flatten

    The form that XNNPACK, onnxruntime and Core ML turn into their pooling kernels.
    """
    for node in calls(module, aten.adaptive_avg_pool2d.default, aten.avg_pool2d.default):
        if rank(node.args[0]) == 4 and _pools_all(node):
            node.target = aten.mean.dim
            node.args, node.kwargs = (node.args[0], [2, 3], True), {}
    for node in calls(module, aten.mean.dim):
        x, dims, *keepdim = node.args
        if rank(x) != 4 or node.kwargs or dims not in ([2, 3], [-2, -1], [-1, -2], [3, 2]):
            continue
        node.args = (x, [2, 3], True)
        if keepdim != [True]:
            readers = list(node.users)
            node.meta["val"] = node.meta["val"].unflatten(1, (-1, 1, 1))
            with module.graph.inserting_after(node):
                flat = add_call(module, aten.flatten.using_ints, (node, 1), like=node)
            for reader in readers:
                reader.replace_input_with(node, flat)


def _pools_all(node: Node) -> bool:
    """Whether each channel's average is one number: of the whole map, divided by its size."""
    if node.target is aten.adaptive_avg_pool2d.default:
        return node.args[1] in (1, [1], [1, 1])
    x, kernel, _stride, padding, _ceil_mode, _count_include_pad, divisor = filled(node)
    whole = list(x.meta["val"].shape[2:])
    return per_axis(kernel, 2) == whole and not any(per_axis(padding, 2)) and divisor is None


def fold_gates(module: GraphModule) -> None:
    """conv(x, W, b) -> hardsigmoid        becomes        conv(x, W / 6, b / 6 + 1/2) -> clamp(0, 1)

    hardsigmoid(y) is clamp(y / 6 + 1/2, 0, 1), and a clamp costs an int8 kernel nothing.
    """
    for gate in calls(module, aten.hardsigmoid.default):
        (conv,) = gate.args
        assert isinstance(conv, Node)
        if _has_own_weights(conv):
            weight, bias = _weights(module, conv)
            _set_weights(module, conv, "gate", weight / 6, bias / 6 + 0.5)
            gate.target, gate.args = aten.hardtanh.default, (conv, 0.0, 1.0)


def clamp_by_floats(module: GraphModule) -> None:
    """relu6(x)             becomes        hardtanh(x, 0.0, 6.0)
    hardtanh(x, 0, 6)    becomes        hardtanh(x, 0.0, 6.0)
    clamp(x, 0, 6)       becomes        hardtanh(x, 0.0, 6.0)
    clamp(x, min=0)      becomes        relu(x)

    coremltools refuses whole numbers as the bounds of a float tensor, and kernels take these two.
    """
    for node in calls(module, aten.relu6.default):
        node.target, node.args = aten.hardtanh.default, (node.args[0], 0.0, 6.0)
    for node in calls(module, aten.hardtanh.default):
        bounds = [float(b) for b in node.args[1:] if isinstance(b, (int, float))]
        node.args = (node.args[0], *bounds)
    for node in calls(module, aten.clamp.default, aten.clamp_min.default):
        low, high = [*node.args[1:], None, None][:2]
        if not node.meta["val"].is_floating_point() or node.kwargs:
            continue
        if low == 0 and high is None:
            node.target, node.args = aten.relu.default, node.args[:1]
        elif isinstance(low, (int, float)) and isinstance(high, (int, float)) and low <= high:
            node.target, node.args = aten.hardtanh.default, (node.args[0], float(low), float(high))


def instance_norms_of_running_figures(module: GraphModule) -> None:
    """instance_norm(x, ..., use_input_stats=False)        becomes        batch_norm(x, ...)

    What it is in eval mode with track_running_stats; coremltools drops the argument.
    """
    for node in calls(module, aten.instance_norm.default):
        x, gamma, beta, mean, var, use_input_stats, momentum, eps, cudnn = filled(node)
        if not use_input_stats:
            node.target = aten.batch_norm.default
            node.args = (x, gamma, beta, mean, var, False, momentum, eps, cudnn)
            node.kwargs = {}


def cut_where_pads_are_negative(module: GraphModule) -> None:
    """constant_pad_nd(x, [-1, 2], c)        becomes        constant_pad_nd(slice(x), [0, 2], c)

    Neither ExecuTorch's kernel nor Core ML's takes a negative size.
    """
    for node in calls(module, aten.constant_pad_nd.default):
        x, sizes, value = filled(node)
        if min(sizes, default=0) >= 0:
            continue
        with module.graph.inserting_before(node):
            for k, (before, after) in enumerate(zip(sizes[::2], sizes[1::2], strict=True)):
                axis = rank(x) - 1 - k
                length = x.meta["val"].shape[axis]
                start, end = max(-before, 0), length - max(-after, 0)
                if end - start < length:
                    x = add_call(module, aten.slice.Tensor, (x, axis, start, end), like=node)
        node.args = (x, [max(size, 0) for size in sizes], value)


def pad_by_constant(module: GraphModule) -> None:
    """pad(x, sizes)        becomes        constant_pad_nd(x, sizes, 0.0)

    The form that int8 convolutions take as their own padding.
    """
    for node in calls(module, aten.pad.default):
        x, sizes, *rest = node.args
        mode = rest[0] if rest else node.kwargs.get("mode", "constant")
        value = rest[1] if len(rest) > 1 else node.kwargs.get("value")
        if mode == "constant":
            node.target, node.kwargs = aten.constant_pad_nd.default, {}
            node.args = (x, sizes, 0.0 if value is None else value)


def name_constants(module: GraphModule) -> None:
    """Constants under plain names, each for itself.

    `0.weight`, of a Sequential at the root, and `conv-1.weight` are no identifiers, which passes
    of ExecuTorch make of them.
    """
    renamed: dict[str, str] = {}
    for node in list(module.graph.nodes):
        if not is_constant(node):
            continue
        name = str(node.target)
        if not _PLAIN_NAME.fullmatch(name):
            if name not in renamed:
                value = constant(module, node)
                assert value is not None
                plain = re.sub(r"\W", "_", f"constant_{name}", flags=re.ASCII)
                while hasattr(module, plain):
                    plain += "_"
                module.register_buffer(plain, value)
                renamed[name] = plain
            node.target = renamed[name]


REWRITES: tuple[Rewrite, ...] = (
    plain_memory,
    multiply_out_alpha,
    write_prelu_out,
    fold_constants,
    remove_dropout,
    join_instead_of_scatter,
    remove_what_does_nothing,
    part_var_and_mean,
    spell_out_convolutions,
    attention_by_products,
    products_by_linear,
    products_of_matrices,  # Of what is no linear.
    pad_by_constant,
    cut_where_pads_are_negative,
    instance_norms_of_running_figures,
    clamp_by_floats,
    fold_batch_norms,
    fold_gates,  # Reads weights: after batch norms are in them.
    add_axes,
    pools_by_images,
    window_adaptive_pools,
    pool_by_mean,
    name_constants,
)
