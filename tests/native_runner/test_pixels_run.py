"""The native runner on a network of pixels: Python's logits, and no other bytes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from runner_folder import Folder
from small_network import LABELS, PREPROCESSING, SIDE, crops, small_program

from deploy.bundle.feeding import in_memory
from deploy.bundle.manifest import Pixels
from deploy.capture.pixels import take_pixels
from deploy.exporters import executorch
from deploy.exporters.interface import Spec
from deploy.photos.images import codes, shares
from deploy.protocol.messages import GoldenInput, Request, RequestedArtifact, TimedInput
from deploy.runtimes import load
from deploy.support.hashing import sha256_file

CROPS = crops(3, seed=4)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("network") / "network.pte"
    moved = take_pixels(small_program(), PREPROCESSING, shares(CROPS))
    spec = Spec(precision="fp32", preprocessing=PREPROCESSING, labels=LABELS, input="pixels")
    executorch.export(moved, file, spec)
    return file


@pytest.fixture
def folder(network: Path, tmp_path: Path) -> Folder:
    (tmp_path / network.name).write_bytes(network.read_bytes())
    golden = []
    for index, photo in enumerate(codes(CROPS, signed=True)):
        (tmp_path / f"golden-{index}.u8").write_bytes(data := in_memory(photo))
        digest = hashlib.sha256(data).hexdigest()
        golden.append(GoldenInput(index=index, file=f"golden-{index}.u8", sha256=digest))
    request = Request(
        schema_version=2,
        id="block",
        artifact=RequestedArtifact(
            file=network.name,
            sha256=sha256_file(network),
            format="executorch",
            backend="xnnpack",
            input="input",
            output="logits",
        ),
        threads=1,
        warmup=0,
        iterations=2,
        shape=(1, 4, SIDE, SIDE),
        pixels=Pixels.of("int8"),
        input=TimedInput(golden=0, seed=None),
        golden=tuple(golden),
        sustained=False,
    )
    made = Folder(tmp_path, json.loads(request.to_json()))
    made.ask()
    return made


def test_its_logits_of_pixels_are_pythons(
    native: tuple[str, ...], folder: Folder, network: Path
) -> None:
    done = folder.run(native)
    assert (done.returncode, done.stderr) == (0, "")
    answer = folder.answer()
    assert (answer.schema_version, answer.status) == (1, "ok")
    rows = np.stack([golden.values() for golden in answer.logits])
    expected = load("executorch", network, PREPROCESSING).logits(CROPS)
    np.testing.assert_allclose(rows, expected, rtol=1e-5, atol=1e-5)
    assert np.ptp(expected, axis=0).min() > 1e-3, "photos are told apart"


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"pixels": None}, "bad-request"),
        ({"pixels": Pixels.of("int8").model_dump() | {"memory": "NCHW"}}, "bad-request"),
        ({"pixels": Pixels.of("uint8").model_dump()}, "wrong-shape"),
        ({"shape": [1, 3, SIDE, SIDE]}, "wrong-shape"),
    ],
)
def test_other_bytes_are_refused(
    native: tuple[str, ...], folder: Folder, changes: dict[str, object], kind: str
) -> None:
    folder.ask(**changes)
    assert folder.run(native).returncode == 0
    error = folder.answer().error
    assert error is not None
    assert error.kind == kind


def test_bytes_made_from_a_seed_are_timed_too(native: tuple[str, ...], folder: Folder) -> None:
    folder.ask(input={"golden": None, "seed": 7}, golden=[])
    assert folder.run(native).returncode == 0
    assert len(folder.answer().iterations_ns) == 2
