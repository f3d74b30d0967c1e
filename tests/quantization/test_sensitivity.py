"""`sensitivity`: what each part of an int8 network costs, as a report, a table and a picture."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from small_network import Small, SmallV3, inputs, run, small_program
from small_photos import write_photos
from torch.fx import GraphModule

from deploy.capture.program import graph_module
from deploy.cli import commands
from deploy.cli.run import run as run_command_line
from deploy.quantization.cost_model import CostModel
from deploy.quantization.kernels import without
from deploy.quantization.mixed_precision import BUDGET, leave_in_float
from deploy.quantization.ptq import Decisions, decide
from deploy.quantization.sensitivity.picture import draw_sensitivity
from deploy.quantization.sensitivity.report import SensitivityReport, report_sensitivity
from deploy.statistics.error_statistics import power_ratio_db
from deploy.support.errors import StorageError

Captured = pytest.CaptureFixture[str]
NETWORK = "mobilenet_v1 --weights none --width 0.25 --resolution 32 --classes 10"
WIDEST = 80


@pytest.fixture(scope="module", params=[Small, SmallV3])
def priced(request: pytest.FixtureRequest) -> tuple[GraphModule, Decisions, SensitivityReport]:
    program = small_program(request.param)
    module, pure = graph_module(program), decide(program, inputs(12))
    photos = inputs(8, seed=1)
    # Agreement that no mix reaches, so that auto leaves in float what the budget allows.
    logits = run(program, photos)
    mix = leave_in_float(module, pure, photos, target=1.1)
    return module, pure, report_sensitivity("small", module, pure, mix, photos, logits)


Priced = tuple[GraphModule, Decisions, SensitivityReport]


def test_every_tensor_and_weight_is_ranked_by_its_share_of_the_whole_error(priced: Priced) -> None:
    _, pure, report = priced
    shares = [part.share for part in report.parts]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1)
    named = [(part.kind, part.node) for part in report.parts]
    assert len(set(named)) == len(named)
    assert {node for kind, node in named if kind == "tensor"} == set(pure.sensitivity.tensors)
    assert {node for kind, node in named if kind == "weight"} == set(pure.weights)


def test_a_part_in_float_is_priced_as_the_mix_without_its_kernels(priced: Priced) -> None:
    module, pure, report = priced
    cost = CostModel(module, pure.kernels)
    for part in report.parts:
        mix = pure.keep_in_float(module, part.in_float.kernels)
        energy = pure.sensitivity.energy(mix.kernels)
        assert part.in_float.db == power_ratio_db(pure.sensitivity.logits, energy)
        assert part.in_float.db > report.pure.predicted_db
        assert part.in_float.slowdown == cost.slowdown(mix.kernels)


def test_auto_marks_exactly_what_its_mix_has_in_float(priced: Priced) -> None:
    _, pure, report = priced
    assert report.auto.in_float
    assert report.auto.slowdown <= BUDGET
    assert report.pure.slowdown == 1
    assert report.auto.predicted_db > report.pure.predicted_db
    kept = without(pure.kernels, report.auto.in_float)
    in_int8 = {name for kernel in kept for name in kernel.tensors} | {
        kernel.node for kernel in kept
    }
    for part in report.parts:
        if part.kind == "weight":
            assert part.left_in_float == (part.node in report.auto.in_float)
        else:
            assert part.left_in_float == (part.node not in in_int8)


@pytest.fixture(scope="module")
def report() -> SensitivityReport:
    program, photos = small_program(), inputs(8, seed=1)
    module, pure, logits = graph_module(program), decide(program, inputs(12)), run(program, photos)
    mix = leave_in_float(module, pure, photos, target=1.1)
    return report_sensitivity("a $mall$ network", module, pure, mix, photos, logits)


def test_a_tensor_in_float_takes_along_all_that_make_or_read_it(report: SensitivityReport) -> None:
    kernels = {part.node: part.in_float.kernels for part in report.parts if part.kind == "tensor"}
    assert kernels == {
        "x": ("conv2d",),
        "hardtanh": ("conv2d", "conv2d_1", "add"),
        "hardtanh_1": ("conv2d_1", "conv2d_2"),
        "hardtanh_2": ("conv2d_2", "conv2d_3"),
        "conv2d_3": ("conv2d_3", "add"),
        "add": ("add", "mean"),
        "mean": ("mean", "linear"),  # By way of a flatten.
        "linear": ("linear",),
    }
    for part in report.parts:
        if part.kind == "weight":
            assert part.in_float.kernels == (part.node,)


def test_parts_are_called_by_layer_and_operator(report: SensitivityReport) -> None:
    called = {
        (part.node, part.kind): (part.layer, part.operator, part.shape) for part in report.parts
    }
    assert called["x", "tensor"] == ("x", "input", (3, 32, 32))
    assert called["conv2d", "weight"] == ("stem.0", "conv", (8, 3, 3, 3))
    assert called["hardtanh_2", "tensor"] == ("block.1.2", "depthwise", (16, 16, 16))
    assert called["conv2d_2", "weight"] == ("block.1.0", "depthwise", (16, 1, 3, 3))
    assert called["conv2d_3", "tensor"] == ("block.2.0", "conv", (8, 16, 16))
    assert called["add", "tensor"] == ("add", "add", (8, 16, 16))
    assert called["linear", "weight"] == ("head", "linear", (5, 8))


@pytest.mark.parametrize("suffix", [".png", ".svg", ".PNG"])
def test_the_same_report_gives_the_same_picture(
    report: SensitivityReport, suffix: str, tmp_path: Path
) -> None:
    digests = set()
    for name in ("one", "other"):
        path = tmp_path / f"{name}{suffix}"
        draw_sensitivity(report, report.parts, path)
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_the_picture_of_20_parts_is_800_by_600_and_has_the_colours_of_the_legend(
    report: SensitivityReport, tmp_path: Path
) -> None:
    parts = (report.parts * 3)[:20]
    draw_sensitivity(report, parts, tmp_path / "ranking.png")
    with Image.open(tmp_path / "ranking.png") as picture:
        assert picture.size == (800, 600)
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    assert {(0x9D, 0xB4, 0xC9), (0xD9, 0x5F, 0x02)} <= set(map(tuple, pixels.tolist()))


def test_a_network_without_error_is_drawn_too(report: SensitivityReport, tmp_path: Path) -> None:
    exact = replace(report.pure, measured=replace(report.pure.measured, sqnr_db=math.inf))
    nothing = replace(report, parts=(), pure=exact, auto=exact)
    draw_sensitivity(nothing, nothing.parts, tmp_path / "ranking.svg")
    assert "<svg" in (tmp_path / "ranking.svg").read_text(encoding="utf-8")


def test_a_picture_that_cannot_be_written_is_told(
    report: SensitivityReport, tmp_path: Path
) -> None:
    (tmp_path / "ranking.png").symlink_to("/dev/full")
    with pytest.raises(StorageError, match=r"cannot write .*ranking.png .*elsewhere"):
        draw_sensitivity(report, report.parts, tmp_path / "ranking.png")


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ten photos, and a network of the user's own."""
    folder = tmp_path_factory.mktemp("sensitivity")
    write_photos(folder / "photos", 10, size=(48, 40))
    (folder / "nets.py").write_text(
        "from torch import nn\n"
        "def make_net():\n"
        "    return nn.Sequential(\n"
        "        nn.Conv2d(3, 8, 3, stride=2), nn.SiLU(),\n"
        "        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))\n",
        encoding="utf-8",
    )
    return folder


