"""The decisions of quantization, taken once on the float program and shared by all backends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import GraphModule, Node

from deploy.capture.program import constant, graph_module
from deploy.quantization.activations import RangeSetting, choose_activations
from deploy.quantization.calibrate import observe_tensors
from deploy.quantization.effort import EFFORTS, Effort
from deploy.quantization.gptq import input_moments, round_weights
from deploy.quantization.kernels import HEAVY_TARGETS, Kernel, find_kernels, without
from deploy.quantization.ranges import (
    CANDIDATE_RATIOS,
    QParams,
    TensorStatistics,
    dequantize_weight,
    quantize_weight,
    weight_scales,
)
from deploy.quantization.sensitivity.energies import Sensitivity
from deploy.support.errors import UserError
from deploy.support.reporter import Progress, silent

# Runtimes keep a bias as int32 in steps of (input scale * weight scale); half the range is left
# to the sums.
LARGEST_BIAS_CODE = 2.0**30


@dataclass(frozen=True, kw_only=True)
class Steps:
    """The steps that keep answers, each of which can be switched off to see what it does."""

    ranges: RangeSetting = "measured"
    learned_rounding: bool = True


@dataclass(frozen=True, kw_only=True)
class QuantizedWeights:
    """int8 codes (out, ...) in [-127, 127]; float32 scales (out,) and bias (out,)."""

    codes: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """Everything that writing an int8 program needs, by node name of the float program.

    Plain data, so that it can travel between processes. `in_float` are the heavy operators
    (convolutions and the like) that no kernel covers, with what they are called; `sensitivity`
    what each part costs. The tensors `given` come as int8 codes, whoever reads them.
    """

    kernels: tuple[Kernel, ...]
    activations: dict[str, QParams]
    weights: dict[str, QuantizedWeights]
    in_float: dict[str, str]
    sensitivity: Sensitivity
    given: frozenset[str] = frozenset()

    def heavy_in_float(self) -> dict[str, int]:
        """How many of each heavy operator an artifact must compute in float, by name."""
        return dict(Counter(self.in_float.values()))

    def keep_in_float(self, module: GraphModule, keep_float: Iterable[str]) -> Decisions:
        """The same, but for the compute nodes `keep_float` of `module`, which stay in float."""
        kernels = without(self.kernels, keep_float)
        tensors = {name for kernel in kernels for name in kernel.tensors}
        covered = {kernel.node for kernel in kernels}
        return replace(
            self,
            kernels=tuple(kernels),
            activations={name: q for name, q in self.activations.items() if name in tensors},
            weights={name: weights for name, weights in self.weights.items() if name in covered},
            in_float=_heavy_outside(module, kernels),
        )

    def weights_only(self, module: GraphModule) -> Decisions:
        """The same weights, all computed with in float."""
        return replace(self, activations={}, in_float=_heavy_outside(module, ()))


def decide(
    program: ExportedProgram,
    photos: Tensor,
    *,
    steps: Steps | None = None,
    effort: Effort = EFFORTS["normal"],
    ranges: Mapping[str, QParams] | None = None,
    progress: Progress = silent,
) -> Decisions:
    """Choose scales, zero points and weight codes from calibration `photos` (N, C, H, W) float32.

    The tensors in `ranges` have what it says of them, and only the others' are chosen.
    Raises UserError where nothing of the network has an int8 kernel.
    """
    steps = steps or Steps()
    module = graph_module(program)
    kernels = find_kernels(module)
    if not any(kernel.kind != "pass" for kernel in kernels):
        raise UserError(
            "nothing of the network has an int8 kernel: leave int8 out with --precisions fp32,fp16"
        )
    observed = {name for kernel in kernels if kernel.kind != "pass" for name in kernel.tensors}
    statistics = observe_tensors(module, observed, photos, progress=partial(progress, "ranges"))
    rounding = photos[: effort.rounding] if steps.learned_rounding else None
    weights, errors = _weights(module, kernels, statistics, rounding, progress)
    activations, sensitivity = choose_activations(
        module,
        kernels,
        statistics,
        errors,
        photos[: effort.pricing],
        setting=steps.ranges,
        learned=ranges or {},
        progress=partial(progress, "errors"),
    )
    return Decisions(
        kernels=tuple(kernels),
        activations=activations,
        weights=weights,
        in_float=_heavy_outside(module, kernels),
        sensitivity=sensitivity,
    )


def _weights(
    module: GraphModule,
    kernels: Iterable[Kernel],
    statistics: Mapping[str, TensorStatistics],
    rounding_photos: Tensor | None,
    progress: Progress,
) -> tuple[dict[str, QuantizedWeights], dict[str, dict[str, Tensor]]]:
    """The weights of each convolution and linear, and what that adds to weight and bias, by the
    names of the nodes that read them."""
    nodes = {node.name: node for node in module.graph.nodes}
    products = [kernel for kernel in kernels if kernel.kind in ("conv", "linear")]
    moments = {}
    if rounding_photos is not None:
        moments = input_moments(
            module,
            [kernel.node for kernel in products],
            rounding_photos,
            progress=partial(progress, "weights"),
        )
    chosen, errors = {}, {}
    for kernel in products:
        node, inputs = nodes[kernel.node], statistics[kernel.inputs[0]]
        weight = constant(module, node.args[1])
        bias_node = node.args[2] if len(node.args) > 2 else None
        assert weight is not None
        if (bias := constant(module, bias_node)) is None:
            bias = weight.new_zeros(len(weight))
        # A (nearly) dead channel has a tiny scale, in which its bias would overflow int32.
        finest = QParams.from_range(inputs.low, inputs.high).scale * CANDIDATE_RATIOS[-1]
        scales = torch.maximum(weight_scales(weight), bias.abs() / (finest * LARGEST_BIAS_CODE))
        if kernel.node in moments:
            codes, new_bias = round_weights(weight, bias, scales, moments[kernel.node])
        else:
            codes, new_bias = quantize_weight(weight, scales), bias
        chosen[kernel.node] = QuantizedWeights(
            codes=codes.to(torch.int8).numpy(), scales=scales.numpy(), bias=new_bias.numpy()
        )
        errors[kernel.node] = {_name(node.args[1]): dequantize_weight(codes, scales) - weight}
        if bias_node is not None:
            errors[kernel.node][_name(bias_node)] = new_bias - bias
    return chosen, errors


def _name(node: object) -> str:
    assert isinstance(node, Node)
    return node.name


def _heavy_outside(module: GraphModule, kernels: Iterable[Kernel]) -> dict[str, str]:
    covered = {kernel.node for kernel in kernels}
    return {
        node.name: HEAVY_TARGETS[node.target]
        for node in module.graph.nodes
        if node.target in HEAVY_TARGETS and node.name not in covered
    }
