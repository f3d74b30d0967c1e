"""How much slower a mix of int8 and float is than int8 alone: counted, so the same everywhere.

The kernel is one multiply-accumulate of a dense int8 convolution.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from torch.fx import GraphModule, Node

from deploy.capture.program import constant
from deploy.quantization.kernels import Kernel

FLOAT_MAC = 2.5
# Depthwise convolutions are bound by memory, and hardly quicker in int8.
DEPTHWISE_MAC, DEPTHWISE_FLOAT_MAC = 4.0, 5.0
# int8 dot products take channels by the dozen: a photo's three leave them mostly empty.
FEW_CHANNELS = 8
FEW_CHANNELS_MAC = 3.0
# Weights are read once a photo, which is most of the time where there are few positions.
WEIGHT_BYTE = 4.0
# One element of an addition, product, pooling or activation, and of a conversion between the two.
ELEMENT, FLOAT_ELEMENT = 4.0, 8.0
CONVERTED_ELEMENT = 8.0


@dataclass(frozen=True, kw_only=True)
class _Work:
    int8: float
    in_float: float
    macs: int = 0
    weights: int = 0


class CostModel:
    """Of the float program `module`, whose int8 kernels are `kernels`; the tensors `given` are int8
    by themselves."""

    def __init__(
        self,
        module: GraphModule,
        kernels: Iterable[Kernel],
        *,
        given: frozenset[str] = frozenset(),
    ) -> None:
        self._given = given
        nodes = {node.name: node for node in module.graph.nodes}
        self._computing = [kernel for kernel in kernels if kernel.kind != "pass"]
        self._work = {
            kernel.node: _work(module, nodes[kernel.node], kernel) for kernel in self._computing
        }
        names = {name for kernel in self._computing for name in kernel.tensors}
        self._elements = {name: _elements(nodes[name]) for name in names}
        self._pure = self._cost(self._computing)

    def slowdown(self, kernels: Iterable[Kernel]) -> float:
        """The latency estimated where only `kernels` are in int8, over that where all are."""
        return self._cost(kernels) / self._pure

    def float_share(self, kernels: Iterable[Kernel]) -> float:
        """Multiply-accumulates in float where only `kernels` are in int8, over all of them."""
        in_int8 = {kernel.node for kernel in kernels}
        in_float = sum(work.macs for node, work in self._work.items() if node not in in_int8)
        return in_float / max(sum(work.macs for work in self._work.values()), 1)

    def growth(self, kernels: Iterable[Kernel]) -> float:
        """Bytes of weights where only `kernels` are in int8, over those where all are."""
        in_int8 = {kernel.node for kernel in kernels}
        total = sum(work.weights for work in self._work.values())
        in_float = sum(work.weights for node, work in self._work.items() if node not in in_int8)
        return (total + 3 * in_float) / max(total, 1)

    def _cost(self, kernels: Iterable[Kernel]) -> float:
        in_int8 = {kernel.node for kernel in kernels}
        made = {True: set(self._given), False: set[str]()}
        read = {True: set[str](), False: set[str]()}
        total = 0.0
        for kernel in self._computing:
            is_int8 = kernel.node in in_int8
            work = self._work[kernel.node]
            total += work.int8 if is_int8 else work.in_float
            made[is_int8].add(kernel.output)
            read[is_int8].update(kernel.inputs)
        converted = (made[True] & read[False]) | (read[True] - made[True])
        return total + CONVERTED_ELEMENT * sum(self._elements[name] for name in converted)


def _work(module: GraphModule, node: Node, kernel: Kernel) -> _Work:
    if kernel.kind not in ("conv", "linear"):
        elements = max(_elements(node), *(_elements(n) for n in node.all_input_nodes))
        return _Work(int8=elements * ELEMENT, in_float=elements * FLOAT_ELEMENT)
    weight = constant(module, node.args[1])
    assert weight is not None
    macs = _elements(node) * weight[0].numel()
    reading = weight.numel() * WEIGHT_BYTE
    int8, in_float = 1.0, FLOAT_MAC
    if kernel.kind == "conv" and weight.shape[1] == 1:
        int8, in_float = DEPTHWISE_MAC, DEPTHWISE_FLOAT_MAC
    elif kernel.kind == "conv" and weight.shape[1] < FEW_CHANNELS:
        int8 = FEW_CHANNELS_MAC
    return _Work(
        int8=macs * int8 + reading,
        in_float=macs * in_float + 4 * reading,
        macs=macs,
        weights=weight.numel(),
    )


def _elements(node: Node) -> int:
    return math.prod(node.meta["val"].shape)
