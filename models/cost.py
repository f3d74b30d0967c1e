"""Counting what a network costs, layer by layer, from the operators of one run."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn
from torch.export import ExportedProgram

from models.cost_records import Cost, Layer, Memory, NetworkCost, Separable, Shape
from models.trace import Operand, OperatorCall, Trace, Value, trace

__all__ = ["Cost", "Layer", "Memory", "NetworkCost", "Separable", "count_cost", "measure_cost"]

aten = torch.ops.aten

NORMS = (aten.native_batch_norm, aten._native_batch_norm_legit_no_training)
# Elementwise, though torch does not tag them so.
ACTIVATIONS = (aten.hardswish, aten.hardswish_, aten.mish_, aten._prelu_kernel)
WINDOW_POOLS = (aten.avg_pool2d, aten.max_pool2d_with_indices)
ADAPTIVE_POOLS = (aten._adaptive_avg_pool2d, aten.adaptive_max_pool2d)


def count_cost(network: nn.Module, input_shape: Shape) -> NetworkCost:
    """Run `network`, which is in eval mode, once on an input of `input_shape` (1, C, H, W).

    MACs are those of convolutions, fully connected layers and other matrix products; not of
    biases, batch norms, activations and poolings, which the papers leave out too.

    Four filters of 3x3 over three channels, and what MobileNets replace them by:

    >>> standard = nn.Conv2d(3, 4, 3, bias=False)
    >>> count_cost(standard, (1, 3, 8, 8)).total.params
    108
    >>> separable = nn.Sequential(
    ...     nn.Conv2d(3, 3, 3, groups=3, bias=False), nn.Conv2d(3, 4, 1, bias=False)
    ... )
    >>> cost = count_cost(separable, (1, 3, 8, 8))
    >>> [layer.params for layer in cost.layers], cost.total.params, cost.standard.params
    ([27, 12], 39, 108)
    >>> round(cost.separable[0].ratio, 6), round(1 / 4 + 1 / 3**2, 6)
    (0.361111, 0.361111)
    """
    traced = trace(network, input_shape)
    ledger = _Ledger({name: p.numel() for name, p in network.named_parameters()})
    labels = [ledger.enter(call) for call in traced.calls]
    ledger.close()
    return NetworkCost(
        layers=tuple(ledger.layers),
        separable=tuple(
            Separable(depthwise=ledger.layers[depthwise], pointwise=ledger.layers[pointwise])
            for depthwise, pointwise in ledger.pairs.items()
        ),
        memory=_peak_memory(traced, labels),
    )


def measure_cost(network: nn.Module, program: ExportedProgram) -> NetworkCost:
    """That of `network` for inputs of the shape that `program`, its export, takes."""
    (name,) = program.graph_signature.user_inputs
    (node,) = (node for node in program.graph.nodes if node.name == name)
    return count_cost(network, tuple(node.meta["val"].shape))


class _Ledger:
    """The layers so far, and which of them (by index) are a depthwise and pointwise pair."""

    def __init__(self, uncounted: dict[str, int]) -> None:
        self.layers: list[Layer] = []
        self.pairs: dict[int, int] = {}
        self._uncounted = uncounted
        # The layers whose result a value still is, behind batch norms, activations and products.
        self._origins: dict[Value, frozenset[int]] = {}

    def enter(self, call: OperatorCall) -> str:
        """Add what `call` costs, and give what to call it: a layer's name or an operator's.

        A parameter is counted where it is first read.
        """
        params = sum(self._uncounted.pop(name, 0) for name in call.parameters)
        origins = frozenset(
            index for value in call.values for index in self._origins.get(value, ())
        )
        extends = _works_in_place(call) and len(origins) == 1
        layer = _as_layer(call)
        if layer is None and params and not extends:
            layer = _other_layer(call, params)
        if layer is not None:
            layer = replace(layer, params=params)
            self._pair(layer, origins)
            origins = frozenset({len(self.layers)})
            self.layers.append(layer)
        elif extends:
            (index,) = origins
            self.layers[index] = _followed_by(self.layers[index], call, params)
        elif not (_works_in_place(call) or call.operator is aten.mul):
            origins = frozenset()
        for operand in call.writes:
            self._origins[operand.value] = origins
        return (layer.name or layer.kind) if layer else call.name

    def _pair(self, layer: Layer, origins: frozenset[int]) -> None:
        """`layer` comes next, and reads what `origins` have left."""
        if layer.kind == "pointwise" and layer.stride == (1, 1):
            for index in origins:
                if self.layers[index].kind == "depthwise":
                    self.pairs.setdefault(index, len(self.layers))

    def close(self) -> None:
        """Add the parameters that nothing has read: the layers then sum up to all there are."""
        if unused := sum(self._uncounted.values()):
            self.layers.append(
                Layer(name="", kind="unused", input=(), output=(), params=unused, biases=0)
            )


def _as_layer(call: OperatorCall) -> Layer | None:
    """The layer that `call` is, its parameters not counted yet; None where it is none."""
    args, operator = call.args, call.operator
    if operator is aten.convolution:
        x, weight, bias, stride = args[:4]
        return _shaped(
            call,
            x,
            kind=_convolution_kind(call),
            kernel=weight.shape[2:],
            stride=tuple(stride),
            weights=weight.value.elements,
            biases=0 if bias is None else bias.value.elements,
        )
    if call.macs:
        return _product(call)
    if operator in WINDOW_POOLS:
        kernel = tuple(args[1])
        stride = tuple(args[2]) if len(args) > 2 and args[2] else kernel
        return _shaped(call, args[0], kind="pool", kernel=kernel, stride=stride)
    if operator in ADAPTIVE_POOLS or _averages_pixels(call):
        whole = set(call.writes[0].shape[2:]) <= {1}
        return _shaped(call, args[0], kind="pool", kernel=args[0].shape[2:] if whole else None)
    return None


def _convolution_kind(call: OperatorCall) -> str:
    x, weight, groups = call.args[0], call.args[1], call.args[8]
    if call.args[6]:
        return "transposed"
    if groups > 1:
        return "depthwise" if groups == x.shape[1] else "grouped"
    return "pointwise" if set(weight.shape[2:]) == {1} else "conv"


def _product(call: OperatorCall) -> Layer:
    """Fully connected where one factor is constant. What is added stands before the factors."""
    *added, left, right = [arg for arg in call.args if isinstance(arg, Operand)]
    constants = [factor for factor in (left, right) if factor.value.constant]
    return _shaped(
        call,
        right if left.value.constant else left,
        kind="linear" if constants else "matmul",
        weights=sum(factor.value.elements for factor in constants),
        biases=sum(bias.value.elements for bias in added if bias.value.constant),
    )


def _other_layer(call: OperatorCall, params: int) -> Layer:
    """An operator that has parameters of its own, such as a layer norm; they stay in float."""
    (x, *_) = (operand for operand in call.reads if not operand.value.constant)
    return _shaped(call, x, kind=call.name, biases=params)


def _shaped(
    call: OperatorCall,
    x: Operand,
    *,
    kind: str,
    kernel: Shape | None = None,
    stride: Shape | None = None,
    weights: int = 0,
    biases: int = 0,
) -> Layer:
    return Layer(
        name=_owner(call),
        kind=kind,
        kernel=kernel,
        stride=stride,
        input=x.shape[1:],
        output=call.writes[0].shape[1:],
        params=0,
        weights=weights,
        biases=biases,
        macs=call.macs,
    )


def _followed_by(layer: Layer, call: OperatorCall, params: int) -> Layer:
    """`layer` with the parameters of an elementwise operator on its result."""
    folds = call.operator in NORMS and layer.weights
    biases = layer.channels if folds else layer.biases + params
    return replace(layer, params=layer.params + params, biases=biases)


def _averages_pixels(call: OperatorCall) -> bool:
    if call.operator is not aten.mean or len(call.args) < 2:
        return False
    x, axes = call.args[:2]
    return len(x.shape) == 4 and {axis % 4 for axis in axes} == {2, 3}


def _works_in_place(call: OperatorCall) -> bool:
    """Batch norms and activations: of one value, element by element."""
    elementwise = torch.Tag.pointwise in call.func.tags or call.operator in NORMS + ACTIVATIONS
    return elementwise and len(call.values) == 1


def _owner(call: OperatorCall) -> str:
    """The module that has the parameters, or a parameter of the network's own; "" without any."""
    name = min(call.parameters, default="")
    return name.rpartition(".")[0] or name


def _peak_memory(traced: Trace, labels: list[str]) -> Memory:
    """The most elements alive at once, from a value's making to its last use."""
    calls = traced.calls
    last = {value: i for i, call in enumerate(calls) for value in call.values}
    last |= dict.fromkeys(traced.results, len(calls))
    alive = {traced.start}
    peak = Memory(peak_elements=traced.start.elements, peak_at="input")
    for i, (call, label) in enumerate(zip(calls, labels, strict=True)):
        dying = {value for value in call.values if last[value] == i}
        if _works_in_place(call):
            alive -= dying
        alive |= {operand.value for operand in call.writes} & last.keys()
        elements = sum(value.elements for value in alive)
        if elements > peak.peak_elements:
            peak = Memory(peak_elements=elements, peak_at=label)
        alive -= dying
    return peak
