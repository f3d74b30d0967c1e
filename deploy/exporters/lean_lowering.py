"""Lowering to XNNPACK without the passes that cannot change anything: the same bytes, sooner.

ExecuTorch runs every pass over every graph, each one a re-execution node by node, and torch copies
the whole history of each node at each of them. Both grow with the graph; together they are a third
of the time of a lowering. What is skipped here is written down by operator, and tests compare the
bytes with and without.

A pass is judged when its turn comes, by the graph that it would get, never by the graph that the
first one got: a pass may make what a later one looks for (of a batch norm, a convolution in one
dimension).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
import torch.fx.traceback
from torch.export import ExportedProgram
from torch.fx import Node

# What a pass looks for, as part of an operator's name: without it, it has nothing to do. From the
# passes' sources in `executorch/backends/xnnpack/_passes`; the first two look for whole patterns,
# in each of which these stand. A pass that is not here always runs.
NEEDS: dict[str, tuple[str, ...]] = {
    "ConvertToUpsampleBilinear2d": ("upsample_bilinear2d",),
    "ConvertToSDPAPass": ("_softmax",),
    "FuseBatchNormPass": ("batch_norm",),
    "DecomposeBatchNorm": ("batch_norm",),
    "DecomposeConcatenate": ("cat.default",),
    "RemoveGetItemPass": ("max_pool2d_with_indices", "max.dim"),
    "InsertPadQDQPass": ("constant_pad_nd",),
    "Conv1dUnsqueezePass": ("convolution",),
    "PReLUReshapePass": ("prelu",),
}


@contextmanager
def lean_lowering() -> Iterator[None]:
    """Within it, XNNPACK's passes are skipped by NEEDS, and nodes share their history."""
    from executorch.backends.xnnpack._passes import XNNPACKPassManager

    transform = XNNPACKPassManager.transform

    def only_what_is_needed(manager: Any) -> ExportedProgram:
        program: ExportedProgram = manager.exported_program
        for one in manager.passes:
            if is_needed(one.__name__, program):
                program = transform(XNNPACKPassManager(program, [one]))
        return program

    with (
        patch.object(XNNPACKPassManager, "transform", only_what_is_needed),
        patch.object(torch.fx.traceback, "NodeSource", _SharedHistory),
    ):
        yield


def is_needed(name: str, program: ExportedProgram) -> bool:
    """Whether the pass `name` could change `program` as it is now."""
    if name not in NEEDS:
        return True
    operators = [node for node in program.graph.nodes if node.op == "call_function"]
    if name == "Conv1dUnsqueezePass":
        return any("convolution" in _name(node) and len(node.args[3]) == 1 for node in operators)
    return any(part in _name(node) for part in NEEDS[name] for node in operators)


def _name(node: Node) -> str:
    """`aten.convolution.default`: without the schema, in which every argument's name stands."""
    return str(getattr(node.target, "__name__", node.target))


class _SharedHistory(torch.fx.traceback.NodeSource):
    """Where a node comes from, its history shared with the node before instead of copied."""

    def __init__(self, node: Any, pass_name: str = "", action: Any = None) -> None:
        super().__init__(None, pass_name, action)
        if node:
            self.node_info = self.NodeInfo(node.name, str(node.target), id(node.graph))
            self.from_node = list(node.meta.get("from_node", ()))
