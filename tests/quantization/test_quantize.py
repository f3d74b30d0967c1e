"""int8 decisions and the programs written from them."""

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_network import PREPROCESSING, SIDE, SmallV3, decibels, inputs, run, small_program
from small_photos import write_photos
from torch import Tensor, nn
from torch.export import ExportedProgram

from deploy.capture.program import aten, calls, capture, constant, graph_module
from deploy.capture.simplify import simplify
from deploy.photos import load_photos
from deploy.photos.images import normalize
from deploy.quantization.kernels import find_kernels
from deploy.quantization.ptq import Decisions, decide
from deploy.quantization.ranges import (
    QParams,
    TensorStatistics,
    quantize_weight,
    weight_scales,
)
from deploy.quantization.write import COREML, ONNXRUNTIME, XNNPACK, Dialect, qd, write_program

SHAPE = (1, 3, SIDE, SIDE)


def operators(program: ExportedProgram) -> Counter[object]:
    return Counter(n.target for n in program.graph.nodes if n.op == "call_function")


def test_units_take_the_clamp_with_their_kernel() -> None:
    program = small_program()
    kernels = find_kernels(graph_module(program))
    assert [(u.kind, u.clamp is not None) for u in kernels] == [
        ("conv", True),
        ("conv", True),
        ("conv", True),
        ("conv", False),
        ("add", False),
        ("mean", False),
        ("pass", False),
        ("linear", False),
    ]
    assert kernels[0].bounds == (0.0, 6.0)


def test_a_kernel_kept_in_float_is_no_kernel_and_is_counted() -> None:
    program, photos = small_program(), inputs(12)
    pure = decide(program, photos)
    decisions = pure.keep_in_float(graph_module(program), ["conv2d_1"])
    assert "conv2d_1" not in {kernel.node for kernel in decisions.kernels}
    assert decisions.in_float == {"conv2d_1": "conv"}
    assert decisions.heavy_in_float() == {"conv": 1}


@pytest.mark.parametrize("dialect", [XNNPACK, ONNXRUNTIME, COREML])
def test_every_dialect_computes_nearly_what_the_float_program_does(dialect: Dialect) -> None:
    program, photos = small_program(), inputs(12)
    written = write_program(program, decide(program, photos), dialect)
    unseen = inputs(8, seed=1)
    assert decibels(run(program, unseen), run(written, unseen)) > 25


def test_signed_and_unsigned_activations_are_the_same_numbers() -> None:
    program, photos = small_program(), inputs(12)
    decisions = decide(program, photos)
    signed = run(write_program(program, decisions, Dialect()), photos)
    unsigned = run(write_program(program, decisions, Dialect(unsigned=True)), photos)
    assert torch.equal(signed, unsigned)


def test_one_quantize_a_tensor_and_one_dequantize_a_reader() -> None:
    program, photos = small_program(), inputs(12)
    count = operators(write_program(program, decide(program, photos), XNNPACK))
    # input, four convolutions, add, mean, flatten, linear
    assert count[qd.quantize_per_tensor.default] == 9
    # the stem's output has two readers, the linear's is the result
    assert count[qd.dequantize_per_tensor.default] == 10
    assert count[qd.dequantize_per_channel.default] == 5


def test_clamps_that_saturation_does_are_dropped_without_changing_a_bit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program, photos = small_program(), inputs(12)
    decisions = decide(program, photos)
    written = write_program(program, decisions, XNNPACK)
    assert not list(calls(graph_module(written), aten.hardtanh.default))
    monkeypatch.setattr(QParams, "saturates", lambda self, bounds: False)
    clamped = write_program(program, decisions, XNNPACK)
    assert len(list(calls(graph_module(clamped), aten.hardtanh.default))) == 3
    assert torch.equal(run(written, photos), run(clamped, photos))


def test_a_clamp_inside_the_range_stays() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Hardtanh(-1, 1), nn.Conv2d(4, 2, 1))
    program = capture(network, SHAPE)
    decisions = decide(program, torch.randn(4, *SHAPE[1:]))
    wide = replace(
        decisions, activations={**decisions.activations, "hardtanh": QParams.from_range(-4, 4)}
    )
    written = write_program(program, wide, XNNPACK)
    assert len(list(calls(graph_module(written), aten.hardtanh.default))) == 1


