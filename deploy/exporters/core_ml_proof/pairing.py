"""Which value of a Core ML program stands for which node of the torch program it came from.

Values that were only moved (chunks, views, slices, concats) are known by the elements that they are
made of, whatever they are called (`elements`). coremltools keeps the names of other fx nodes, but
not all of them: quantize and dequantize are rebuilt by its passes, and so is many another. Those
are found by what they read: the quantize that reads the value paired with node n, with the scale of
a quantize that reads n; the product of the values paired with the factors of a product. Three
rewrites are undone:

- int8 with zero point -128 becomes uint8 with none: the integers are shifted (`Pair.shift`);
- `distributive_quantized_binary_op_scale_normalization` divides both inputs of an addition and the
  scale of the quantize behind it by one input's scale: the value carries that factor (`Pair.gain`);
- copies are dropped, and equal operations merged (`reference`).

A wrong pair cannot hide a fault: the values of each pair are compared (`lockstep`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import Node

from deploy.exporters.core_ml_proof.elements import Elements
from deploy.exporters.core_ml_proof.reference import (
    DEQUANTIZE,
    LINEAR,
    QUANTIZE,
    ReferenceGraph,
    quantization,
    target_of,
)
from deploy.runtimes.mil.ops import MOVES, OPERATORS
from deploy.runtimes.mil.program import MilProgram, Operation, Output, input_names

SCALE_RTOL: Final = 2e-3  # float16 rounds a scale by up to 5e-4, and a quotient of two by 1.5e-3

# Kinds of node of which `LockstepReport.compared` counts how many were compared.
_KINDS: Final[Mapping[str, frozenset[str]]] = {
    "quantize": frozenset({QUANTIZE}),
    "dequantize": frozenset({DEQUANTIZE, "quantized_decomposed.dequantize_per_channel.default"}),
    "convolution": frozenset({"aten.conv2d.default", "aten.convolution.default"}),
    "linear": LINEAR,
}
# Operators that coremltools may rename, and nodes that compute the same.
_LIKES: Final[Mapping[str, frozenset[str]]] = {
    "add": frozenset({"aten.add.Tensor"}),
    "conv": _KINDS["convolution"],
    "linear": LINEAR,
    "mul": frozenset({"aten.mul.Tensor"}),
    "real_div": frozenset({"aten.div.Tensor"}),
    "reduce_mean": frozenset({"aten.mean.dim"}),
    "relu": frozenset({"aten.relu.default"}),
    "sigmoid": frozenset({"aten.sigmoid.default"}),
    "sub": frozenset({"aten.sub.Tensor"}),
}
_HOMOGENEOUS: Final = frozenset({"add", "sub", "relu"})  # f(kx) = k f(x), k > 0

# coremltools marks the values around a change of precision, and a division made a product.
_MARKS: Final = re.compile(r"^_inversed_|(?:_(?:cast_to|cast|type|to)_fp(?:16|32))+$")


@dataclass(frozen=True)
class Pair:
    """The program's value is that of `node` times `gain`, or for integers plus `shift`."""

    node: str
    gain: float = 1.0
    shift: int = 0


@dataclass(frozen=True)
class Pairing:
    """`pairs`: program's value -> reference's node. For the rest see `lockstep.LockstepReport`."""

    pairs: Mapping[str, Pair]
    unpaired: tuple[str, ...]
    missing_quantizes: tuple[str, ...]
    output_paired: bool
    compared: Mapping[str, tuple[int, int]]


def pair_values(program: MilProgram, reference: ExportedProgram) -> Pairing:
    """Pair the values of `program` with the nodes of `reference`, both of one input."""
    graph = ReferenceGraph(reference)
    pairs = {program.inputs[0].name: Pair(reference.graph_signature.user_inputs[0])}
    moves = _Moves(program, graph, pairs)
    unpaired = []
    for operation in program.operations:
        for i, output in enumerate(operation.outputs):
            pair = moves.pair(operation, i) or _pair(operation, output, program, graph, pairs)
            if pair is not None:
                pairs[output.name] = pair
            elif operation.op_type != "classify":
                unpaired.append(output.name)
    paired = {pair.node for pair in pairs.values()}
    return Pairing(
        pairs=pairs,
        unpaired=tuple(unpaired),
        missing_quantizes=tuple(
            node.name
            for node in graph.nodes
            if target_of(node) == QUANTIZE
            and node.name not in paired
            and not graph.is_redundant(node)
        ),
        output_paired=[pairs.get(name) for name in _results(program)]
        == [Pair(node.name) for node in graph.outputs],
        compared={
            kind: (sum(node.name in paired for node in nodes), len(nodes))
            for kind, targets in _KINDS.items()
            if (nodes := [node for node in graph.nodes if target_of(node) in targets])
        },
    )


