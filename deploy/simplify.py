"""Exact rewrites of the float program: the same numbers from a graph that every backend runs well.

Batch norms folded, and each operation in the one form that all backends have kernels for. The graph
is smaller too, so every later pass over it is quicker.
"""

from __future__ import annotations

import torch
from torch.export import ExportedProgram
from torch.fx import GraphModule, Node

from deploy.program import (
    add_constant,
    aten,
    calls,
    constant,
    graph_module,
    input_shape,
    is_constant,
    tidy,
)


def simplify(program: ExportedProgram) -> ExportedProgram:
    """`program` in eval mode after all the rewrites of this module, exported again."""
    module = graph_module(program)
    for rewrite in REWRITES:
        rewrite(module)
        tidy(module)
    return torch.export.export(module, (torch.zeros(input_shape(program)),))


def remove_dropout(module: GraphModule) -> None:
    """x -> dropout -> y        becomes        x -> y    (identity in eval mode)"""
    for node in calls(module, aten.dropout.default, aten.dropout_.default):
        x = node.args[0]
        assert isinstance(x, Node)
        node.replace_all_uses_with(x)
        module.graph.erase_node(node)  # Random in train mode, so never taken for dead code.


def fold_batch_norms(module: GraphModule) -> None:
    """conv(x, W, b) -> batch_norm        becomes        conv(x, W * g, (b - mean) * g + beta)

    with g = gamma / sqrt(var + eps) (Jacob et al. 2018, arXiv 1712.05877, equation 14), computed
    in float64. A batch norm behind anything else stays as it is.
    """
    for bn in calls(module, aten.batch_norm.default):
        x, gamma, beta, mean, var, _training, _momentum, eps, *_ = bn.args
        foldable = (
            isinstance(x, Node)
            and x.target in (aten.conv2d.default, aten.conv1d.default)
            and len(x.users) == 1
            and is_constant(x.args[1])
        )
        if not foldable:
            continue
        assert isinstance(x, Node)
        assert isinstance(eps, float)
        weight = constant(module, x.args[1])
        running_mean, running_var = constant(module, mean), constant(module, var)
        assert weight is not None
        assert running_mean is not None
        assert running_var is not None
        bias = constant(module, x.args[2]) if len(x.args) > 2 else None
        scale = (running_var.double() + eps).rsqrt()
        if (g := constant(module, gamma)) is not None:
            scale = scale * g.double()
        shift = -running_mean.double() * scale
        if bias is not None:
            shift = shift + bias.double() * scale
        if (b := constant(module, beta)) is not None:
            shift = shift + b.double()
        folded = weight.double() * scale.view(-1, *[1] * (weight.dim() - 1))
        with module.graph.inserting_before(x):
            new_weight = add_constant(module, f"{x.name}_weight", folded.float())
            new_bias = add_constant(module, f"{x.name}_bias", shift.float())
        x.args = (x.args[0], new_weight, new_bias, *x.args[3:])
        bn.replace_all_uses_with(x)


def pool_by_mean(module: GraphModule) -> None:
    """adaptive_avg_pool2d(x, 1)        becomes        mean(x, (2, 3), keepdim)
    mean(x, (2, 3))                 becomes        mean(x, (2, 3), keepdim) -> flatten

    The form that XNNPACK, onnxruntime and Core ML turn into their pooling kernels.
    """
    for node in calls(module, aten.adaptive_avg_pool2d.default):
        if node.args[1] in (1, [1], [1, 1]):
            node.target = aten.mean.dim
            node.args = (node.args[0], [2, 3], True)
    for node in calls(module, aten.mean.dim):
        x, dims, *keepdim = node.args
        assert isinstance(x, Node)
        if x.meta["val"].dim() == 4 and dims in ([2, 3], [-2, -1], [-1, -2], [3, 2]):
            node.args = (x, [2, 3], True)
            if keepdim != [True]:
                readers = list(node.users)
                with module.graph.inserting_after(node):
                    flat = module.graph.call_function(aten.flatten.using_ints, (node, 1))
                for reader in readers:
                    reader.replace_input_with(node, flat)


def fold_gates(module: GraphModule) -> None:
    """conv(x, W, b) -> hardsigmoid        becomes        conv(x, W / 6, b / 6 + 1/2) -> clamp(0, 1)

    hardsigmoid(y) is clamp(y / 6 + 1/2, 0, 1), and a clamp costs an int8 kernel nothing.
    """
    for gate in calls(module, aten.hardsigmoid.default):
        (conv,) = gate.args
        assert isinstance(conv, Node)
        foldable = (
            conv.target in (aten.conv2d.default, aten.linear.default)
            and len(conv.users) == 1
            and is_constant(conv.args[1])
        )
        if not foldable:
            continue
        weight = constant(module, conv.args[1])
        bias = constant(module, conv.args[2]) if len(conv.args) > 2 else None
        assert weight is not None
        shift = torch.full(weight.shape[:1], 0.5) if bias is None else bias / 6 + 0.5
        with module.graph.inserting_before(conv):
            new_weight = add_constant(module, f"{conv.name}_gate_weight", weight / 6)
            new_bias = add_constant(module, f"{conv.name}_gate_bias", shift)
        conv.args = (conv.args[0], new_weight, new_bias, *conv.args[3:])
        gate.target, gate.args = aten.hardtanh.default, (conv, 0.0, 1.0)


def clamp_by_floats(module: GraphModule) -> None:
    """relu6(x)             becomes        hardtanh(x, 0.0, 6.0)
    hardtanh(x, 0, 6)    becomes        hardtanh(x, 0.0, 6.0)

    coremltools refuses whole numbers as the bounds of a float tensor.
    """
    for node in calls(module, aten.relu6.default):
        node.target, node.args = aten.hardtanh.default, (node.args[0], 0.0, 6.0)
    for node in calls(module, aten.hardtanh.default):
        bounds = [float(b) for b in node.args[1:] if isinstance(b, (int, float))]
        node.args = (node.args[0], *bounds)


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


REWRITES = (
    remove_dropout,
    pad_by_constant,
    clamp_by_floats,
    fold_batch_norms,
    fold_gates,  # Reads weights: after batch norms are in them.
    pool_by_mean,
)
