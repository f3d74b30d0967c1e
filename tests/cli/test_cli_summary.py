"""`summary` and `models`: what they print, for people and for machines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from command_line import modules_loaded

from deploy.capture.spec import NetworkSpec
from deploy.capture.summary import parse_variant, published_accuracy
from deploy.cli import commands
from deploy.cli.network_options import resolution_multiplier
from deploy.cli.run import run
from models.registry import NETWORKS
from models.weights import SOURCES

Captured = pytest.CaptureFixture[str]
WIDEST = 100


def printed(line: str, capfd: Captured) -> str:
    assert run(commands, line.split()) == 0, capfd.readouterr().err
    out, err = capfd.readouterr()
    assert err == ""
    return out


def parsed(line: str, capfd: Captured) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(printed(f"{line} --json", capfd))
    return facts


def error_of(line: str, capfd: Captured) -> str:
    assert run(commands, line.split()) == 2
    out, err = capfd.readouterr()
    assert out == ""
    return err.removeprefix("error: ").rstrip("\n")


@pytest.mark.parametrize("name", ["summary", "models"])
def test_the_help_ends_with_an_example(name: str, capfd: Captured) -> None:
    last = printed(f"{name} --help", capfd).rstrip().splitlines()[-1]
    assert last.strip().startswith(f"Example: mobile-deploy {name} ")


def test_build_takes_rho_too(capfd: Captured) -> None:
    message = "--rho contradicts --resolution: give one of them"
    assert error_of("build mobilenet_v2 --rho 0.5 --resolution 96", capfd) == message


def test_json_has_totals_layers_pairs_and_memory(capfd: Captured) -> None:
    facts = parsed("summary mobilenet_v1", capfd)
    assert facts["total"] == {"params": 4_231_976, "macs": 568_740_352}
    assert facts["standard"] == {"params": 29_294_088, "macs": 4_867_293_184}
    assert (facts["network"], facts["width"], facts["classes"]) == ("mobilenet_v1", 1.0, 1000)
    assert facts["resolution"] == [224, 224]
    for key in ("params", "macs"):
        assert sum(layer[key] for layer in facts["layers"]) == facts["total"][key]
        assert sum(layer[f"share_of_{key}"] for layer in facts["layers"]) == pytest.approx(1)
    assert facts["layers"][1] == {
        "name": "features.1.0.0",
        "kind": "depthwise",
        "kernel": [3, 3],
        "stride": [1, 1],
        "input": [32, 112, 112],
        "output": [32, 112, 112],
        "params": 32 * 9 + 64,
        "macs": 32 * 9 * 112 * 112,
        "share_of_params": pytest.approx(352 / 4_231_976),
        "share_of_macs": pytest.approx(3_612_672 / 568_740_352),
    }
    assert len(facts["separable"]) == 13
    pair = facts["separable"][0]
    assert (pair["depthwise"], pair["pointwise"]) == ("features.1.0.0", "features.1.1.0")
    assert (pair["in_channels"], pair["out_channels"]) == (32, 64)
    assert pair["standard"]["macs"] == 64 * 32 * 9 * 112 * 112
    assert pair["ratio"] == pytest.approx(pair["predicted"], rel=1e-9)
    assert facts["memory"]["weight_bytes"]["fp32"] == 4 * 4_221_032
    assert facts["memory"]["peak_activation_bytes"] == {
        "fp32": 4 * (32 + 64) * 112 * 112,
        "int8": (32 + 64) * 112 * 112,
    }
    assert {"top1": 70.6, "precision": "fp32", "source": "arXiv 1704.04861"} in facts["published"]


@pytest.mark.parametrize("network", NETWORKS)
def test_the_table_is_readable_in_a_pipe(network: str, capfd: Captured) -> None:
    lines = printed(f"summary {network}", capfd).splitlines()
    assert max(map(len, lines)) <= WIDEST
    (total,) = (line for line in lines if line.startswith("total "))
    facts = parsed(f"summary {network}", capfd)["total"]
    assert total.split() == ["total", f"{facts['params']:,}", f"{facts['macs']:,}", "100.0"]


def test_the_table_names_layers_pairs_and_sources(capfd: Captured) -> None:
    text = " ".join(printed("summary mobilenet_v3_small", capfd).split())
    assert "mobilenet_v3_small, width 1, 224x224 pixels, 1000 classes" in text
    assert "features.0.0 conv 3x3/2 3x224x224 16x112x112 464 5,419,008 9.6" in text
    assert "features.9.block 5x5/2 288->96" in text
    assert "published top-1: 67.5 % in fp32 (slim mobilenet/README.md)" in text


def test_width_resolution_and_classes_are_counted(capfd: Captured) -> None:
    facts = parsed("summary mobilenet_v2 --width 0.35 --resolution 64x96 --classes 7", capfd)
    assert facts["total"]["params"] == 1_677_128 - 1281 * 993
    assert facts["layers"][0]["input"] == [3, 64, 96]
    assert facts["layers"][-1]["output"] == [7]
    assert facts["published"] == []


def test_tensorflows_padding_costs_memory_alone(capfd: Captured) -> None:
    line = "summary mobilenet_v3_small --width 0.35 --resolution 64"
    own, same = parsed(line, capfd), parsed(f"{line} --padding same", capfd)
    peak, peak_of_same = (facts["memory"].pop("peak_activation_bytes") for facts in (own, same))
    assert own["total"] == same["total"]
    assert peak_of_same["int8"] > peak["int8"]


def test_rho_is_the_papers_resolution_multiplier(capfd: Captured) -> None:
    by_rho = parsed("summary mobilenet_v1 --rho 0.857", capfd)
    assert by_rho["total"]["macs"] == 418_121_728
    assert by_rho == parsed("summary mobilenet_v1 --resolution 192", capfd)
    assert [resolution_multiplier(rho) for rho in ("0.5714", "1")] == [(128, 128), (224, 224)]
    with pytest.raises(click.BadParameter, match="is no multiplier"):
        resolution_multiplier("nan")


def test_compare_puts_variants_side_by_side(capfd: Captured) -> None:
    line = "summary --compare mobilenet_v1:0.5 mobilenet_v2@160 mobilenet_v3_large:0.35 --width 1.4"
    text = printed(line, capfd)
    _, v1, v2, v3, *_ = (line.split() for line in text.splitlines())
    assert v1[:3] == ["mobilenet_v1:0.5@224", "1.33", "149.5"]
    assert v1[-2:] == ["63.7", "[1]"]
    assert v2[0] == "mobilenet_v2:1.4@160"
    assert (v3[0], v3[-1]) == ("mobilenet_v3_large:0.35@224", "-")
    assert "[1] published: arXiv 1704.04861" in text
    facts = parsed(line, capfd)["variants"]
    assert [variant["width"] for variant in facts] == [0.5, 1.4, 0.35]
    assert facts[0]["total"] == {"params": 1_331_592, "macs": 149_497_088}


def test_compare_of_the_longest_names_is_readable_in_a_pipe(capfd: Captured) -> None:
    text = printed("summary --compare mobilenet_v3_large_minimalistic:0.75@192 mobilenet_v1", capfd)
    assert max(map(len, text.splitlines())) <= WIDEST


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("mobilenet_v1 mobilenet_v2", "2 networks: add --compare to see them side by side"),
        ("mobilenet_v2 --rho 0.5 --resolution 96", "--rho contradicts --resolution: give one of"),
        ("mobilenet_v2 --rho x", "--rho: 'x' is no multiplier: give one such as 0.5"),
        ("mobilenet_v2@31", "--resolution 31 is out of range: give 32 to 1024"),
        ("mobilenet_v2:9", "--width 9 is out of range: give 0.1 to 4, such as 0.5"),
        ("mobilenet_v2:1.2.3", "'mobilenet_v2:1.2.3': width '1.2.3' is no number"),
        ("mobilenet_v2@big", "'mobilenet_v2@big' is no network: give NETWORK:WIDTH@RESOLUTION"),
        ("mobilenet_v2 --classes 1", "--classes 1 is out of range: give 2 to 100000"),
        ("mobilenet_v22", "unknown network 'mobilenet_v22': did you mean mobilenet_v2"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(
    line: str, message: str, capfd: Captured
) -> None:
    error = error_of(f"summary {line}", capfd)
    assert error.startswith(message)
    assert "\n" not in error


OWN = """
import torch
from torch import nn
from torch.nn import functional as F


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.depthwise = nn.Parameter(torch.randn(8, 1, 3, 3))
        self.widen = nn.Conv2d(8, 16, 1)
        self.head = nn.Linear(16, 4)

    def forward(self, x):
        x = F.relu(self.stem(x), inplace=True)
        x = self.widen(F.relu6(F.conv2d(x, self.depthwise, padding=1, groups=8)))
        return self.head(F.relu(x).mean((2, 3)))


