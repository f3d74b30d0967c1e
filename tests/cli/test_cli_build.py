"""The three commands one after another, as a user runs them, on a narrow network."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import deploy

REPOSITORY = Path(deploy.__file__).parent.parent
ARTIFACTS = ["executorch-fp32", "executorch-int8", "onnx-fp32", "onnx-int8"]


def mobile_deploy(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; from deploy.cli import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos of three classes, four of each."""
    folder = tmp_path_factory.mktemp("command")
    coarse = np.random.default_rng(0).integers(0, 256, (12, 6, 8, 3), np.uint8)
    for i, pixels in enumerate(coarse):
        path = folder / "photos" / str(i % 3) / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).resize((120, 90)).save(path)
    return folder


@pytest.fixture(scope="module")
def built(workplace: Path) -> subprocess.CompletedProcess[str]:
    network = "mobilenet_v2 --width 0.35 --resolution 32 --weights none --classes 10"
    options = "--photos photos --formats executorch,onnx --json"
    return mobile_deploy(workplace, "build", *network.split(), *options.split())


@pytest.fixture(scope="module")
def bundle(workplace: Path, built: subprocess.CompletedProcess[str]) -> Path:
    assert built.returncode == 0, built.stderr
    return workplace / json.loads(built.stdout)["path"]


def test_build_prints_one_json_object_and_only_our_warnings(
    built: subprocess.CompletedProcess[str], bundle: Path
) -> None:
    facts = json.loads(built.stdout)
    assert facts["path"] == "bundles/mobilenet_v2_0.35_32"
    assert facts["seconds"] > 0
    assert [artifact["name"] for artifact in facts["artifacts"]] == ARTIFACTS
    for artifact in facts["artifacts"]:
        assert (bundle / artifact["file"]).exists()
        assert artifact["verified"] is True
        assert artifact["sqnr_db"] > 0
        assert 0 <= artifact["agreement"] <= 1
        assert artifact["photos"] > 0
    # What the toolkits print while they load and export would stand here too.
    assert built.stderr.splitlines() == [f"warning: {text}" for text in facts["warnings"]]
    without_names, few_photos, narrow_ranges, short_of_target = facts["warnings"]
    assert "labels" in without_names
    assert "12" in few_photos
    assert "too narrow" in narrow_ranges
    assert "short of 97 %" in short_of_target


def test_verify_proves_it_without_a_word_from_the_runtimes(workplace: Path, bundle: Path) -> None:
    done = mobile_deploy(workplace, "verify", str(bundle))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["artifact", "dB", "agreement", "gates", "passed"]
    assert [line.split()[0] for line in lines[1:5]] == ARTIFACTS
    assert lines[-1].startswith("verified: ")
    assert max(map(len, lines)) <= 80


def test_evaluate_counts_on_class_folders(workplace: Path, bundle: Path) -> None:
    done = mobile_deploy(workplace, "evaluate", str(bundle), "photos", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    facts = json.loads(done.stdout)
    assert (facts["photos"], facts["labelled"], facts["reference"]) == (12, True, "onnx-fp32")
    by_name = {artifact["name"]: artifact for artifact in facts["artifacts"]}
    assert list(by_name) == ARTIFACTS
    assert by_name["onnx-fp32"]["agreement"] is None
    assert by_name["executorch-fp32"]["agreement"]["hits"] == 12
    assert by_name["executorch-fp32"]["top1"] == by_name["onnx-fp32"]["top1"]
    for artifact in facts["artifacts"]:
        assert artifact["top1"]["total"] == 12
        assert 0 <= artifact["top1"]["low"] <= artifact["top1"]["high"] <= 1


def test_evaluate_takes_the_reference_along_with_the_artifact_asked_for(
    workplace: Path, bundle: Path
) -> None:
    done = mobile_deploy(workplace, "evaluate", str(bundle), "photos", "--artifact", "onnx-int8")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split()[0] for line in done.stdout.splitlines()[:4] if line]
    assert rows == ["artifact", "onnx-fp32", "onnx-int8"]


def test_verify_fails_where_the_answers_differ_though_every_hash_is_right(
    workplace: Path, bundle: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong"
    shutil.copytree(bundle, wrong)
    manifest = json.loads((wrong / "manifest.json").read_text())
    record = manifest["golden"]["logits_float"]
    logits = np.fromfile(wrong / record["file"], "<f4")
    logits[::2] *= -1
    logits.tofile(wrong / record["file"])
    record["sha256"] = hashlib.sha256(logits.tobytes()).hexdigest()
    (wrong / "manifest.json").write_text(json.dumps(manifest))

    done = mobile_deploy(workplace, "verify", str(wrong))
    assert done.returncode == 1
    assert "executorch-fp32" in done.stdout
    assert "verified:" not in done.stdout
    assert done.stderr.startswith("error: executorch-fp32 fails: sqnr against the float network")
    assert done.stderr.endswith(": build the bundle again\n")
    assert done.stderr.count("\n") == 1