def test_flatten_shares_the_parameters_of_what_it_moves() -> None:
    program, photos = small_program(), inputs(12)
    activations = decide(program, photos).activations
    assert activations["flatten"] == activations["mean"]


def test_a_tiny_weight_scale_never_lets_the_bias_overflow_int32() -> None:
    network = nn.Sequential(nn.Conv2d(3, 2, 1))
    with torch.no_grad():
        network[0].weight[0] = 1e-12
        network[0].bias.copy_(torch.tensor([50.0, 0.1]))
    program = capture(network, SHAPE)
    photos = torch.randn(4, *SHAPE[1:])
    decisions = decide(program, photos)
    weights = decisions.weights["conv2d"]
    step = weights.scales * decisions.activations[decisions.kernels[0].inputs[0]].scale
    steps = np.abs(weights.bias) / step
    assert (steps <= 2.0**30 * 1.001).all()
    integer = run(write_program(program, decisions, ONNXRUNTIME), photos)
    assert decibels(run(program, photos), integer) > 30


def test_zero_is_exact_and_the_range_is_covered() -> None:
    for low, high in [(-1.3, 2.7), (0.0, 6.0), (0.5, 6.0), (-4.0, -1.0), (0.0, 0.0)]:
        q = QParams.from_range(low, high)
        assert -128 <= q.zero_point <= 127
        assert math.isfinite(q.scale)
        assert q.scale > 0
        assert (-128 - q.zero_point) * q.scale <= min(low, 0) + q.scale / 2 + 1e-6
        assert (127 - q.zero_point) * q.scale >= max(high, 0) - q.scale / 2 - 1e-6


def test_saturation_is_the_clamp_just_when_no_code_lies_outside() -> None:
    relu6 = (0.0, 6.0)
    assert QParams.from_range(0, 6).saturates(relu6)
    assert QParams.from_range(0, 5).saturates(relu6)
    assert not QParams.from_range(0, 7).saturates(relu6)
    assert not QParams.from_range(-0.5, 6).saturates(relu6)
    assert QParams.from_range(0, 7).saturates((0.0, math.inf))


def test_an_outlier_is_clipped_when_that_costs_less() -> None:
    values = torch.cat([torch.randn(100_000), torch.tensor([60.0])])
    statistics = TensorStatistics(float(values.min()), float(values.max()), values)

    def error(q: QParams) -> float:
        codes = (values / q.scale).round().add(q.zero_point).clamp(-128, 127)
        return float((codes.sub(q.zero_point).mul(q.scale) - values).square().mean())

    chosen = statistics.range()
    assert error(chosen) < error(QParams.from_range(statistics.low, statistics.high))
    assert (127 - chosen.zero_point) * chosen.scale < 60


def test_weight_scales_are_no_worse_than_min_max_in_any_channel() -> None:
    torch.manual_seed(0)
    weight = torch.randn(16, 4000)
    weight[:, 0] = 12  # an outlier a channel
    weight[3] = 0
    scales = weight_scales(weight)
    minmax = weight.abs().amax(1).clamp_min(1e-9) / 127

    def errors(scale: Tensor) -> Tensor:
        return (quantize_weight(weight, scale) * scale[:, None] - weight).square().sum(1)

    assert (errors(scales) <= errors(minmax) + 1e-9).all()
    assert errors(scales).sum() < errors(minmax).sum()
    assert torch.isfinite(scales).all()


def test_photos_in_another_order_and_under_other_names_give_the_same_integers(
    tmp_path: Path,
) -> None:
    folder = write_photos(tmp_path / "photos", 12)

    def decided() -> Decisions:
        crops = np.stack([one.crop for one in load_photos(folder, PREPROCESSING).calibration])
        return decide(small_program(), torch.from_numpy(normalize(crops, PREPROCESSING)))

    first = decided()
    for index, path in enumerate(sorted(folder.iterdir())):
        path.rename(folder / f"{(7 * index) % 12}-again.png")
    second = decided()
    assert first.activations == second.activations
    assert first.weights.keys() == second.weights.keys()
    for name, one in first.weights.items():
        other = second.weights[name]
        for field in ("codes", "scales", "bias"):
            np.testing.assert_array_equal(getattr(one, field), getattr(other, field))


