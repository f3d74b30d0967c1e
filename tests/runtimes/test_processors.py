"""int8 on processors whose dot products saturate, on whichever processor this is."""

from __future__ import annotations

import ctypes
import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from places import HELPERS, ROOT
from session_builds import CommandBuild
from small_network import LABELS, PREPROCESSING

from deploy.bundle.open import Bundle, open_bundle
from deploy.capture.simplify import simplify
from deploy.exporters import onnx as onnx_export
from deploy.exporters.interface import Spec
from deploy.exporters.onnx import shared_int8_constants
from deploy.photos.images import normalize
from deploy.quantization.ptq import decide
from deploy.quantization.write import write_program
from deploy.runtimes import processor
from deploy.runtimes.onnx_session import open_session
from deploy.statistics.error_statistics import compare_logits
from deploy.verification.gates import GOLDEN_LOSS_DB

CHILD = HELPERS / "saturating_child.py"


@pytest.fixture(scope="module")
def bundle(real_build: CommandBuild) -> Bundle:
    return open_bundle(real_build.bundle)


def own_program(bundle: Bundle) -> float:
    """dB of the program that the int8 .onnx was made from, on the golden photos."""
    own = compare_logits(bundle.golden_logits_float(), bundle.golden_logits("onnx-int8"))
    return own.sqnr_db


def golden_inputs(bundle: Bundle) -> npt.NDArray[np.float32]:
    return normalize(bundle.golden_crops(), bundle.manifest.input.preprocessing())


def test_an_emulated_haswell_saturates_unless_it_is_opened_our_way(
    bundle: Bundle, tmp_path: Path
) -> None:
    """The same on every machine: this processor may have VNNI, a Haswell of 2013 has not."""
    emulator = shutil.which("qemu-x86_64")
    if emulator is None or platform.machine() != "x86_64":
        pytest.skip("no qemu-x86_64 to run this x86-64 Python: apt-get install qemu-user")
    np.save(tmp_path / "inputs.npy", golden_inputs(bundle)[:4])
    model = bundle.path_of(bundle.artifact("onnx-int8"))
    command = [emulator, "-cpu", "Haswell", sys.executable, str(CHILD), str(model)]
    command += [str(tmp_path / "inputs.npy"), str(tmp_path / "outputs.npz")]
    # The checkout first: no other installed version of ours is asked.
    environment = {"PYTHONPATH": str(ROOT), "PATH": "", "OMP_NUM_THREADS": "1"}
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=300)
    answers = np.load(tmp_path / "outputs.npz")
    assert answers["saturates"]
    reference = bundle.golden_logits_float()[:4]
    least = compare_logits(reference, bundle.golden_logits("onnx-int8")[:4]).sqnr_db
    assert compare_logits(reference, answers["ours"]).sqnr_db >= least - GOLDEN_LOSS_DB
    assert compare_logits(reference, answers["plain"]).sqnr_db < least - GOLDEN_LOSS_DB


def test_the_int8_onnx_is_right_on_this_processor(bundle: Bundle) -> None:
    session = open_session(bundle.path_of(bundle.artifact("onnx-int8")))
    answers = [session.run(None, {"input": x[None]})[0] for x in golden_inputs(bundle)]
    reached = compare_logits(bundle.golden_logits_float(), np.concatenate(answers)).sqnr_db
    assert reached >= own_program(bundle) - GOLDEN_LOSS_DB


def test_no_int8_constant_of_the_real_bundle_has_two_readers(bundle: Bundle) -> None:
    assert shared_int8_constants(bundle.path_of(bundle.artifact("onnx-int8"))) == []
    checks = json.loads((bundle.folder / "verification.json").read_bytes())["artifacts"]
    gates = {check["gate"]: check for check in checks["onnx-int8"]["checks"]}
    assert gates["readers of each int8 constant"]["passed"]


class Shared(torch.nn.Module):
    """One convolution that is used twice: its int8 weight has two readers."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem, self.twice = torch.nn.Conv2d(3, 8, 3), torch.nn.Conv2d(8, 8, 3, padding=1)
        self.head = torch.nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.stem(x))
        x = torch.relu(self.twice(torch.relu(self.twice(x)))) + x
        logits: torch.Tensor = self.head(x.mean((2, 3)))
        return logits


def test_a_layer_that_is_used_twice_is_written_twice(tmp_path: Path) -> None:
    images = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    program = simplify(torch.export.export(Shared().eval(), (images[:1],)))
    program = write_program(program, decide(program, images), onnx_export.DIALECT)
    path = tmp_path / "shared.onnx"
    spec = Spec(precision="int8", preprocessing=PREPROCESSING, labels=LABELS)
    onnx_export.export(program, path, spec)
    assert shared_int8_constants(path) == []
    (answer,) = open_session(path).run(None, {"input": images[:1].numpy()})
    expected = program.module()(images[:1]).detach().numpy()
    assert compare_logits(expected, answer).sqnr_db > 30


def test_the_gate_names_a_constant_with_two_readers(tmp_path: Path) -> None:
    zero = helper.make_tensor("zero", TensorProto.INT8, [], [0])
    scale = helper.make_tensor("scale", TensorProto.FLOAT, [], [0.1])
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["y"]),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [zero, scale])
    onnx.save(helper.make_model(graph), tmp_path / "two.onnx")
    assert shared_int8_constants(tmp_path / "two.onnx") == ["zero has 2"]


@pytest.mark.parametrize(
    ("machine", "glibc", "numpy", "saturates"),
    [
        ("x86_64", True, False, False),
        ("x86_64", False, True, False),
        ("AMD64", False, False, True),
        ("arm64", False, False, False),
        ("aarch64", False, False, False),
    ],
)
def test_only_an_x86_that_nobody_says_has_vnni_saturates(
    monkeypatch: pytest.MonkeyPatch, machine: str, glibc: bool, numpy: bool, saturates: bool
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(processor, "_by_glibc", lambda: glibc)
    monkeypatch.setattr(processor, "_by_numpy", lambda: numpy)
    assert processor.int8_saturates() is saturates


def test_without_a_c_library_that_tells_it_says_no(monkeypatch: pytest.MonkeyPatch) -> None:
    """An older glibc, musl, macOS: the symbol is missing; Windows: no library without a name."""
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert processor._by_glibc() is False

    def refuse(name: None) -> None:
        raise TypeError("bad argument type for built-in operation")

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    assert processor._by_glibc() is False


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/cpuinfo is Linux's")
def test_outside_an_emulator_it_agrees_with_what_linux_says() -> None:
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    if processor.is_x86():
        assert processor.int8_saturates() is not ("avx512_vnni" in flags or "avx_vnni" in flags)
    assert processor.describe_int8().startswith(platform.machine())