class _Moves:
    """Pairs the values that are made of the elements of paired ones.

    `pairs` are those found so far, to which the caller adds.
    """

    def __init__(
        self, program: MilProgram, graph: ReferenceGraph, pairs: Mapping[str, Pair]
    ) -> None:
        self._program, self._graph, self._pairs = program, graph, pairs
        # Of moved values without a counterpart, such as steps between two that have one.
        self._steps: dict[str, tuple[Elements, Pair]] = {}

    def pair(self, operation: Operation, index: int) -> Pair | None:
        """The pair of output `index`; None where it is computed, or has no counterpart."""
        if operation.op_type not in MOVES:
            return None
        sources = [n for n in input_names(operation) if n not in self._program.constants]
        made_of = {name: found for name in sources if (found := self._made_of(name)) is not None}
        if not sources or len(made_of) < len(sources):
            return None
        of, *others = (pair for _, pair in made_of.values())
        if any(not _close(other.gain, of.gain) or other.shift != of.shift for other in others):
            return None
        values = {**self._program.constants, **{name: e for name, (e, _) in made_of.items()}}
        arguments = {
            parameter: values[names] if isinstance(names, str) else [values[n] for n in names]
            for parameter, names in operation.inputs.items()
        }
        moved = OPERATORS[operation.op_type](**arguments)
        elements = moved[index] if isinstance(moved, tuple) else moved
        node = self._graph.made_of(elements)
        if node is not None:
            return replace(of, node=node.name)
        self._steps[operation.outputs[index].name] = elements, of
        return None

    def _made_of(self, name: str) -> tuple[Elements, Pair] | None:
        if (pair := self._pairs.get(name)) is not None:
            return self._graph.elements(pair.node), pair
        return self._steps.get(name)


def _pair(
    operation: Operation,
    output: Output,
    program: MilProgram,
    graph: ReferenceGraph,
    pairs: Mapping[str, Pair],
) -> Pair | None:
    def paired_input(parameter: str) -> Pair | None:
        name = operation.inputs[parameter]
        return pairs.get(name) if isinstance(name, str) else None

    match operation.op_type:
        case "cast" | "identity":
            source = paired_input("x")
            same = source is not None and _like(graph.by_name[source.node], output)
            return source if same else None
        case "quantize" | "dequantize":
            source = paired_input("input")
            if source is None or "axis" in operation.inputs:
                return None
            scale = _constant(program, operation, "scale", 1.0)
            zero_point = int(_constant(program, operation, "zero_point", 0))
            if operation.op_type == "quantize":
                return _pair_quantize(source, scale, zero_point, output, graph)
            return _pair_dequantize(source, scale, zero_point, graph)
    node = graph.by_name.get(_MARKS.sub("", output.name))
    if node is None or not _like(node, output):
        node = _reader(operation, graph, pairs)
    if node is None or not _like(node, output):
        return None
    return Pair(node.name, gain=_common_gain(operation, pairs))


def _reader(operation: Operation, graph: ReferenceGraph, pairs: Mapping[str, Pair]) -> Node | None:
    """The one node that computes the like of `operation` from just what its inputs stand for."""
    sources = sorted(pairs[name].node for name in input_names(operation) if name in pairs)
    if not sources or operation.op_type not in _LIKES:
        return None
    readers = graph.readers(sources[0], _LIKES[operation.op_type])
    found = [node for node in readers if graph.computed_from(node) == sources]
    return found[0] if len(found) == 1 else None


def _pair_quantize(
    source: Pair, scale: float, zero_point: int, output: Output, graph: ReferenceGraph
) -> Pair | None:
    for node in graph.readers(source.node, frozenset({QUANTIZE})):
        node_scale, node_zero_point, dtype = quantization(node)
        shift = _lowest(output.dtype) - torch.iinfo(dtype).min
        if _close(scale / source.gain, node_scale) and zero_point == node_zero_point + shift:
            return Pair(node.name, shift=shift)
    return None


def _pair_dequantize(
    source: Pair, scale: float, zero_point: int, graph: ReferenceGraph
) -> Pair | None:
    for node in graph.readers(source.node, frozenset({DEQUANTIZE})):
        node_scale, node_zero_point, _ = quantization(node)
        if zero_point == node_zero_point + source.shift:
            # Nearly equal scales differ by rounding, an error that the comparison is to see.
            gain = 1.0 if _close(scale, node_scale) else scale / node_scale
            return Pair(node.name, gain=gain)
    return None


def _common_gain(operation: Operation, pairs: Mapping[str, Pair]) -> float:
    """The gain that all inputs carry, where the operator hands it on; otherwise 1."""
    if operation.op_type not in _HOMOGENEOUS:
        return 1.0
    inputs = [pairs.get(name) for name in operation.inputs.values() if isinstance(name, str)]
    gains = [1.0 if pair is None else pair.gain for pair in inputs]
    return gains[0] if all(_close(gain, gains[0]) for gain in gains) else 1.0


def _results(program: MilProgram) -> list[str]:
    """The tensors that the program was made for: for a classifier, its probabilities."""
    for operation in program.operations:
        if operation.op_type == "classify":
            probabilities = operation.inputs["probabilities"]
            assert isinstance(probabilities, str)
            return [probabilities]
    return list(program.outputs)


def _constant(
    program: MilProgram, operation: Operation, parameter: str, default: float
) -> float | int:
    name = operation.inputs.get(parameter)
    value = default if name is None else program.constants[str(name)]
    assert isinstance(value, int | float)
    return value


def _like(node: Node, output: Output) -> bool:
    value = node.meta.get("val")
    return (
        isinstance(value, Tensor)
        and tuple(value.shape) == output.shape
        and value.is_floating_point() == output.dtype.startswith("float")
    )


def _lowest(dtype: str) -> int:
    return 0 if dtype.startswith("u") else -128


def _close(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=SCALE_RTOL)
