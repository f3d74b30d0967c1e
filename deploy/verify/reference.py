"""The torch program that an artifact was made from, as a graph without what makes no difference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import torch
from torch.export import ExportedProgram
from torch.fx import Node
from torch.fx.node import map_arg

QUANTIZE: Final = "quantized_decomposed.quantize_per_tensor.default"
DEQUANTIZE: Final = "quantized_decomposed.dequantize_per_tensor.default"
LINEAR: Final = frozenset({"aten.linear.default", "aten.addmm.default"})

_COPIES: Final = frozenset(
    {"aten.clone.default", "aten.alias.default", "aten.detach.default", "aten.contiguous.default"}
)
_RESHAPES: Final = frozenset(
    {"aten.view.default", "aten.reshape.default", "aten.flatten.using_ints"}
)
_LAYOUT_OPS: Final = _RESHAPES | {
    "aten.permute.default",
    "aten.transpose.int",
    "aten.squeeze.dim",
    "aten.squeeze.dims",
    "aten.unsqueeze.default",
}


class ReferenceGraph:
    """The program's graph with copies skipped and equal nodes merged; dead nodes are left out.

    `nodes` are what is left, `outputs` those that are returned; `by_name` has what stands for each
    node of the program.
    """

    def __init__(self, reference: ExportedProgram) -> None:
        self._canonical: dict[Node, Node] = {}
        by_key: dict[str, Node] = {}
        for node in reference.graph.nodes:
            if _is_no_op(node):
                self._canonical[node] = self._canonical[node.args[0]]
            elif node.op == "call_function":
                key = repr((node.target, self._arguments(node)))
                self._canonical[node] = by_key.setdefault(key, node)
            else:
                self._canonical[node] = node
        self.by_name = {node.name: same for node, same in self._canonical.items()}
        (output,) = (node for node in reference.graph.nodes if node.op == "output")
        self.outputs = [self._canonical[node] for node in output.args[0]]
        self._users: dict[Node, list[Node]] = {}
        self.nodes = self._live()

    def readers(self, name: str, targets: frozenset[str]) -> Iterator[Node]:
        """Nodes of one of the targets that read the value of node `name`."""
        node = self.by_name[name]
        return (user for user in self._users.get(node, []) if target_of(user) in targets)

    def is_redundant(self, quantize: Node) -> bool:
        """Whether it quantizes, with the same scale, what was only just dequantized and moved."""
        source = self._source(quantize)
        while target_of(source) in _LAYOUT_OPS:
            source = self._source(source)
        return target_of(source) == DEQUANTIZE and source.args[1:] == quantize.args[1:]

    def _source(self, node: Node) -> Node:
        source = node.args[0]
        assert isinstance(source, Node)
        return self._canonical[source]

    def _arguments(self, node: Node) -> Any:
        return map_arg((node.args, node.kwargs), lambda argument: self._canonical[argument])

    def _live(self) -> list[Node]:
        live: set[Node] = set()
        waiting = list(self.outputs)
        while waiting:
            node = waiting.pop()
            if node in live:
                continue
            live.add(node)
            sources = dict.fromkeys(self._canonical[source] for source in node.all_input_nodes)
            for source in sources:
                self._users.setdefault(source, []).append(node)
            waiting.extend(sources)
        return [node for node in self._canonical if node in live]


def target_of(node: Node) -> str:
    """What the node calls, as in "aten.add.Tensor"."""
    return str(node.target)


def quantization(node: Node) -> tuple[float, int, torch.dtype]:
    """Scale, zero point and dtype of a quantize or dequantize node per tensor."""
    _, scale, zero_point, _, _, dtype = node.args
    assert isinstance(scale, float)
    assert isinstance(zero_point, int)
    assert isinstance(dtype, torch.dtype)
    return scale, zero_point, dtype


def _is_no_op(node: Node) -> bool:
    return target_of(node) in _COPIES or (
        target_of(node) in _RESHAPES and _shape(node) == _shape(node.all_input_nodes[0])
    )


def _shape(node: Node) -> tuple[int, ...]:
    return tuple(node.meta["val"].shape)
