"""Rewrites for one backend's sake: each computes what it replaces, and converts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from small_network import LABELS, PREPROCESSING, SIDE, crops, inputs
from torch import Tensor, nn
from torch.nn import functional

from deploy.backends import BACKENDS
from deploy.capture.program import aten, capture, graph_module
from deploy.capture.simplify import simplify
from deploy.exporters import coreml, executorch, onnx
from deploy.exporters.interface import Spec
from deploy.exporters.rewrites.core_ml import for_core_ml
from deploy.exporters.rewrites.rewriting import prove
from deploy.pipeline.make import Job, make
from deploy.pipeline.recipe import Target
from deploy.quantization.ptq import decide
from deploy.quantization.write import write_program
from deploy.runtimes import load
from deploy.statistics.error_statistics import sqnr_db
from deploy.support.errors import ExportError


class Of(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


X = torch.randn(1, 4, 13, 10, generator=torch.Generator().manual_seed(0)) * 3

REWRITTEN: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "ceil": (lambda x: functional.avg_pool2d(x, 2, 3, ceil_mode=True), "mul"),
    "ceil, padded": (lambda x: functional.avg_pool2d(x, 3, 2, 1, ceil_mode=True), "mul"),
    "not counted": (
        lambda x: functional.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
        "mul",
    ),
    "counted": (lambda x: functional.avg_pool2d(x, 7, 4, 3), "constant_pad_nd"),
    "divisor": (lambda x: functional.avg_pool2d(x, 2, divisor_override=3), "mul"),
    "ceil for nothing": (lambda x: functional.max_pool2d(x, (1, 2), ceil_mode=True), "max_pool2d"),
    "gelu": (lambda x: functional.gelu(x, approximate="tanh"), "sigmoid"),
    "softplus": (lambda x: functional.softplus(x * 9, 2.0), "log1p"),
    "softplus, low threshold": (lambda x: functional.softplus(x, 2.0, 1.0), "where"),
    "softplus, threshold": (lambda x: functional.softplus(x, threshold=-1), "where"),
    "norm": (lambda x: functional.normalize(x * 400), "amax"),
    "norm of zeros": (lambda x: torch.linalg.vector_norm(x.relu() * 0 + x[:, :1], dim=2), "amax"),
    "remainder": (lambda x: (x % 1) * (1 - x % 1), "floor"),
    "fmod": (lambda x: torch.fmod(x, 1.5).abs() * (1.5 - torch.fmod(x, 1.5).abs()), "floor"),
    "floor division": (lambda x: torch.div(x + 0.01, 7.0, rounding_mode="floor"), "floor"),
    "truncation": (lambda x: torch.trunc(x) + torch.frac(x), "sign"),
    "clamp by tensors": (lambda x: x.clamp(x[:, :1] - 1, x[:, :1] + 1), "maximum"),
    "clamp by one tensor": (lambda x: x.clamp(max=x[:, :1]), "minimum"),
    "diagonal": (lambda x: torch.diagonal(x, -2, 3, 1), "index"),
    "circular": (lambda x: functional.pad(x, (1, 2, 3, 0), "circular"), "index"),
    "far replicate": (lambda x: functional.pad(x, (11, 0, 0, 14), "replicate"), "index"),
    "deep reflect": (lambda x: functional.pad(x, (0, 0, 1, 2, 3, 1), "reflect"), "index"),
    "near a whole scale": (
        lambda x: functional.interpolate(x, scale_factor=2.04, mode="bilinear"),
        "matmul",
    ),
    "mish": (functional.mish, "log1p"),
    "log_sigmoid": (functional.logsigmoid, "log1p"),
    "log_softmax": (lambda x: functional.log_softmax(x * 20, 1), "amax"),
    "rms_norm": (lambda x: functional.rms_norm(x, (10,)), "sqrt"),
    "rsqrt": (lambda x: torch.rsqrt(x.abs() + 1e-9), "sqrt"),
    "reciprocal": (lambda x: torch.reciprocal(x), "div"),
    "negative index": (lambda x: x[:, [0, -1]], "index"),
    "nearest": (lambda x: functional.interpolate(x, scale_factor=1.5), "index"),
    "bilinear": (
        lambda x: functional.interpolate(x, scale_factor=1.3, mode="bilinear"),
        "matmul",
    ),
    "nearest, of a broken scale": (
        lambda x: functional.interpolate(x[..., :10, :], scale_factor=2.04),
        "index",
    ),
    "bilinear, of a broken scale": (
        lambda x: functional.interpolate(x[..., :10, :], scale_factor=2.04, mode="bilinear"),
        "matmul",
    ),
    "unbatched": (lambda x: functional.avg_pool2d(x[0], 3, 2, 1, ceil_mode=True), "mul"),
    "tokens": (lambda x: functional.avg_pool2d(x.flatten(2), 3, 2, 1, ceil_mode=True), "mul"),
    "unbatched maximum": (
        lambda x: functional.max_pool2d(x[0], (1, 2), ceil_mode=True),
        "max_pool2d",
    ),
    "bicubic": (lambda x: functional.interpolate(x, (7, 21), mode="bicubic"), "matmul"),
    "smoothed": (
        lambda x: functional.interpolate(x, (5, 6), mode="bilinear", antialias=True),
        "matmul",
    ),
}
GONE = {
    "remainder",
    "fmod",
    "diagonal",
    "pad",
    "linalg_vector_norm",
    "gelu",
    "softplus",
    "mish",
    "log_sigmoid",
    "log_softmax",
    "rms_norm",
    "rsqrt",
    "reciprocal",
}


@pytest.mark.parametrize("name", REWRITTEN)
def test_a_rewrite_for_core_ml_computes_the_same(name: str) -> None:
    function, sign = REWRITTEN[name]
    module = graph_module(capture(Of(function), tuple(X.shape)))
    rewritten = for_core_ml(module, X)
    targets = [str(node.target) for node in rewritten.graph.nodes]
    assert any(sign in target for target in targets), targets
    assert not any(target == f"aten.{each}.default" for each in GONE for target in targets)
    right, got = module(X), rewritten(X)
    assert sqnr_db(right.double().numpy(), (got - right).double().numpy()) > 100


def test_whole_multiples_stay_the_resizes_that_core_ml_has() -> None:
    module = graph_module(
        capture(
            Of(
                lambda x: functional.interpolate(
                    functional.interpolate(x, scale_factor=2), (52, 20), mode="bilinear"
                )
            ),
            tuple(X.shape),
        )
    )
    targets = {str(node.target) for node in for_core_ml(module, X).graph.nodes}
    assert {"aten.upsample_nearest2d.vec", "aten.upsample_bilinear2d.vec"} <= targets


def test_pads_that_core_ml_knows_stay() -> None:
    module = graph_module(
        capture(Of(lambda x: functional.pad(x, (9, 1, 2, 0), "reflect")), tuple(X.shape))
    )
    assert aten.pad.default in {node.target for node in for_core_ml(module, X).graph.nodes}


def test_a_rewrite_that_computes_something_else_is_refused_by_name() -> None:
    right = graph_module(capture(Of(lambda x: x + 1), tuple(X.shape)))
    wrong = graph_module(capture(Of(lambda x: x + 1.001), tuple(X.shape)))
    (node,) = (node for node in wrong.graph.nodes if node.op == "call_function")
    node.name = "ours"
    message = (
        r"add as rewritten for this format is \d+\.\d dB.*: leave the format out with --formats"
    )
    with pytest.raises(ExportError, match=message):
        prove(right, wrong, {"ours": "add"}, X)


# With a threshold of 1 noise stays below it, and bright photos do not; with one of -1 both do not.
@pytest.mark.parametrize("threshold", [1.0, -1.0])
def test_rewrites_are_proved_on_noise_and_on_photos_and_told_once(
    threshold: float, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("deploy.exporters.rewrites.core_ml._SOFTPLUS_IS_LINEAR", -100)
    network = Of(lambda x: functional.softplus(x.mean((2, 3)), 1.0, threshold))
    program = capture(network, (1, 3, SIDE, SIDE))
    torch.export.save(program, tmp_path / "program.pt2")
    np.save(tmp_path / "crops.npy", np.full((1, SIDE, SIDE, 3), 255, np.uint8))
    job = Job(
        target=Target(format="coreml", precision="fp32"),
        backend=BACKENDS["coreml"],
        path=tmp_path / "m.mlpackage",
        program=tmp_path / "program.pt2",
        decisions=None,
        crops=tmp_path / "crops.npy",
        spec=Spec(precision="fp32", preprocessing=PREPROCESSING, labels=LABELS[:3]),
        allow_unverified=False,
    )
    with pytest.raises(
        ExportError, match=r"^softplus as rewritten for this format is -?\d+\.\d dB"
    ) as e:
        make(job)
    assert str(e.value).count("--formats") == 1


class Doubtful(nn.Module):
    """What coremltools would convert to something else, in one network."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.head = nn.Linear(8, len(LABELS))

    def forward(self, x: Tensor) -> Tensor:
        x = functional.softplus(self.stem(x), 2.0, 0.5)
        x = functional.avg_pool2d(functional.mish(x), 2, 3, ceil_mode=True)
        x = functional.gelu(functional.interpolate(x, size=(9, 7)), approximate="tanh")
        x = functional.max_pool2d(x[:, [-1, 0, 1, 2, 3, 4, 5, 6]], 2)
        x = functional.interpolate(x, scale_factor=1.7, mode="bilinear")
        return functional.log_softmax(self.head(x.mean((2, 3))), 1)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_what_core_ml_reads_otherwise_converts_and_is_proved(
    precision: str, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    program = simplify(capture(Doubtful(), (1, 3, SIDE, SIDE)))
    spec = Spec(precision=precision, preprocessing=PREPROCESSING, labels=LABELS)  # type: ignore[arg-type]
    converted = coreml.export(program, tmp_path / "m.mlpackage", spec)
    checks = coreml.prove(converted, tmp_path / "m.mlpackage", spec, crops(2))
    assert [check.measured for check in checks if not check.passed] == []


class Moving(nn.Module):
    """Slices, a chunk and concats between kernels of other scales."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.left, self.right = nn.Conv2d(4, 4, 3, 1, 1), nn.Conv2d(4, 4, 3, 1, 1)
        self.mixed = nn.Conv2d(8, 8, 1)
        self.head = nn.Linear(8, len(LABELS))

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(self.stem(x).relu(), 2)
        left, right = x[:, :4], x.tensor_split(2, 1)[1]
        x = torch.cat([self.left(left).relu(), self.right(right) + left], 1)
        return self.head(self.mixed(x.permute(0, 1, 3, 2)).mean((2, 3)))


def test_int8_values_that_move_are_rescaled_first_so_that_xnnpack_loads_them(
    tmp_path: Path,
) -> None:
    torch.manual_seed(0)
    program = simplify(capture(Moving(), (1, 3, SIDE, SIDE)))
    quantized = write_program(program, decide(program, inputs(8)), executorch.DIALECT)
    spec = Spec(precision="int8", preprocessing=PREPROCESSING, labels=LABELS)
    executorch.export(quantized, tmp_path / "m.pte", spec)
    got = load("executorch", tmp_path / "m.pte", PREPROCESSING).logits(crops(2))
    with torch.no_grad():
        right = torch.cat([graph_module(quantized)(photo[None]) for photo in inputs(2)])
    assert torch.equal(torch.from_numpy(got), right)
    assert executorch.count_operators(tmp_path / "m.pte").heavy_in_float() == {}
    assert aten.max_pool2d.default in {node.target for node in quantized.graph.nodes}


class Flattened(nn.Module):
    """A head that reads every position of a map."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 8, 1)
        self.head = nn.Linear(8 * 16, len(LABELS))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.stem(x).relu().flatten(1))