make_net = Own
"""


def test_the_users_own_network_is_counted_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Captured
) -> None:
    (tmp_path / "nets.py").write_text(OWN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    facts = parsed("summary nets.py:make_net@64", capfd)
    assert facts["total"] == {
        "params": 224 + 72 + 144 + 68,
        "macs": 32 * 32 * (8 * 27 + 8 * 9 + 8 * 16) + 16 * 4,
    }
    assert (facts["width"], facts["classes"], facts["published"]) == (None, 4, [])
    (pair,) = facts["separable"]
    assert (pair["depthwise"], pair["pointwise"]) == ("depthwise", "widen")


def test_a_variant_is_read_from_one_word() -> None:
    defaults: dict[str, Any] = {"width": 0.5, "resolution": (96, 96), "classes": 7}
    assert parse_variant("mobilenet_v2", **defaults) == NetworkSpec(
        "mobilenet_v2", weights="none", **defaults
    )
    assert parse_variant("mobilenet_v2:1.4@64x32", **defaults) == NetworkSpec(
        "mobilenet_v2", weights="none", width=1.4, resolution=(64, 32), classes=7
    )
    assert parse_variant("pkg.nets:make2@64x32", classes=7) == NetworkSpec(
        "pkg.nets:make2", resolution=(64, 32), classes=7
    )


def test_published_accuracy_is_of_the_very_network_and_names_each_figure_once() -> None:
    rows = published_accuracy("mobilenet_v2", 1.0, (224, 224))
    assert rows[0].source.startswith("slim")
    figures = [row.top1 for row in rows if row.precision == "fp32"]
    assert len(set(figures)) == len(figures)
    assert 71.878 in figures
    assert {(row.width, row.resolution) for row in rows} == {(1.0, 224)}
    assert published_accuracy("mobilenet_v2", 1.0, (224, 192)) == ()
    assert published_accuracy("mobilenet_v2", 0.6, (224, 224)) == ()


def test_models_lists_every_network_weights_and_figure(capfd: Captured) -> None:
    facts = {entry["name"]: entry for entry in parsed("models", capfd)["networks"]}
    assert list(facts) == list(NETWORKS)
    for name, entry in NETWORKS.items():
        assert facts[name]["widths"] == list(entry.widths)
        assert len(facts[name]["published"]) == len(entry.published)
    listed = sum(len(entry["weights"]) for entry in facts.values())
    assert listed == len(SOURCES)
    text = printed("models", capfd)
    assert max(map(len, text.splitlines())) <= WIDEST
    for source in SOURCES:
        assert f"--weights {source.name} " in text
    row = next(line for line in text.splitlines() if line.startswith("slim mobilenet_v1.md"))
    assert row.split() == ["slim", "mobilenet_v1.md", "224", "70.9", "68.4", "63.3", "49.8"]


def test_models_imports_no_toolkit() -> None:
    loaded = modules_loaded("models")
    assert "models.weights.source" in loaded
    assert not loaded & {"torch", "numpy", "executorch", "coremltools", "onnxruntime"}