@pytest.fixture
def printed(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capfd: Captured
) -> Callable[[str], str]:
    def run_line(line: str) -> str:
        monkeypatch.chdir(workplace)
        code = run_command_line(commands, f"sensitivity {line}".split())
        out, err = capfd.readouterr()
        assert code == 0, err
        return out

    return run_line


def test_the_table_shows_the_worst_parts_and_counts_the_others(
    printed: Callable[[str], str],
) -> None:
    lines = printed(f"{NETWORK} --photos photos --top 4").splitlines()
    assert max(map(len, lines)) <= WIDEST
    assert lines[0].split() == ["layer", "part", "shape", "error", "%", "dB", "time", "%", "auto"]
    shares = [float(line.split()[3]) for line in lines[1:5]]
    assert shares == sorted(shares, reverse=True)
    *others, share = lines[5].split()
    assert others[1:] == ["others"]
    assert sum(shares) + float(share) == pytest.approx(100, abs=0.5)
    (heading,) = (i for i, line in enumerate(lines) if "agreement %" in line)
    assert [line[:9] for line in lines[heading + 1 : heading + 3]] == ["int8 pure", "int8 auto"]


def test_json_has_every_part_and_the_picture_is_written(
    workplace: Path, printed: Callable[[str], str]
) -> None:
    line = "nets.py:make_net --resolution 32 --photos photos --top 0 --json -o ranking.svg"
    facts: dict[str, Any] = json.loads(printed(line))
    assert facts["network"] == "nets.py:make_net"
    assert facts["picture"] == "ranking.svg"
    assert len(facts["parts"]) == facts["parts_in_all"]
    assert sum(part["share"] for part in facts["parts"]) == pytest.approx(1)
    kinds = {(part["layer"], part["kind"], part["operator"]) for part in facts["parts"]}
    assert {("0", "weight", "conv"), ("4", "weight", "linear"), ("1", "tensor", "silu")} <= kinds
    assert facts["pure"]["left_in_float"] == []
    assert facts["auto"]["estimated_slowdown"] >= 1
    assert facts["pure"]["photos"] > 0
    assert any("is small to calibrate with" in text for text in facts["warnings"])
    assert "<svg" in (workplace / "ranking.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "mobilenet_v2 -o ranking.pdf",
            "ranking.pdf is no picture we can draw: name one that ends with .png or .svg",
        ),
        (
            "mobilenet_v2 -o nowhere/ranking.png",
            "nowhere is no folder: make it, or write elsewhere",
        ),
        ("mobilenet_v22", "unknown network 'mobilenet_v22': did you mean mobilenet_v2"),
        ("mobilenet_v2 --top -1", "--top: -1 is not in the range x>=0"),
    ],
)
def test_a_mistake_is_told_before_any_work(
    line: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command_line(commands, f"sensitivity {line}".split()) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1
