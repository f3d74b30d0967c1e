"""build, on a narrow network at low resolution: what it writes, what it leaves when it fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import psutil
import pytest
from places import HELPERS, ROOT
from small_build import build_here, recipe
from small_photos import write_photos
from torch.fx import GraphModule

import deploy.capture.proofs
import deploy.capture.simplify
from deploy.bundle.open import check_integrity, open_bundle
from deploy.capture.program import aten, calls
from deploy.capture.simplify import REWRITES
from deploy.pipeline.build import Built
from deploy.pipeline.recipe import make_targets
from deploy.quantization.mixed_precision import BUDGET
from deploy.support.errors import GateError
from deploy.support.hashing import sha256_folder
from deploy.verification import gates
from deploy.verification.bundle import verify
from models.registry import NETWORKS

CONVOLUTIONS = 27
IN_FLOAT = make_targets(["onnx"], ["fp32"])


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("pipeline") / "photos", 40)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Built:
    return build_here(recipe(tmp_path_factory.mktemp("pipeline") / "bundle", photos))


def test_the_bundle_is_whole_and_proves_itself(built: Built) -> None:
    check_integrity(open_bundle(built.folder))
    verified = verify(built.folder)
    gates.require(verified.checks)
    assert set(verified.statistics) == {"onnx-fp32", "onnx-int8"}
    assert set(verified.agreement) == {("onnx-fp32", "onnx-int8")}


def test_the_manifest_tells_what_was_built(built: Built) -> None:
    manifest = built.manifest
    assert manifest.network.name == "mobilenet_v1"
    assert manifest.network.width == 0.25
    assert manifest.network.classes == 10
    assert manifest.input.crop == (48, 32)
    assert manifest.input.resize == (54, 36)
    assert manifest.weights.source == "untrained"
    assert manifest.calibration.photos == 30
    assert manifest.calibration.held_back_source == "folder"
    assert manifest.golden.count == 8
    fp32, int8 = manifest.artifacts
    assert (fp32.file, int8.file) == ("mobilenet_v1_fp32.onnx", "mobilenet_v1_int8.onnx")
    assert int8.bytes < fp32.bytes / 2
    in_float = int8.operators.float_on_purpose
    inside = Counter(int8.operators.inside)
    heavy = inside["conv.float"] + inside["linear.float"]
    assert (inside["conv.int8"] + inside["conv.float"], heavy) == (CONVOLUTIONS, len(in_float))
    assert built.mix is not None
    assert set(in_float) <= set(built.mix.in_float)
    assert built.mix.slowdown <= BUDGET
    assert open_bundle(built.folder).labels == tuple(f"class {i}" for i in range(10))


# MobileNetV1 is `built` here, V2 by the README's first command.
@pytest.mark.nightly
@pytest.mark.parametrize("network", sorted(set(NETWORKS) - {"mobilenet_v1"}))
def test_every_network_builds_narrow_and_small(network: str, photos: Path, tmp_path: Path) -> None:
    built = build_here(recipe(tmp_path / "bundle", photos, network=network, resolution=(48, 32)))
    gates.require(built.checks)
    assert all(artifact.verified for artifact in built.manifest.artifacts)


def test_an_untrained_network_still_tells_photos_apart(built: Built) -> None:
    logits = open_bundle(built.folder).golden_logits_float()
    assert logits.std(0).mean() > 0.05 * np.abs(logits).mean()


def test_a_failed_gate_names_the_figure_and_leaves_the_old_bundle(
    built: Built, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sha256_folder(built.folder)
    monkeypatch.setattr(gates, "FLOAT32_DB", 500.0)
    with pytest.raises(GateError, match=r"onnx-fp32 fails: sqnr .* dB, required >= 500 dB"):
        build_here(recipe(built.folder, photos, targets=IN_FLOAT))
    assert sha256_folder(built.folder) == before
    assert [path.name for path in built.folder.parent.iterdir()] == [built.folder.name]


CHILD = """
import sys
from pathlib import Path
from deploy.pipeline.build import build
from deploy.support.reporter import Silent
from small_build import recipe

class Stages(Silent):
    def stage(self, text):
        print(text, flush=True)

if __name__ == "__main__":
    build(recipe(Path(sys.argv[1]), Path(sys.argv[2]), seed=7), Stages())
"""


def test_a_rewrite_that_changes_the_network_ends_the_build_by_name(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_clamps(module: GraphModule) -> None:
        for node in calls(module, aten.hardtanh.default):
            node.args = (*node.args[:2], 1e6)

    for user in (deploy.capture.simplify, deploy.capture.proofs):
        monkeypatch.setattr(user, "REWRITES", (*REWRITES, lose_clamps))
    with pytest.raises(GateError, match=r"the rewrite 'lose_clamps' changes .*required >= 100 dB"):
        build_here(recipe(tmp_path / "bundle", photos, targets=IN_FLOAT))
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize(
    "stage",
    [pytest.param("calibrating", marks=pytest.mark.nightly), "exporting and verifying"],
)
def test_after_sigkill_the_old_bundle_stands_and_the_next_build_sweeps_and_makes_the_same(
    built: Built, photos: Path, tmp_path: Path, stage: str
) -> None:
    before = sha256_folder(built.folder)
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    child = subprocess.Popen(
        [sys.executable, str(script), str(built.folder), str(photos)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{HELPERS}"},
    )
    assert child.stdout is not None
    for line in child.stdout:
        if line.decode().strip() == stage:
            break
    workers = psutil.Process(child.pid).children(recursive=True)
    child.send_signal(signal.SIGKILL)
    child.wait(30)
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert alive == []
    assert sha256_folder(built.folder) == before
    leftovers = {path.name for path in built.folder.parent.iterdir()} - {built.folder.name}
    assert leftovers

    # The same seed and photos give the same integers, as they do to the last byte of the file.
    again = build_here(recipe(built.folder, photos))
    assert [path.name for path in built.folder.parent.iterdir()] == [built.folder.name]
    hashes = [[artifact.sha256 for artifact in one.manifest.artifacts] for one in (again, built)]
    assert hashes[0] == hashes[1]
