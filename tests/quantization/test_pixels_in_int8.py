"""The first layer in int8 with pixels in: nearer to the float one than with normalized photos."""

from __future__ import annotations

import numpy as np
import torch
from small_network import PREPROCESSING, Small, crops, decibels, inputs, run, small_program
from torch import Tensor
from torch.export import ExportedProgram
from torch.nn.functional import conv2d

from deploy.capture.pixels import find_stems, inside, take_pixels
from deploy.capture.program import constant, filled, graph_module
from deploy.photos.images import shares
from deploy.quantization.effort import EFFORTS
from deploy.quantization.mixed_precision import greedy_steps
from deploy.quantization.pixels import PIXEL, take_pixels_in_int8
from deploy.quantization.ptq import Decisions, QuantizedWeights, decide
from deploy.quantization.ranges import dequantize_weight, fake_quantize
from deploy.quantization.simulate import simulate

JUDGE = 7


def stem_of(weights: QuantizedWeights, x: Tensor, options: list[object]) -> Tensor:
    scales = torch.from_numpy(weights.scales)
    weight = dequantize_weight(torch.from_numpy(weights.codes), scales)
    return conv2d(x, weight, torch.from_numpy(weights.bias), *options)  # type: ignore[arg-type]


def in_both_forms(
    photos: int,
) -> tuple[ExportedProgram, ExportedProgram, Decisions, Decisions]:
    """A small network of normalized photos and of pixels, and the int8 of each."""
    program = small_program(Small)
    rgba = shares(crops(photos))
    moved = take_pixels(program, PREPROCESSING, rgba)
    tensor = decide(program, inputs(photos))
    pixels = take_pixels_in_int8(moved, tensor, torch.from_numpy(rgba), effort=EFFORTS["normal"])
    return program, moved, tensor, pixels


def test_the_stem_loses_less_inside_and_at_most_a_decibel_along_the_borders() -> None:
    program, moved, tensor, pixels = in_both_forms(16)

    module = graph_module(moved)
    (image,) = module.graph.find_nodes(op="placeholder")
    assert pixels.activations[image.name] == PIXEL
    assert image.name not in pixels.sensitivity.tensors
    (stem,) = find_stems(image)
    options = filled(stem.conv)[3:6]
    weight, bias = (constant(module, node) for node in stem.conv.args[1:3])
    assert weight is not None
    x, codes = inputs(40, seed=JUDGE), torch.from_numpy(shares(crops(40, seed=JUDGE)))
    exact = conv2d(codes, weight, bias, *options)
    name = stem.conv.name
    in_tensor = stem_of(
        tensor.weights[name], fake_quantize(x, tensor.activations[image.name]), options
    )
    in_pixels = stem_of(pixels.weights[name], codes, options)
    interior = inside(stem.conv, image)
    assert 0 < interior.sum() < interior.numel()
    for where, least in ((interior, 3.0), (~interior, -1.0)):
        before, after = (decibels(exact[..., where], y[..., where]) for y in (in_tensor, in_pixels))
        assert after > before + least
    # The mean error is taken out of the bias there.
    errors = (in_pixels - exact)[..., interior].mean((0, 2))
    assert errors.abs().max() < 0.02 * exact.std()

    expected = run(program, x)
    both = [
        decibels(expected, simulate(graph_module(program), tensor, x)),
        decibels(expected, simulate(module, pixels, codes)),
    ]
    assert both[1] > both[0] - 0.5


def test_pixels_left_to_a_float_stem_are_counted_as_a_conversion() -> None:
    _, moved, _, pixels = in_both_forms(8)
    module = graph_module(moved)
    (image,) = module.graph.find_nodes(op="placeholder")
    steps = list(greedy_steps(module, pixels, budget=100.0))
    # Alone in float it would stand between int8 and int8, where onnxruntime takes its own scales.
    assert all(left_out != {"conv2d"} for left_out, _ in steps)
    assert pixels.given == {image.name}
    assert np.isfinite([slowdown for _, slowdown in steps]).all()
