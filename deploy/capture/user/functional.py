"""Programs without operators that write over their input, such as `relu_` and `add_`.

The graph of such a program says who reads a tensor, not when; every later pass takes the one for
the other, and would let a shortcut read a value from before, or after, it was written over.
"""

from __future__ import annotations

import operator

import torch
from torch._ops import OpOverload
from torch.export import ExportedProgram
from torch.fx import GraphModule, Node

from deploy.capture.program import aten, calls, graph_module, input_shape, tidy


def functionalize(program: ExportedProgram) -> ExportedProgram:
    """`program` itself where nothing is written over; else one that computes the same so.

    relu_(x); add(x, y)        becomes        r = relu(x); add(r, y)
    """
    if not any(_writes(node) for node in program.graph.nodes):
        return program
    module = graph_module(program.run_decompositions({}))
    _restore_batch_norms(module)
    _remove_copies(module)
    return torch.export.export(module, (torch.zeros(input_shape(program)),))


def _writes(node: Node) -> bool:
    return isinstance(node.target, OpOverload) and node.target._schema.is_mutable


def _restore_batch_norms(module: GraphModule) -> None:
    """_native_batch_norm_legit_no_training(...)[0]    becomes    batch_norm(...), as it was"""
    for node in calls(module, aten._native_batch_norm_legit_no_training.default):
        *arguments, momentum, eps = node.args
        (first,) = node.users
        assert first.target is operator.getitem
        first.target = aten.batch_norm.default
        first.args = (*arguments, False, momentum, eps, False)
        first.meta = {**first.meta, "val": node.meta["val"][0]}
        module.graph.erase_node(node)


def _remove_copies(module: GraphModule) -> None:
    """x -> clone -> y        becomes        x -> y    (a dropout left it, and nothing writes)

    A view behind it may need the copy, as that of a channel shuffle does, and becomes a reshape,
    which copies where it must; as must one of what was written through a transposed view.
    """
    for node in calls(module, aten.clone.default):
        x = node.args[0]
        assert isinstance(x, Node)
        node.replace_all_uses_with(x)
    for node in calls(module, aten.view.default, aten._unsafe_view.default):
        node.target = aten.reshape.default
    tidy(module)
