"""The float program: a network captured by torch.export, batch norms folded, ready for every stage.

Everything downstream (quantization, exporters, verification) reads this one graph; node names are
its vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.fx import GraphModule, Node

aten = torch.ops.aten


def capture(network: nn.Module, input_shape: tuple[int, ...]) -> ExportedProgram:
    """Export `network` in eval mode for inputs of `input_shape` (N, C, H, W), float32.

    Batch norms are folded into the convolutions before them and dropouts removed, both exact:
    the graph is smaller, so every later pass over it is quicker.
    """
    example = (torch.zeros(input_shape),)
    module = graph_module(torch.export.export(network.eval(), example))
    remove_dropout(module)
    fold_batch_norms(module)
    return torch.export.export(module, example)


def graph_module(program: ExportedProgram) -> GraphModule:
    """The program as a module to call or to rewrite, without run-time input guards."""
    module = program.module(check_guards=False)
    assert isinstance(module, GraphModule)
    return module


def input_shape(program: ExportedProgram) -> tuple[int, ...]:
    """(N, C, H, W) of the program's one input."""
    (name,) = program.graph_signature.user_inputs
    (node,) = (node for node in program.graph.nodes if node.name == name)
    return tuple(node.meta["val"].shape)


def calls(module: GraphModule, *targets: object) -> Iterator[Node]:
    """The nodes of `module` that call one of `targets`, in graph order."""
    wanted = set(targets)
    for node in list(module.graph.nodes):
        if node.op == "call_function" and node.target in wanted:
            yield node


def constant(module: GraphModule, node: object) -> Tensor | None:
    """The parameter or buffer that a `get_attr` node reads; None for None (no bias)."""
    if node is None:
        return None
    assert isinstance(node, Node), f"expected a get_attr node, not {node!r}"
    assert node.op == "get_attr", f"{node.name} is computed, not a constant"
    value: object = module
    for part in str(node.target).split("."):
        value = getattr(value, part)
    assert isinstance(value, Tensor)
    return value.detach()


def is_constant(node: object) -> bool:
    return isinstance(node, Node) and node.op == "get_attr"


def add_constant(module: GraphModule, name: str, value: Tensor) -> Node:
    """Register `value` as a buffer and read it at the graph's insertion point."""
    name = name.replace(".", "_")
    module.register_buffer(name, value)
    return module.graph.get_attr(name)


def tidy(module: GraphModule) -> None:
    """Remove dead nodes, and constants that nothing reads: an export would still carry them."""
    module.graph.eliminate_dead_code()
    module.delete_all_unused_submodules()
    read = {str(node.target) for node in module.graph.nodes if node.op == "get_attr"}
    constants = [name for name, _ in [*module.named_parameters(), *module.named_buffers()]]
    for name in constants:
        if name not in read:
            owner, _, attribute = name.rpartition(".")
            delattr(module.get_submodule(owner), attribute)
    module.recompile()


def remove_dropout(module: GraphModule) -> None:
    """x -> dropout -> y        becomes        x -> y    (identity in eval mode)"""
    for node in calls(module, aten.dropout.default, aten.dropout_.default):
        x = node.args[0]
        assert isinstance(x, Node)
        node.replace_all_uses_with(x)
        module.graph.erase_node(node)  # Random in train mode, so never taken for dead code.
    tidy(module)


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
    tidy(module)
