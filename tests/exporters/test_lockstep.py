"""The lockstep gate on real conversions of small int8 networks, sound and broken."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import coremltools as ct
import pytest
import torch
import torch.ao.quantization.fx._decomposed  # registers quantized_decomposed
from torch import Tensor, nn
from torch.nn import functional

from deploy.exporters.core_ml_proof.lockstep import compare_in_lockstep, judge_lockstep
from deploy.exporters.core_ml_proof.reference import ReferenceGraph
from deploy.runtimes.mil.load import load_program
from deploy.runtimes.mil.program import MilProgram
from deploy.support.errors import GateError

MISCOMPILING_PASS = "common::int_op_canonicalization"


def through_int8(x: Tensor, scale: float, zero_point: int = 0) -> Tensor:
    """Quantize and dequantize, as PT2E writes it."""
    int8 = (scale, zero_point, -128, 127, torch.int8)
    steps = torch.ops.quantized_decomposed.quantize_per_tensor(x, *int8)
    return torch.ops.quantized_decomposed.dequantize_per_tensor(steps, *int8)


class Int8Conv(nn.Module):
    """A convolution with per-channel int8 weights."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        float_conv = nn.Conv2d(inputs, outputs, 3, groups=groups)
        weight = float_conv.weight.detach()
        scale = weight.abs().amax((1, 2, 3)) / 127
        self.stride, self.groups = stride, groups
        self.register_buffer("scale", scale)
        self.register_buffer("zero_point", torch.zeros(outputs, dtype=torch.int64))
        self.register_buffer("weight", (weight / scale[:, None, None, None]).round().to(torch.int8))
        self.register_buffer("bias", float_conv.bias.detach())

    def forward(self, x: Tensor) -> Tensor:
        weight = torch.ops.quantized_decomposed.dequantize_per_channel(
            self.weight, self.scale, self.zero_point, 0, -127, 127, torch.int8
        )
        return functional.conv2d(x, weight, self.bias, self.stride, 1, groups=self.groups)


