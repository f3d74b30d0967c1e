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
from small_build import build_here, recipe, write_photos
from torch.fx import GraphModule

import deploy.capture.proofs
import deploy.capture.simplify
from deploy.bundle.open import check_integrity, open_bundle
from deploy.capture.program import aten, calls
from deploy.capture.simplify import REWRITES
from deploy.pipeline.build import Built, build
from deploy.pipeline.recipe import make_targets
from deploy.quantization.mixed_precision import BUDGET
from deploy.support.errors import GateError
from deploy.support.hashing import sha256_folder
from deploy.verification import gates
from deploy.verification.bundle import verify
from models.registry import NETWORKS


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("pipeline") / "photos", 40)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Built:
    return build(recipe(tmp_path_factory.mktemp("pipeline") / "bundle", photos))


def test_the_bundle_is_whole_and_proves_itself(built: Built) -> None:
    check_integrity(open_bundle(built.folder))
    verified = verify(built.folder)
    gates.require(verified.checks)
    assert set(verified.statistics) == {"onnx-fp32", "onnx-int8"}
    assert set(verified.agreement) == {("onnx-fp32", "onnx-int8")}


def test_the_manifest_tells_what_was_built(built: Built) -> None:
    manifest = built.manifest
    assert manifest.network.name == "mobilenet_v2"
    assert manifest.network.width == 0.35
    assert manifest.network.classes == 10
    assert manifest.input.crop == (32, 32)
    assert manifest.input.resize == (36, 36)
    assert manifest.weights.source == "untrained"
    assert manifest.calibration.photos == 30
    assert manifest.calibration.held_back_source == "folder"
    assert manifest.golden.count == 8
    fp32, int8 = manifest.artifacts
    assert (fp32.file, int8.file) == ("mobilenet_v2_fp32.onnx", "mobilenet_v2_int8.onnx")
    assert int8.bytes < fp32.bytes / 2
    in_float = int8.operators.float_on_purpose
    inside = Counter(int8.operators.inside)
    heavy = inside["conv.float"] + inside["linear.float"]
    assert (inside["conv.int8"] + inside["conv.float"], heavy) == (52, len(in_float))
    assert built.mix is not None
    assert set(in_float) <= set(built.mix.in_float)
    assert built.mix.slowdown <= BUDGET
    assert open_bundle(built.folder).labels == tuple(f"class {i}" for i in range(10))


def test_pure_int8_leaves_no_convolution_in_float(photos: Path, tmp_path: Path) -> None:
    targets = make_targets(["onnx"], ["int8"])
    pure = build_here(recipe(tmp_path / "pure", photos, targets=targets, int8="pure"))
    operators = pure.manifest.artifacts[0].operators
    assert (operators.inside["conv.int8"], operators.float_on_purpose) == (52, ())
    assert pure.mix is None


@pytest.mark.parametrize("network", sorted(NETWORKS))
def test_every_network_builds_narrow_and_small(network: str, photos: Path, tmp_path: Path) -> None:
    built = build_here(recipe(tmp_path / "bundle", photos, network=network, resolution=(48, 32)))
    gates.require(built.checks)
    assert all(artifact.verified for artifact in built.manifest.artifacts)


def test_an_untrained_network_still_tells_photos_apart(built: Built) -> None:
    logits = open_bundle(built.folder).golden_logits_float()
    assert logits.std(0).mean() > 0.05 * np.abs(logits).mean()


def test_the_same_seed_and_photos_give_the_same_integers(
    built: Built, photos: Path, tmp_path: Path
) -> None:
    again = build_here(recipe(tmp_path / "again", photos, targets=make_targets(["onnx"], ["int8"])))
    assert again.manifest.artifacts[0].sha256 == built.manifest.artifacts[1].sha256


def test_a_failed_gate_names_the_figure_and_leaves_the_old_bundle(
    built: Built, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sha256_folder(built.folder)
    monkeypatch.setattr(gates, "FLOAT32_DB", 500.0)
    with pytest.raises(GateError, match=r"onnx-fp32 fails: sqnr .* dB, required >= 500 dB"):
        build_here(recipe(built.folder, photos))
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
        build_here(recipe(tmp_path / "bundle", photos))
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize("stage", ["calibrating", "exporting and verifying"])
def test_sigkill_leaves_the_old_bundle_and_the_next_build_sweeps(
    built: Built, photos: Path, tmp_path: Path, stage: str
) -> None:
    before = sha256_folder(built.folder)
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    root = Path(__file__).parents[2]
    child = subprocess.Popen(
        [sys.executable, str(script), str(built.folder), str(photos)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / 'tests/helpers'}"},
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
    build_here(recipe(built.folder, photos))
    assert [path.name for path in built.folder.parent.iterdir()] == [built.folder.name]
