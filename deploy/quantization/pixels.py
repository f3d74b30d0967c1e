"""The first layer in int8 where the network takes bytes: an input that is exact, and its weights.

Everything else is decided on the network of normalized photos. A byte u stands for u / 255 with
nothing lost; the colours' weights are rounded first, and then alpha's, knowing what the colours
lost (alpha comes last in each row of weights, and learned rounding goes along the row). What is
left is taken out of the bias by the mean over positions inside the picture: at the border alpha is
partly 0, and its rounding shows there, so those few positions may not pull on all the others.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import GraphModule, Node
from torch.nn import functional

from deploy.capture.pixels import BYTES, find_stems, inside
from deploy.capture.program import constant, filled, graph_module
from deploy.quantization.effort import Effort
from deploy.quantization.gptq import input_moments, round_weights
from deploy.quantization.ptq import LARGEST_BIAS_CODE, Decisions, QuantizedWeights
from deploy.quantization.ranges import (
    INT8_MIN,
    QParams,
    dequantize_weight,
    weight_scales,
)

# A byte as a share of 255, in float32 as every runtime stores a scale.
PIXEL = QParams(float(torch.tensor(1 / BYTES)), INT8_MIN)


def take_pixels_in_int8(
    program: ExportedProgram, decisions: Decisions, rgba: Tensor, *, effort: Effort
) -> Decisions:
    """`decisions` of the same network of normalized photos, for `program` of pixels.

    `rgba` (N, 4, H, W) float32 are the calibration photos as shares of 255.
    """
    module = graph_module(program)
    (image,) = module.graph.find_nodes(op="placeholder")
    stems = find_stems(image)
    photos = rgba[: effort.rounding]
    moments = input_moments(module, [stem.conv.name for stem in stems], photos)
    weights = dict(decisions.weights)
    for stem in stems:
        weights[stem.conv.name] = _weights(
            module, stem.conv, image, _padded(stem.pad, photos), moments[stem.conv.name]
        )
    sensitivity = replace(
        decisions.sensitivity,
        tensors={k: v for k, v in decisions.sensitivity.tensors.items() if k != image.name},
    )
    activations = {**decisions.activations, image.name: PIXEL}
    return replace(
        decisions,
        activations=activations,
        weights=weights,
        sensitivity=sensitivity,
        given=frozenset({image.name}),
    )


def _padded(pad: Node | None, photos: Tensor) -> Tensor:
    sizes: Any = pad.args[1] if pad is not None else [0, 0]
    return functional.pad(photos, sizes)


def _weights(
    module: GraphModule, conv: Node, image: Node, photos: Tensor, moments: Tensor
) -> QuantizedWeights:
    _, weight_node, bias_node, strides, padding, dilation, _ = filled(conv)
    weight, bias = constant(module, weight_node), constant(module, bias_node)
    assert weight is not None
    bias = weight.new_zeros(len(weight)) if bias is None else bias
    largest = bias.abs() / (PIXEL.scale * LARGEST_BIAS_CODE)
    scales = torch.maximum(weight_scales(weight), largest)
    codes, corrected = round_weights(weight, bias, scales, moments)
    lost = dequantize_weight(codes, scales) - weight
    errors = functional.conv2d(photos, lost, None, strides, padding, dilation)
    interior = inside(conv, image)
    if interior.any():
        corrected = bias - errors[..., interior].mean((0, 2))
    return QuantizedWeights(
        codes=codes.to(torch.int8).numpy(), scales=scales.numpy(), bias=corrected.numpy()
    )