class Residual(nn.Module):
    """What MobileNets are made of: relu6, hard-swish, squeeze-and-excite, a shortcut, a mean.

    The zero points of -128 become uint8, and the shortcut has its scales normalized.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = Int8Conv(3, 16, stride=2)
        self.depthwise = Int8Conv(16, 16, groups=16)
        self.excite = nn.Conv2d(16, 16, 1)
        self.project = Int8Conv(16, 16)
        self.head = nn.Linear(16, 10)

    def forward(self, pixels: Tensor) -> Tensor:
        x = through_int8((pixels - 127.5) / 58.0, 0.0175, -1)
        x = through_int8(functional.relu6(self.stem(x)), 0.0235, -128)
        y = through_int8(functional.hardswish(self.depthwise(x)), 0.0131, -100)
        gate = functional.hardsigmoid(self.excite(y.mean((2, 3), keepdim=True)))
        y = through_int8(y * through_int8(gate, 1 / 255, -128), 0.0117, -95)
        y = through_int8(self.project(y), 0.0087, 4)
        x = through_int8(x + y, 0.0237, -90)
        x = through_int8(x.mean((2, 3), keepdim=True).flatten(1).clone(), 0.0113, -128)
        return self.head(x).softmax(1)


class Requantized(nn.Module):
    """dequantize(s1) -> reshape -> quantize(s2), which the miscompiling pass makes a reshape."""

    def __init__(self, first: float, second: float) -> None:
        super().__init__()
        self.first, self.second = first, second
        self.conv = Int8Conv(3, 8)
        self.head = nn.Linear(8 * 16 * 16, 10)

    def forward(self, pixels: Tensor) -> Tensor:
        x = through_int8(self.conv(pixels / 255), self.first)
        return self.head(through_int8(x.flatten(1), self.second))


def convert(
    exported: torch.export.ExportedProgram,
    path: Path,
    *,
    float16: bool = False,
    removed: frozenset[str] = frozenset({MISCOMPILING_PASS}),
) -> MilProgram:
    pipeline = ct.PassPipeline()
    pipeline.remove_passes(removed)
    model = ct.convert(
        exported,
        inputs=[ct.ImageType(name="image", shape=(1, 3, 16, 16))],
        classifier_config=ct.ClassifierConfig([str(i) for i in range(10)]),
        minimum_deployment_target=ct.target.iOS17,
        compute_precision=ct.precision.FLOAT16 if float16 else ct.precision.FLOAT32,
        pass_pipeline=pipeline,
        skip_model_load=True,
    )
    model.save(str(path))
    return load_program(path)


def export(module: nn.Module) -> torch.export.ExportedProgram:
    return torch.export.export(module.eval(), (torch.zeros(1, 3, 16, 16),)).run_decompositions({})


@pytest.fixture(scope="module")
def images() -> list[Tensor]:
    generator = torch.Generator().manual_seed(4)
    return [torch.randint(0, 256, (1, 3, 16, 16), generator=generator).float() for _ in range(3)]


@pytest.fixture(scope="module")
def residual() -> torch.export.ExportedProgram:
    torch.manual_seed(5)
    return export(Residual())


@pytest.fixture(scope="module")
def exact(
    residual: torch.export.ExportedProgram, tmp_path_factory: pytest.TempPathFactory
) -> MilProgram:
    return convert(residual, tmp_path_factory.mktemp("exact") / "m.mlpackage")


def test_a_float32_conversion_is_exact_in_every_operator(
    exact: MilProgram, residual: torch.export.ExportedProgram, images: list[Tensor]
) -> None:
    report = compare_in_lockstep(exact, residual, images)
    assert judge_lockstep(report, exact=True) == []
    assert report.output_compared
    assert report.missing_quantizes == ()
    assert report.compared == {
        "quantize": (8, 8),
        "dequantize": (11, 11),
        "convolution": (4, 4),
        "linear": (1, 1),
    }


def test_the_rewrites_of_coremltools_are_undone_not_overlooked(exact: MilProgram) -> None:
    quantizes = [op for op in exact.operations if op.op_type == "quantize"]
    assert {op.outputs[0].dtype for op in quantizes} == {"int8", "uint8"}
    scales = [
        exact.constants[str(op.inputs["scale"])]
        for op in exact.operations
        if op.op_type == "dequantize"
    ]
    assert 1.0 in scales  # the shortcut's: scales were normalized


def test_a_float16_conversion_holds_to_its_tolerance_and_is_not_exact(
    residual: torch.export.ExportedProgram, images: list[Tensor], tmp_path: Path
) -> None:
    program = convert(residual, tmp_path / "m.mlpackage", float16=True)
    report = compare_in_lockstep(program, residual, images)
    assert judge_lockstep(report, exact=False) == []
    assert all(kept == total for kept, total in report.compared.values())
    assert judge_lockstep(report, exact=True) != []


@pytest.mark.parametrize("float16", [False, True])
def test_the_silent_miscompile_is_caught_by_name(
    float16: bool, images: list[Tensor], tmp_path: Path
) -> None:
    reference = export(Requantized(0.01, 0.013))
    broken = convert(reference, tmp_path / "broken.mlpackage", float16=float16, removed=frozenset())
    reasons = judge_lockstep(compare_in_lockstep(broken, reference, images), exact=not float16)
    assert (
        "quantize_per_tensor_1: the package has no quantize of its input, scale and zero point"
        in reasons
    )
    assert any(reason.startswith("linear (linear):") for reason in reasons)

    sound = convert(reference, tmp_path / "sound.mlpackage", float16=float16)
    assert judge_lockstep(compare_in_lockstep(sound, reference, images), exact=not float16) == []


def test_dropping_a_quantize_that_changes_nothing_is_no_fault(
    images: list[Tensor], tmp_path: Path
) -> None:
    reference = export(Requantized(0.01, 0.01))
    program = convert(reference, tmp_path / "m.mlpackage", removed=frozenset())
    quantizes = [op for op in program.operations if op.op_type == "quantize"]
    assert len(quantizes) == 1
    assert judge_lockstep(compare_in_lockstep(program, reference, images), exact=True) == []


def with_constant(program: MilProgram, operator: str, parameter: str, value: Any) -> MilProgram:
    """The program with a constant parameter of one operator replaced."""
    (operation,) = (op for op in program.operations if op.outputs[0].name == operator)
    name = f"{operator}.{parameter}.changed"
    changed = dataclasses.replace(operation, inputs={**operation.inputs, parameter: name})
    return dataclasses.replace(
        program,
        operations=tuple(changed if op is operation else op for op in program.operations),
        constants={**program.constants, name: value},
    )


@pytest.mark.parametrize(
    ("op_type", "parameter", "value", "culprit"),
    [
        ("quantize", "scale", 0.0171, "quantize_per_tensor: "),
        ("quantize", "scale", 0.01751, "quantize_per_tensor (quantize)"),
        ("quantize", "zero_point", -2, "quantize_per_tensor: "),
        ("dequantize", "scale", 0.0171, "conv2d (conv)"),
        ("conv", "bias", torch.zeros(16), "conv2d (conv)"),
        ("sigmoid_hard", "beta", 0.501, "hardswish (mul)"),
        ("reduce_mean", "axes", (3, 2), None),
    ],
)
def test_a_changed_parameter_is_caught_at_the_operator_that_feels_it(
    op_type: str,
    parameter: str,
    value: Any,
    culprit: str | None,
    exact: MilProgram,
    residual: torch.export.ExportedProgram,
    images: list[Tensor],
) -> None:
    first = next(op for op in exact.operations if op.op_type == op_type)
    broken = with_constant(exact, first.outputs[0].name, parameter, value)
    reasons = judge_lockstep(compare_in_lockstep(broken, residual, images), exact=True)
    if culprit is None:  # the same function, written otherwise
        assert reasons == []
    else:
        assert any(reason.startswith(culprit) for reason in reasons), reasons


def test_a_quantize_off_by_two_steps_fails_even_in_float16(
    exact: MilProgram, residual: torch.export.ExportedProgram, images: list[Tensor]
) -> None:
    report = compare_in_lockstep(exact, residual, images)
    steps = next(error for error in report.operators if error.op_type == "quantize")
    assert (steps.max_lsb, steps.sqnr_db, steps.mismatched) == (0, math.inf, 0)
    off = dataclasses.replace(steps, max_lsb=2, mismatched=7, off_tie=7)
    one_off = dataclasses.replace(steps, max_lsb=1, mismatched=7, off_tie=0)
    for error, exactly, fails in (
        (off, False, True),
        (one_off, True, False),
        (dataclasses.replace(one_off, off_tie=1), True, True),
        (dataclasses.replace(one_off, off_tie=1), False, False),
    ):
        judged = judge_lockstep(dataclasses.replace(report, operators=(error,)), exact=exactly)
        assert bool(judged) == fails


@pytest.mark.parametrize(("value", "figure"), [(math.nan, "nan dB"), (math.inf, "-inf dB")])
def test_a_value_that_is_not_finite_fails(
    value: float,
    figure: str,
    exact: MilProgram,
    residual: torch.export.ExportedProgram,
    images: list[Tensor],
) -> None:
    (name,) = (op.outputs[0].name for op in exact.operations if op.op_type == "linear")
    broken = with_constant(exact, name, "bias", torch.full((10,), value))
    reasons = judge_lockstep(compare_in_lockstep(broken, residual, images), exact=False)
    assert any(reason.startswith(f"linear (linear): {figure}") for reason in reasons)


def test_an_output_without_counterpart_fails(
    exact: MilProgram, residual: torch.export.ExportedProgram, images: list[Tensor]
) -> None:
    report = compare_in_lockstep(exact, residual, images)
    unpaired = dataclasses.replace(report, output_compared=False)
    assert judge_lockstep(unpaired, exact=True) == [
        "the program's output has no counterpart in the reference"
    ]


def test_two_inputs_are_refused(exact: MilProgram, images: list[Tensor]) -> None:
    class Sum(nn.Module):
        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return x + y

    two = torch.export.export(Sum(), (images[0], images[1]))
    with pytest.raises(GateError, match="one input"):
        compare_in_lockstep(exact, two, images)


class Moved(nn.Module):
    """Chunks, channel shuffles, slices, views and concats, quantized on either side."""

    def __init__(self, body: Callable[[list[Int8Conv], Tensor], Tensor]) -> None:
        super().__init__()
        self.stem = Int8Conv(3, 8)
        self.convs = nn.ModuleList(Int8Conv(4, 4) for _ in range(3))
        self.norm = nn.BatchNorm1d(8)
        self.norm.running_mean.uniform_(-0.1, 0.1)
        self.norm.running_var.uniform_(0.5, 1.5)
        self.head = nn.Linear(8, 10)
        self.body = body

    def forward(self, pixels: Tensor) -> Tensor:
        x = through_int8(self.stem(through_int8(pixels / 255, 1 / 255, -128)).relu(), 0.011, -128)
        x = through_int8(self.body(list(self.convs), x).mean((2, 3)), 0.004, -128)
        x = through_int8(self.norm(x), 0.013, 3)  # a norm of vectors: Core ML's has two axes more
        return through_int8(self.head(x), 0.01).softmax(1)


def q(x: Tensor, step: int = 0) -> Tensor:
    return through_int8(x, 0.011 + 0.001 * step, -100 - step)


def shuffled(x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    return x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)


def shuffle_net(convs: list[Int8Conv], x: Tensor) -> Tensor:
    for conv in convs:
        kept, branch = x.chunk(2, 1)
        x = q(shuffled(torch.cat([kept, q(conv(q(branch)), 1)], 1)), 2)
    return x


def c2f(convs: list[Int8Conv], x: Tensor) -> Tensor:
    parts = list(x.split([4, 4], 1))
    for i, conv in enumerate(convs[:2]):
        parts.append(q(conv(q(parts[-1], i)), i + 1))
    return q(torch.cat([torch.cat(parts[:2], 1), torch.cat(parts[2:], 1)], 1), 3)[:, 4:12]


def two_readers(convs: list[Int8Conv], x: Tensor) -> Tensor:
    left, right = x.tensor_split(2, 1)
    same = q(left)
    both = q(q(convs[0](same), 1) + q(convs[1](same), 2), 3)
    return torch.cat([q(both + q(right), 4), x[:, -4:].flip(1)], 1)


def views(convs: list[Int8Conv], x: Tensor) -> Tensor:
    left, right = x.unflatten(1, (2, 4)).unbind(1)
    turned = q(convs[0](q(left.flatten(2).unflatten(2, (16, 16)).permute(0, 1, 3, 2))), 1)
    return q(torch.stack([turned, q(right[:, [3, 1, 0, 2]], 1)], 2).flatten(1, 2), 1)


def focus(convs: list[Int8Conv], x: Tensor) -> Tensor:
    corners = [x[:, :2, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    folded = q(torch.cat(corners, 1), 1) + q(functional.pixel_unshuffle(x[:, 2:4], 2), 2)
    gated = q(folded[:, :4], 3) * q(folded[:, 4:].sigmoid(), 4)
    return torch.cat(
        [q(gated, 5), q(functional.pixel_shuffle(folded, 2), 5)[:, :, :8, :8]], 1
    ).repeat(1, 2, 1, 1)[:, :8]


@pytest.mark.parametrize(
    ("body", "float16"),
    [*((body, False) for body in (shuffle_net, c2f, two_readers, views, focus)), (c2f, True)],
)
def test_moved_values_are_paired_by_what_they_are_made_of(
    body: Callable[[list[Int8Conv], Tensor], Tensor],
    float16: bool,
    images: list[Tensor],
    tmp_path: Path,
) -> None:
    torch.manual_seed(7)
    reference = export(Moved(body))
    program = convert(reference, tmp_path / "m.mlpackage", float16=float16)
    report = compare_in_lockstep(program, reference, images)
    assert judge_lockstep(report, exact=not float16) == []
    assert report.output_compared
    assert report.compared["convolution"][0] == report.compared["convolution"][1]


def test_a_chunk_taken_for_the_other_is_caught(images: list[Tensor], tmp_path: Path) -> None:
    torch.manual_seed(7)
    reference = export(Moved(shuffle_net))
    program = convert(reference, tmp_path / "m.mlpackage")
    (split, *_) = (op for op in program.operations if op.op_type == "split")
    exchanged = dataclasses.replace(split, outputs=split.outputs[::-1])
    broken = dataclasses.replace(
        program, operations=tuple(exchanged if op is split else op for op in program.operations)
    )
    assert judge_lockstep(compare_in_lockstep(broken, reference, images), exact=True) != []


def test_values_that_nothing_moves_are_not_numbered_one_by_one() -> None:
    """At eight bytes for each of a network's values a large photo would take gigabytes."""

    class Straight(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            for _ in range(8):
                x = x.relu() + 1
            return x.flip(1) + x.mean()

    graph = ReferenceGraph(torch.export.export(Straight(), (torch.zeros(1, 3, 8, 8),)))
    held = [value for value in graph._elements.values() if isinstance(value, Tensor)]
    assert len(held) == 1  # What flip moved.
    (last,) = (n for n in graph.nodes if n.name == "add_7")
    assert graph.made_of(graph.elements("add_7")) is last
    assert graph.made_of(graph.elements("add_7").flip(1)) is graph.by_name["flip"]
    assert graph.made_of(graph.elements("add_7").flip(2)) is None
