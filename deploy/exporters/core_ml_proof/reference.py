"""The torch program that an artifact was made from, as a graph without what makes no difference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind
from torch.fx import Node
from torch.fx.node import map_arg

from deploy.exporters.core_ml_proof.elements import (
    Elements,
    Fresh,
    Numbering,
    as_fresh,
    fingerprint,
)

QUANTIZE: Final = "quantized_decomposed.quantize_per_tensor.default"
DEQUANTIZE: Final = "quantized_decomposed.dequantize_per_tensor.default"
LINEAR: Final = frozenset({"aten.linear.default", "aten.addmm.default"})

_GETITEM: Final = "<built-in function getitem>"
# Operators that put elements somewhere else and compute nothing.
_TORCH_MOVES: Final = frozenset(
    {
        _GETITEM,
        "aten._unsafe_view.default",
        "aten.alias.default",
        "aten.cat.default",
        "aten.channel_shuffle.default",
        "aten.chunk.default",
        "aten.clone.default",
        "aten.concat.default",
        "aten.contiguous.default",
        "aten.detach.default",
        "aten.expand.default",
        "aten.flatten.using_ints",
        "aten.flip.default",
        "aten.index.Tensor",
        "aten.index_select.default",
        "aten.movedim.int",
        "aten.narrow.default",
        "aten.permute.default",
        "aten.pixel_shuffle.default",
        "aten.pixel_unshuffle.default",
        "aten.repeat.default",
        "aten.reshape.default",
        "aten.roll.default",
        "aten.select.int",
        "aten.slice.Tensor",
        "aten.split.Tensor",
        "aten.split.sizes",
        "aten.split_with_sizes.default",
        "aten.squeeze.default",
        "aten.squeeze.dim",
        "aten.squeeze.dims",
        "aten.stack.default",
        "aten.t.default",
        "aten.tensor_split.indices",
        "aten.tensor_split.sections",
        "aten.tile.default",
        "aten.transpose.int",
        "aten.unbind.int",
        "aten.unflatten.int",
        "aten.unsqueeze.default",
        "aten.view.default",
    }
)
# Operators, and the constant with which they hand on their input as it is.
_NEUTRAL: Final[Mapping[str, float]] = {
    "aten.add.Tensor": 0.0,
    "aten.div.Tensor": 1.0,
    "aten.mul.Tensor": 1.0,
    "aten.sub.Tensor": 0.0,
}


class ReferenceGraph:
    """The program's graph with equal nodes merged; dead nodes are left out.

    Equal are nodes that compute the same of the same, and nodes that are made of the same elements:
    copies, and moves that end at the same places. A layer that changes nothing is its input.
    `nodes` are what is left, `outputs` those that are returned; `by_name` has what stands for each
    node of the program, for one with several results the first.
    """

    def __init__(self, reference: ExportedProgram) -> None:
        self._canonical: dict[Node, Node] = {}
        self._elements: dict[Node, Elements | tuple[Elements, ...] | Fresh] = {}
        self._by_elements: dict[bytes | Fresh, Node] = {}
        self._numbering = Numbering()
        self._constants = _constants(reference)
        by_key: dict[str, Node] = {}
        for node in reference.graph.nodes:
            if (source := self._unchanged(node)) is not None:
                self._canonical[node] = self._canonical[source]
                self._elements[node] = self._elements[source]
                continue
            moved = self._move(node)
            if moved is not None:
                self._elements[node] = moved
                self._canonical[node] = node
                if isinstance(moved, Tensor):
                    self._canonical[node] = self._by_elements.setdefault(self._key(moved), node)
                continue
            key = repr((node.target, self._arguments(node)))
            same = by_key.setdefault(key, node) if node.op == "call_function" else node
            self._canonical[node] = same
            if same is not node:
                self._elements[node] = self._elements.get(same, ())
            elif (index := self._constants.get(node.name)) is not None and _is_index(index):
                self._elements[node] = index
            elif (shape := _shape(node)) is not None:
                self._elements[node] = fresh = self._numbering.fresh(shape)
                self._by_elements[fresh] = node
        self.by_name = {node.name: same for node, same in self._canonical.items()}
        for node, same in self._canonical.items():
            if target_of(node) == _GETITEM and node.args[1] == 0:
                several = node.args[0]
                assert isinstance(several, Node)
                self.by_name[several.name] = same
        (output,) = (node for node in reference.graph.nodes if node.op == "output")
        self.outputs = [self._canonical[node] for node in output.args[0]]
        self._users: dict[Node, list[Node]] = {}
        self.nodes = self._live()

    def readers(self, name: str, targets: frozenset[str]) -> Iterator[Node]:
        """Nodes of one of the targets that read the value of node `name`."""
        node = self.by_name[name]
        return (user for user in self._users.get(node, []) if target_of(user) in targets)

    def computed_from(self, node: Node) -> list[str]:
        """The names of the nodes that `node` reads, sorted, less the constants."""
        sources: list[Node] = []
        map_arg((node.args, node.kwargs), sources.append)
        return sorted(
            self._canonical[source].name for source in sources if source.name not in self._constants
        )

    def elements(self, name: str) -> Elements:
        """What the value of node `name` is made of."""
        elements = self._read(self.by_name[name])
        assert isinstance(elements, Tensor)
        return elements

    def made_of(self, elements: Elements) -> Node | None:
        """The node whose value is made of just these, in these places."""
        return self._by_elements.get(self._key(elements))

    def _key(self, elements: Elements) -> bytes | Fresh:
        fresh = as_fresh(elements)
        return fresh if fresh in self._by_elements else fingerprint(elements)

    def _read(self, node: Node) -> Elements | tuple[Elements, ...]:
        elements = self._elements[node]
        return elements.elements() if isinstance(elements, Fresh) else elements

    def is_redundant(self, quantize: Node) -> bool:
        """Whether it quantizes, with the same scale, what was only just dequantized and moved."""
        return all(
            target_of(source) == DEQUANTIZE and source.args[1:] == quantize.args[1:]
            for source in self._sources(quantize)
        )

    def _sources(self, node: Node) -> Iterator[Node]:
        """The computed values that the moves before `node` took its elements from."""
        for node_read in node.all_input_nodes:
            source = self._canonical[node_read]
            if target_of(source) in _TORCH_MOVES:
                yield from self._sources(source)
            else:
                yield source

    def _unchanged(self, node: Node) -> Node | None:
        """What a node hands on that multiplies by ones or adds zeros, as untrained layers do."""
        neutral = _NEUTRAL.get(target_of(node))
        if neutral is None or node.kwargs or len(node.args) != 2:
            return None
        x, other = node.args
        value = self._constants.get(other.name) if isinstance(other, Node) else other
        if not isinstance(x, Node) or not isinstance(value, int | float | Tensor):
            return None
        if not bool((torch.as_tensor(value) == neutral).all()):
            return None
        return x if _shape(x) == _shape(node) else None

    def _move(self, node: Node) -> Elements | tuple[Elements, ...] | None:
        """The elements of a node that only moves them; None for one that computes."""
        if target_of(node) not in _TORCH_MOVES:
            return None
        if any(source not in self._elements for source in node.all_input_nodes):
            return None
        args, kwargs = map_arg((node.args, node.kwargs), self._read)
        # What is one stretch of memory there need be none of the elements that we number.
        move = torch.ops.aten.reshape if target_of(node) in VIEWS else node.target
        assert callable(move)
        moved = move(*args, **kwargs)
        return tuple(moved) if isinstance(moved, list) else moved

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


VIEWS = frozenset({"aten._unsafe_view.default", "aten.view.default"})


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


def _constants(reference: ExportedProgram) -> Mapping[str, Tensor]:
    """Parameters, buffers and other tensors of the program, by the nodes that read them."""
    tensors = {**reference.state_dict, **reference.constants}
    return {
        spec.arg.name: tensors[spec.target]
        for spec in reference.graph_signature.input_specs
        if spec.kind is not InputKind.USER_INPUT and spec.target in tensors
    }


def _is_index(tensor: Tensor) -> bool:
    return tensor.dtype is torch.int64


def _shape(node: Node) -> tuple[int, ...] | None:
    value = node.meta.get("val")
    return tuple(value.shape) if isinstance(value, Tensor) else None