def test_a_map_that_int8_flattens_is_proved_for_core_ml(tmp_path: Path) -> None:
    torch.manual_seed(0)
    program = simplify(capture(Flattened(), (1, 3, SIDE, SIDE)))
    quantized = write_program(program, decide(program, inputs(8)), coreml.DIALECT)
    spec = Spec(precision="int8", preprocessing=PREPROCESSING, labels=LABELS)
    converted = coreml.export(quantized, tmp_path / "m.mlpackage", spec)
    checks = coreml.prove(converted, tmp_path / "m.mlpackage", spec, crops(2))
    assert [check.measured for check in checks if not check.passed] == []


class Gated(nn.Module):
    """A softmax of nearly equal logits, as of an untrained attention over branches."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.gate = nn.Conv2d(3, 8, 3, 8, 1), nn.Linear(8, 2)
        self.head = nn.Linear(2, len(LABELS), bias=False)
        self.gate.weight.data /= 30

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.gate(self.stem(x).relu().mean((2, 3))).softmax(1))


def test_onnxruntimes_own_int8_softmax_is_not_relied_on(tmp_path: Path) -> None:
    torch.manual_seed(0)
    program = simplify(capture(Gated(), (1, 3, SIDE, SIDE)))
    quantized = write_program(program, decide(program, inputs(8)), onnx.DIALECT)
    onnx.export(
        quantized,
        tmp_path / "m.onnx",
        Spec(precision="int8", preprocessing=PREPROCESSING, labels=LABELS),
    )
    got = load("onnx", tmp_path / "m.onnx", PREPROCESSING).logits(crops(2))
    with torch.no_grad():
        right = torch.cat([graph_module(quantized)(photo[None]) for photo in inputs(2)])
    np.testing.assert_allclose(got, right, rtol=0.02)