def test_a_gate_has_all_of_zero_to_one() -> None:
    program = small_program(SmallV3)
    decisions = decide(program, inputs(12))
    (gate,) = [kernel for kernel in decisions.kernels if kernel.bounds == (0.0, 1.0)]
    assert decisions.activations[gate.output] == QParams.from_range(0, 1)


def test_no_code_before_a_hard_swish_is_spent_below_minus_three() -> None:
    decisions = decide(small_program(SmallV3), inputs(12) * 4)
    for kernel in decisions.kernels:
        if kernel.kind == "hardswish":
            q = decisions.activations[kernel.inputs[0]]
            assert (-128 - q.zero_point) * q.scale >= -3 - q.scale


def test_core_ml_has_no_quantize_between_convolution_and_hard_swish() -> None:
    program, photos = small_program(SmallV3), inputs(12)
    decisions = decide(program, photos)
    fused, separate = (write_program(program, decisions, d) for d in (COREML, XNNPACK))
    quantizes = qd.quantize_per_tensor.default
    assert operators(fused)[quantizes] == operators(separate)[quantizes] - 3


def test_hard_swish_as_products_is_hard_swish_within_a_code() -> None:
    program, photos = small_program(SmallV3), inputs(12)
    decisions = decide(program, photos)
    products = write_program(program, decisions, Dialect(unsigned=True, hardswish="products"))
    kernel = write_program(program, decisions, Dialect(unsigned=True))
    assert aten.hardswish.default not in operators(products)
    assert decibels(run(kernel, photos), run(products, photos)) > 25


class OneHardswish(nn.Module):
    """Where its gate is open half and more."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 12, 1)
        with torch.no_grad():
            self.conv.weight *= 0.3
            self.conv.bias.fill_(1.5)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.hardswish(self.conv(x)).mean((2, 3))


def test_hard_swish_as_products_is_on_average_neither_too_high_nor_too_low() -> None:
    """What is little in one adds up over the twenty of a MobileNetV3."""
    torch.manual_seed(0)
    program, photos = simplify(capture(OneHardswish(), (1, 3, SIDE, SIDE))), inputs(24)
    decisions = decide(program, photos)
    (swish,) = [kernel for kernel in decisions.kernels if kernel.kind == "hardswish"]
    products = write_program(program, decisions, Dialect(unsigned=True, hardswish="products"))
    kernel = write_program(program, decisions, Dialect(unsigned=True))
    shift = (run(products, photos) - run(kernel, photos)).mean()
    assert abs(float(shift)) < 0.03 * decisions.activations[swish.output].scale


def test_biases_make_up_for_the_mean_error_of_rounded_weights() -> None:
    program, photos = small_program(), inputs(12)
    # Of the weights alone: rounded activations have a mean error of their own.
    corrected = decide(program, photos).weights_only(graph_module(program))
    float_biases = {name: module_constant(program, name) for name in corrected.weights}
    plain = replace(
        corrected,
        weights={
            name: replace(weights, bias=float_biases[name])
            for name, weights in corrected.weights.items()
        },
    )

    def mean_error(decisions: Decisions) -> float:
        written = write_program(program, decisions, XNNPACK)
        return float((run(written, photos) - run(program, photos)).mean(0).abs().mean())

    assert mean_error(corrected) < 0.5 * mean_error(plain)


def module_constant(program: ExportedProgram, name: str) -> np.ndarray:
    module = graph_module(program)
    node = next(n for n in module.graph.nodes if n.name == name)
    bias = constant(module, node.args[2])
    assert bias is not None
    return bias.numpy()


def test_a_linear_over_the_last_axis_of_a_map_is_corrected_along_that_axis() -> None:
    class ChannelsLast(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.linear = nn.Conv2d(3, 6, 4, stride=4), nn.Linear(6, 5)

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.linear(self.conv(x).permute(0, 2, 3, 1)).mean((1, 2))
            return y

    torch.manual_seed(0)
    program, photos = capture(ChannelsLast(), SHAPE), inputs(6)
    written = write_program(program, decide(program, photos), XNNPACK)
    assert decibels(run(program, photos), run(written, photos)) > 30
