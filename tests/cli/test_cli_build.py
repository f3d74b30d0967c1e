"""The three commands one after another, as a user runs them, on a narrow network."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import run_here, run_process
from session_builds import CommandBuild

from deploy.bundle.open import open_bundle
from models.registry import create

ARTIFACTS = ["executorch-fp32", "executorch-int8", "onnx-fp32", "onnx-int8"]

Captured = pytest.CaptureFixture[str]


def test_build_prints_one_json_object_and_only_our_warnings(command_build: CommandBuild) -> None:
    facts = command_build.facts
    assert facts["path"] == "bundles/mobilenet_v1_0.25_32"
    assert facts["seconds"] > 0
    assert [artifact["name"] for artifact in facts["artifacts"]] == ARTIFACTS
    for artifact in facts["artifacts"]:
        assert (command_build.bundle / artifact["file"]).exists()
        assert artifact["verified"] is True
        assert artifact["sqnr_db"] > 0
        reached = artifact["agreement_interval"]
        assert 0 <= reached["low"] <= artifact["agreement"] <= reached["high"] <= 1
        assert (artifact["photos"], facts["held_back_photos"]) == (30, 3)
    proved = json.loads((command_build.bundle / "verification.json").read_bytes())
    assert proved["held_back"] == {"source": "folder", "photos": 3, "crops": 30}
    first = proved["artifacts"][ARTIFACTS[0]]["against_float"]
    assert first["agreement_interval"] == facts["artifacts"][0]["agreement_interval"]
    # What the toolkits print while they load and export would stand here too.
    assert command_build.stderr.splitlines() == [f"warning: {text}" for text in facts["warnings"]]
    without_names, few_photos, *others = facts["warnings"]
    assert "labels" in without_names
    assert "12" in few_photos
    # Of the int8 of an untrained network, by its figures on the processor at hand.
    least = min(one["agreement"] for one in facts["artifacts"] if one["name"].endswith("int8"))
    short = [text for text in others if "short of 97 %" in text]
    assert len(short) == (least < 0.97)
    assert all("too narrow" in text for text in others if text not in short)


def test_verify_proves_it_without_a_word_from_the_runtimes(command_build: CommandBuild) -> None:
    done = run_process("verify", str(command_build.bundle))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["artifact", "dB", "agreement", "gates", "passed"]
    assert [line.split()[0] for line in lines[1:5]] == ARTIFACTS
    assert lines[-1].startswith("verified: ")
    assert max(map(len, lines)) <= 80


def test_evaluate_counts_on_class_folders_alike_in_any_number_of_processes(
    command_build: CommandBuild, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Captured
) -> None:
    bundle, folder = str(command_build.bundle), command_build.workplace
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    monkeypatch.chdir(folder)
    done = run_here(capfd, "evaluate", bundle, "photos", "--json", "--jobs", "2", "-o", str(two))
    assert (done.returncode, done.stderr) == (0, "")
    here = run_here(capfd, "evaluate", bundle, "photos", "--json", "--jobs", "1", "-o", str(one))
    assert here.stdout == done.stdout
    assert one.read_text() == two.read_text()
    assert len(json.loads(one.read_text())) == 12
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


def test_weights_and_labels_of_the_users_own(
    command_build: CommandBuild, tmp_path: Path, capfd: Captured
) -> None:
    torch.manual_seed(4)
    weights, labels = tmp_path / "my_weights.pth", tmp_path / "my_labels.txt"
    torch.save(create("mobilenet_v1", width=0.25, classes=4).state_dict(), weights)
    labels.write_text("roach\nrudd\ntench\nbream\n")
    output = tmp_path / "bundle"
    done = run_here(
        capfd,
        *f"build mobilenet_v1 --width 0.25 --resolution 32 --weights {weights} --labels {labels} "
        f"--photos {command_build.workplace / 'photos'} --formats onnx --precisions int8 "
        f"-o {output} --json".split(),
    )
    assert done.returncode == 0, done.stderr
    bundle = open_bundle(output)
    assert bundle.manifest.weights.file == "my_weights.pth"
    assert bundle.labels == ("roach", "rudd", "tench", "bream")
    assert [artifact.name for artifact in bundle.manifest.artifacts] == ["onnx-int8"]
    assert bundle.manifest.artifacts[0].verified


def test_evaluate_takes_the_reference_along_with_the_artifact_asked_for(
    command_build: CommandBuild, capfd: Captured
) -> None:
    bundle, photos = str(command_build.bundle), str(command_build.workplace / "photos")
    done = run_here(capfd, "evaluate", bundle, photos, "--artifact", "onnx-int8")
    assert done.returncode == 0
    rows = [line.split()[0] for line in done.stdout.splitlines()[:4] if line]
    assert rows == ["artifact", "onnx-fp32", "onnx-int8"]


def test_verify_fails_where_the_answers_differ_though_every_hash_is_right(
    command_build: CommandBuild, tmp_path: Path, capfd: Captured
) -> None:
    wrong = tmp_path / "wrong"
    shutil.copytree(command_build.bundle, wrong)
    manifest = json.loads((wrong / "manifest.json").read_text())
    record = manifest["golden"]["logits_float"]
    logits = np.fromfile(wrong / record["file"], "<f4")
    logits[::2] *= -1
    logits.tofile(wrong / record["file"])
    record["sha256"] = hashlib.sha256(logits.tobytes()).hexdigest()
    (wrong / "manifest.json").write_text(json.dumps(manifest))

    done = run_here(capfd, "verify", str(wrong))
    assert done.returncode == 1
    assert "executorch-fp32" in done.stdout
    assert "verified:" not in done.stdout
    # Before it toolkits may speak: their loggers are pytest's here.
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: executorch-fp32 fails: sqnr against the float network")
    assert last.endswith(": build the bundle again")
