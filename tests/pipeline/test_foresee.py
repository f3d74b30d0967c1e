"""`build --dry-run`: what would be made is told, nothing is written, and no toolkit is imported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import modules_loaded, run_here

Captured = pytest.CaptureFixture[str]


def test_a_dry_run_tells_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    line = ["build", "mobilenet_v2", "--width", "0.5", "--formats", "onnx,coreml", "--dry-run"]
    done = run_here(capfd, *line)
    assert done.returncode == 0
    for said in (
        "would write bundles/mobilenet_v2_0.5:",
        "  mobilenet_v2_int8.onnx",
        "published by Keras, top-1 65.2 % in float as published",
        "inputs: 224x224 RGB from 0 to 1, less 0.5, over 0.5.",
        "about 50 s on two cores",
    ):
        assert said in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_knows_what_is_said_of_the_inputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.toml").write_text("crop = 160\nmean = [0.5, 0.4, 0.5]\n")
    line = ["build", "mobilenet_v2", "--preprocessing", "own.toml", "--dry-run"]
    said = "inputs: 160x160 RGB from 0 to 1, less 0.5 0.4 0.5, over 0.229 0.224 0.225."
    assert said in run_here(capfd, *line).stdout


def test_a_dry_run_checks_labels_and_counts_photos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("labels.txt").write_text("a\nb\n")
    Path("photos").mkdir()
    for index in range(12):
        Path("photos", f"{index}.jpg").touch()
    line = ["build", "mobilenet_v1", "--weights", "none", "--labels", "labels.txt", "--dry-run"]
    assert "2 labels but the network has 1000" in run_here(capfd, *line).stderr
    done = run_here(capfd, *line, "--classes", "2", "--photos", "photos", "--json")
    facts = json.loads(done.stdout)
    assert (facts["classes"], facts["labels"]) == (2, 2)
    assert (facts["photos_calibrating"], facts["photos_judging"]) == (9, 3)
    assert facts["published_top1"] is None


def test_a_dry_run_imports_no_toolkit() -> None:
    loaded = modules_loaded("build", "mobilenet_v2", "--weights", "none", "--dry-run")
    assert not loaded & {"torch", "onnx", "onnxruntime", "coremltools", "executorch"}
