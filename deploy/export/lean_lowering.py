"""Lowering to XNNPACK without the passes that cannot change anything: the same bytes, sooner.

ExecuTorch runs every pass over every graph, each one a re-execution node by node, and torch copies
the whole history of each node at each of them. Both grow with the graph; together they are a third
of the time of a lowering. What is skipped here is written down by operator, and a test compares the
bytes with and without.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
import torch.fx.traceback
from torch.export import ExportedProgram

# What a pass looks for, as part of an operator's name: without it, it has nothing to do.
NEEDS: dict[str, tuple[str, ...]] = {
    "ConvertToUpsampleBilinear2d": ("upsample", "index", "arange"),
    "ConvertToSDPAPass": ("softmax", "bmm", "scaled_dot_product"),
    "FuseBatchNormPass": ("batch_norm",),
    "DecomposeBatchNorm": ("batch_norm",),
    "DecomposeConcatenate": ("cat",),
    "RemoveGetItemPass": ("max_pool", "getitem", "max.dim", "min.dim"),
    "InsertPadQDQPass": ("pad",),
    "Conv1dUnsqueezePass": ("conv",),
    "PReLUReshapePass": ("prelu",),
}


@contextmanager
def lean_lowering() -> Iterator[None]:
    """Within it, XNNPACK's passes are skipped by NEEDS, and nodes share their history."""
    from executorch.backends.xnnpack._passes import XNNPACKPassManager

    transform = XNNPACKPassManager.transform

    def only_what_is_needed(manager: Any) -> ExportedProgram:
        program = manager.exported_program
        manager.passes = [p for p in manager.passes if _is_needed(p.__name__, program)]
        result: ExportedProgram = transform(manager)
        return result

    with (
        patch.object(XNNPACKPassManager, "transform", only_what_is_needed),
        patch.object(torch.fx.traceback, "NodeSource", _SharedHistory),
    ):
        yield


class _SharedHistory(torch.fx.traceback.NodeSource):
    """Where a node comes from, its history shared with the node before instead of copied."""

    def __init__(self, node: Any, pass_name: str = "", action: Any = None) -> None:
        super().__init__(None, pass_name, action)
        if node:
            self.node_info = self.NodeInfo(node.name, str(node.target), id(node.graph))
            self.from_node = list(node.meta.get("from_node", ()))


def _is_needed(name: str, program: ExportedProgram) -> bool:
    if name == "Conv1dUnsqueezePass":
        return any(
            "conv" in str(node.target) and node.args[0].meta["val"].dim() == 3
            for node in program.graph.nodes
            if node.op == "call_function"
        )
    targets = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    return name not in NEEDS or any(part in target for part in NEEDS[name] for target in targets)
