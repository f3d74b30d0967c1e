"""The decisions of quantization, taken once on the float program and shared by all backends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import GraphModule, Node

from deploy.program import constant, graph_module
from deploy.quantize.calibrate import observe_tensors
from deploy.quantize.correct import mean_shift
from deploy.quantize.ranges import (
    QParams,
    TensorStatistics,
    quantize_weight,
    weight_scales,
)
from deploy.quantize.units import (
    HEAVY_TARGETS,
    Unit,
    find_units,
    only_read_by_hardswish,
)

# Runtimes keep a bias as int32 in steps of (input scale * weight scale); half the range is left
# to the sums.
LARGEST_BIAS_CODE = 2.0**30
# A gate has all of [0, 1] whatever the photos show: what it lets through is a share.
GATE = (0.0, 1.0)
# hardswish is 0 from here down, so codes for smaller inputs would say nothing.
HARDSWISH_ZERO = -3.0


@dataclass(frozen=True, kw_only=True)
class Weights:
    """int8 codes (out, ...) in [-127, 127]; float32 scales (out,) and bias (out,)."""

    codes: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """Everything that writing an int8 program needs, by node name of the float program.

    Plain data, so that it can travel between processes. `in_float` are the heavy operators
    (convolutions and the like) that no unit covers, with what they are called.
    """

    units: tuple[Unit, ...]
    activations: dict[str, QParams]
    weights: dict[str, Weights]
    in_float: dict[str, str]

    def heavy_in_float(self) -> dict[str, int]:
        """How many of each heavy operator an artifact must compute in float, by name."""
        return dict(Counter(self.in_float.values()))


def decide(
    program: ExportedProgram,
    photos: Tensor,
    *,
    keep_float: Iterable[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Decisions:
    """Choose scales, zero points and weight codes from calibration `photos` (N, C, H, W) float32.

    `keep_float` names compute nodes that stay in float.
    """
    module = graph_module(program)
    units = find_units(module, keep_float=keep_float)
    observed = {name for unit in units if unit.kind != "pass" for name in tensors_of(unit)}
    statistics = observe_tensors(module, observed, photos, progress=progress)
    activations = _activations(module, units, statistics)
    return Decisions(
        units=tuple(units),
        activations=activations,
        weights={
            unit.node: _weights(module, unit, activations, statistics[unit.inputs[0]])
            for unit in units
            if unit.kind in ("conv", "linear")
        },
        in_float=_heavy_outside(module, units),
    )


def _activations(
    module: GraphModule, units: Iterable[Unit], statistics: dict[str, TensorStatistics]
) -> dict[str, QParams]:
    """Scale and zero point of every tensor that a unit reads or writes, in graph order."""
    before_hardswish = only_read_by_hardswish(module)
    chosen: dict[str, QParams] = {}
    for unit in units:
        for name in tensors_of(unit):
            if name in chosen:
                continue
            if unit.kind == "pass":
                chosen[name] = chosen[unit.inputs[0]]
            elif name == unit.output and unit.bounds == GATE:
                chosen[name] = QParams.from_range(*GATE)
            elif name in before_hardswish:
                chosen[name] = statistics[name].clamped(HARDSWISH_ZERO).range()
            else:
                chosen[name] = statistics[name].range()
    return chosen


def tensors_of(unit: Unit) -> tuple[str, ...]:
    return (*unit.inputs, unit.output)


def _weights(
    module: GraphModule,
    unit: Unit,
    activations: dict[str, QParams],
    inputs: TensorStatistics,
) -> Weights:
    node = next(n for n in module.graph.nodes if n.name == unit.node)
    weight = constant(module, node.args[1])
    bias = constant(module, node.args[2]) if len(node.args) > 2 else None
    assert weight is not None
    if bias is None:
        bias = weight.new_zeros(len(weight))
    # A (nearly) dead channel has a tiny scale, in which its bias would overflow int32.
    smallest = bias.abs() / (activations[unit.inputs[0]].scale * LARGEST_BIAS_CODE)
    scales = torch.maximum(weight_scales(weight), smallest)
    codes = quantize_weight(weight, scales)
    error = codes * scales.view(-1, *[1] * (weight.dim() - 1)) - weight
    input_means = inputs.channel_means[-1 if unit.kind == "linear" else 1]
    shift = mean_shift(error, input_means, groups=_groups(node))
    return Weights(
        codes=codes.to(torch.int8).numpy(), scales=scales.numpy(), bias=(bias - shift).numpy()
    )


def _groups(node: Node) -> int:
    # conv2d(x, W, b, stride, padding, dilation, groups); a linear has no more than three.
    given = node.args[6] if len(node.args) > 6 else 1
    assert isinstance(given, int)
    return given


def _heavy_outside(module: GraphModule, units: Iterable[Unit]) -> dict[str, str]:
    covered = {unit.node for unit in units}
    return {
        node.name: HEAVY_TARGETS[node.target]
        for node in module.graph.nodes
        if node.target in HEAVY_TARGETS and node.name not in covered
    }
