"""What other people's networks are made of, as artifacts: run, and held against the network itself.

One network has it all: a Sequential at the root, batch norms that stand alone, padding in words,
weights that are computed, concatenations, convolutions in one dimension, a cosine classifier.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import torch
from small_network import LABELS, PREPROCESSING, SIDE, crops, decibels, inputs
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.nn import functional as F  # noqa: N812 - as everybody has it.
from torch.nn.utils import parametrizations

from deploy.capture.macs import node_macs
from deploy.capture.program import capture, graph_module
from deploy.capture.simplify import simplify
from deploy.exporters.interface import Spec
from deploy.exporters.operators import OperatorCount, Work
from deploy.exporters.portable import slow_kernels
from deploy.quantization.cross_layer_equalization import equalize
from deploy.quantization.ptq import Decisions, Steps, decide
from deploy.quantization.share import int8_share, short_of_int8
from deploy.quantization.write import write_program
from deploy.runtimes import load


class Joined(nn.Module):
    """Its input beside what a dense layer makes of it, shuffled, padded and cut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.conv = nn.Conv2d(channels, channels, 4, padding="same")
        self.after = nn.Conv2d(2 * channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([x, self.conv(F.relu(self.norm(x)))], 1)
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        return F.relu(self.after(F.pad(x, (1, 2, 0, 1))[:, :, 1:]))


class Sequence(nn.Module):
    """Positions as one axis."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, channels, 4, padding="same", bias=False)
        self.norm = nn.BatchNorm1d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x.flatten(2)))).view_as(x)


class Cosine(nn.Module):
    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, channels))

    def forward(self, x: Tensor) -> Tensor:
        return 10 * F.linear(F.normalize(x), F.normalize(self.weight))


def network() -> nn.Module:
    torch.manual_seed(0)
    made = nn.Sequential(
        nn.BatchNorm2d(3, affine=False),
        parametrizations.weight_norm(nn.Conv2d(3, 8, 3, stride=2, padding=1)),
        nn.ReLU(),
        Joined(8),
        Sequence(8),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.BatchNorm1d(8),
        nn.Linear(8, 8),
        nn.ReLU(),
        Cosine(8, len(LABELS)),
    )
    for module in made.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(std=0.3)
            module.running_var.uniform_(0.5, 2)
    return made.eval()


@pytest.fixture(scope="module")
def answers() -> Tensor:
    with torch.inference_mode():
        return torch.cat([network()(photo[None]) for photo in inputs(8)])


@pytest.fixture(scope="module")
def program() -> ExportedProgram:
    return simplify(capture(network(), (1, 3, SIDE, SIDE)))


@pytest.fixture(scope="module")
def equalized(program: ExportedProgram) -> ExportedProgram:
    return equalize(program, inputs(8))


@pytest.fixture(scope="module")
def decisions(equalized: ExportedProgram) -> Decisions:
    return decide(equalized, inputs(8), steps=Steps(learned_rounding=False))


@pytest.mark.parametrize(
    ("format_name", "suffix"), [("executorch", ".pte"), ("onnx", ".onnx")], ids=["pte", "onnx"]
)
def test_the_artifacts_answer_as_the_network_does(
    format_name: str,
    suffix: str,
    answers: Tensor,
    program: ExportedProgram,
    equalized: ExportedProgram,
    decisions: Decisions,
    tmp_path: Path,
) -> None:
    exporter = importlib.import_module(f"deploy.exporters.{format_name}")
    for precision, written in (
        ("fp32", program),
        ("int8", write_program(equalized, decisions, exporter.DIALECT)),
    ):
        path = tmp_path / f"{precision}{suffix}"
        exporter.export(
            written,
            path,
            Spec(precision=precision, preprocessing=PREPROCESSING, labels=LABELS),
        )
        logits = load(format_name, path, PREPROCESSING).logits(crops(8))
        least = 90 if precision == "fp32" else 20
        assert decibels(answers, torch.from_numpy(logits)) > least
        operators = exporter.count_operators(path)
        if precision == "int8":
            assert operators.heavy_in_float() == decisions.heavy_in_float() == {}
            assert operators.inside["conv.int8"] == 6
            assert operators.inside["linear.int8"] == 2


def test_int8_covers_all_of_it(equalized: ExportedProgram, decisions: Decisions) -> None:
    module = graph_module(equalized)
    assert int8_share(module, decisions.kernels) == (1, {})
    assert short_of_int8(module, decisions.kernels) == []


class Dynamic(nn.Module):
    """Nine tenths of its work with a kernel that the photo decides on."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8, 4)
        self.weight = nn.Parameter(torch.randn(8, 8, 3, 3))
        self.up = nn.ConvTranspose2d(8, 8, 2, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).relu()
        x = self.up(F.conv2d(x, self.weight * x.mean(), padding=1))
        logits: Tensor = self.head(x.mean((2, 3)))
        return logits


def test_what_int8_does_not_cover_is_told_with_its_share_and_the_reason() -> None:
    module = graph_module(simplify(capture(Dynamic(), (1, 3, 16, 16))))
    macs = node_macs(module)
    positions = 16 * 16
    assert sorted(macs.values(), reverse=True) == [
        positions * 8 * 8 * 9,
        positions * 8 * 8 * 4,
        positions * 8 * 3 * 9,
        8 * 4,
    ]
    kernels = [
        *decide(simplify(capture(Dynamic(), (1, 3, 16, 16))), torch.randn(4, 3, 16, 16)).kernels
    ]
    (warning,) = short_of_int8(module, kernels)
    assert warning.startswith("int8 covers 21 % of the multiply-accumulates")
    assert "55 % in conv2d with weights that are computed from the photo" in warning
    assert "24 % in transposed convolutions" in warning


def test_kernels_outside_the_delegate_are_told_where_they_take_time() -> None:
    heavy = Work(operator="convolution", macs=1000, elements=10)
    light = Work(operator="flip", macs=0, elements=10)
    count = OperatorCount(inside={}, outside={"conv": 1}, outside_work=(heavy, light))
    (warning,) = slow_kernels("executorch-fp32", count, 10_000)
    assert warning.startswith(
        "executorch-fp32 computes 1 convolution, 1 flip outside XNNPACK, 10 % of its "
        "multiply-accumulates"
    )
    assert warning.endswith("an estimated 92 % of its time")
    few = OperatorCount(inside={}, outside={"flip": 1}, outside_work=(light,))
    assert slow_kernels("executorch-fp32", few, 1_000_000) == []


def test_a_portable_convolution_counts_as_one_and_with_its_work(tmp_path: Path) -> None:
    from deploy.exporters import executorch

    program = simplify(capture(Dynamic(), (1, 3, 16, 16)))
    path = tmp_path / "dynamic.pte"
    spec = Spec(precision="fp32", preprocessing=PREPROCESSING, labels=LABELS)
    executorch.export(program, path, spec)
    operators = executorch.count_operators(path)
    assert operators.outside["conv"] == 1
    macs = {work.operator: work.macs for work in operators.outside_work}
    assert macs["convolution"] == 16 * 16 * 8 * 8 * 9


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.gru = nn.Conv2d(3, 4, 3, stride=4), nn.GRU(4, 4, batch_first=True)
        self.head = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        rows, _ = self.gru(self.stem(x).relu().mean(2).transpose(1, 2))
        logits: Tensor = self.head(rows[:, -1])
        return logits


def test_an_operator_of_several_results_is_told_as_what_it_is() -> None:
    module = graph_module(simplify(capture(Recurrent(), (1, 3, 16, 16))))
    (warning,) = short_of_int8(module, [])
    assert "in gru, which not every runtime has in int8" in warning


class Unusual(nn.Module):
    """What one toolkit or another refuses, loses an argument of, or takes for something else."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8, padding_mode="circular")
        self.register_buffer("n", torch.linspace(0.5, 3.0, 8).view(1, 8, 1, 1))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8 * 9 * 2 + 25 * 8, len(LABELS))

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.stem(x))  # 8 x 16 x 16
        y = torch.add(x, self.n / self.depthwise(x).abs().add(1), alpha=0.5)
        gate = torch.max(y, 1, keepdim=True)[0] > 0.8
        y = torch.where(gate, y, 0.5 * y)
        # Windows of several sizes, and a scale that is not that of the sizes.
        a = F.adaptive_max_pool2d(y, (5, 5))
        b = F.adaptive_avg_pool2d(F.interpolate(y, scale_factor=0.72, mode="bilinear"), 3)
        tokens = b.flatten(2).transpose(1, 2)
        c = F.normalize(self.attention(tokens, tokens, tokens, need_weights=False)[0] * 500, dim=2)
        d = torch.diagonal(b.flatten(2) @ c, dim1=1, dim2=2)[..., None].expand(-1, -1, 9)
        logits: Tensor = self.head(torch.cat([e.flatten(1) for e in (a, c, d)], 1))
        return logits


@pytest.mark.parametrize("format_name", ["executorch", "onnx", "coreml"])
def test_what_toolkits_stumble_over_is_right_in_each(format_name: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    made = Unusual().to(memory_format=torch.channels_last).eval()
    program = simplify(capture(made, (1, 3, SIDE, SIDE)))
    exporter = importlib.import_module(f"deploy.exporters.{format_name}")
    path = tmp_path / ("unusual.mlpackage" if format_name == "coreml" else "unusual")
    spec = Spec(
        precision="fp16" if format_name == "coreml" else "fp32",
        preprocessing=PREPROCESSING,
        labels=LABELS,
    )
    converted = exporter.export(program, path, spec)
    if hasattr(exporter, "prove"):
        checks = exporter.prove(converted, path, spec, crops(2))
        assert [check.measured for check in checks if not check.passed] == []
    got = torch.from_numpy(load(format_name, path, PREPROCESSING).logits(crops(4)))
    with torch.inference_mode():
        right = torch.cat([made(photo[None]) for photo in inputs(4)])
    if format_name == "coreml":  # Probabilities, which leave a constant open.
        right, got = (logits - logits.mean(1, keepdim=True) for logits in (right, got))
    assert decibels(right, got) > (40 if format_name == "coreml" else 100)
