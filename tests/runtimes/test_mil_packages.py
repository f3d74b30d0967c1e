"""Core ML packages through our evaluator: images, labels, and damage."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
import pytest
import torch
from coremltools.proto import Model_pb2
from mil_packages import convert, sqnr_db
from torch import Tensor, nn

from deploy.runtimes.coreml import CoreMLArtifact, predict_probabilities
from deploy.runtimes.mil.evaluate import UnknownOperatorError, check_operators, run_mil
from deploy.runtimes.mil.load import load_program
from deploy.runtimes.mil.storage import BlobFile
from deploy.support.errors import BundleError, GateError, RunError

LABELS = [f"label {i}" for i in range(10)]
MODEL = Path("Data", "com.apple.CoreML", "model.mlmodel")
WEIGHTS = Path("Data", "com.apple.CoreML", "weights", "weight.bin")


class TinyClassifier(nn.Module):
    """Pixels 0..255 in, probabilities out: the shape of every package that we ship."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([123.7, 116.3, 103.5])[:, None, None])
        self.register_buffer("std", torch.tensor([58.4, 57.1, 57.4])[:, None, None])
        self.body = nn.Sequential(
            nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU6(), nn.Conv2d(16, 32, 3, 2, 1), nn.Hardswish()
        )
        self.head = nn.Linear(32, len(LABELS))

    def logits(self, pixels: Tensor) -> Tensor:
        x = self.body((pixels - self.mean) / self.std)
        return self.head(x.mean((2, 3), keepdim=True).flatten(1))

    def forward(self, pixels: Tensor) -> Tensor:
        return self.logits(pixels).softmax(1)


@pytest.fixture(scope="module")
def tiny() -> nn.Module:
    torch.manual_seed(2)
    return TinyClassifier().eval()


@pytest.fixture(scope="module")
def package(tiny: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert(
        tiny,
        torch.rand(1, 3, 32, 24) * 255,
        tmp_path_factory.mktemp("tiny") / "tiny.mlpackage",
        float16=True,
        inputs=[ct.ImageType(name="image", shape=(1, 3, 32, 24), color_layout=ct.colorlayout.RGB)],
        classifier_config=ct.ClassifierConfig(LABELS),
    )


@pytest.fixture
def copy(package: Path, tmp_path: Path) -> Path:
    """The package, to damage."""
    return Path(shutil.copytree(package, tmp_path / "copy.mlpackage"))


@pytest.fixture(scope="module")
def crops() -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(3).integers(0, 256, (3, 32, 24, 3), dtype=np.uint8)


def test_an_image_classifier_gives_torchs_logits_probabilities_and_labels(
    tiny: nn.Module, package: Path, crops: np.ndarray[Any, np.dtype[np.uint8]]
) -> None:
    artifact = CoreMLArtifact(package)
    pixels = torch.from_numpy(crops).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        logits, probabilities = tiny.logits(pixels), tiny(pixels)
    assert artifact.labels == tuple(LABELS)
    assert artifact.logits(crops).dtype == np.float32
    assert sqnr_db(torch.from_numpy(artifact.logits(crops)), logits) >= 45
    assert sqnr_db(torch.from_numpy(artifact.probabilities(crops)), probabilities) >= 45
    answer = run_mil(load_program(package), {"image": pixels[:1]})
    assert answer["classLabel"] == LABELS[int(logits[0].argmax())]


def test_the_bits_do_not_depend_on_torchs_threads_which_stay_as_they_are(
    package: Path, crops: np.ndarray[Any, np.dtype[np.uint8]]
) -> None:
    artifact, before = CoreMLArtifact(package), torch.get_num_threads()
    answers = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            answers.append(artifact.logits(crops).tobytes())
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert len(set(answers)) == 1


def test_an_image_input_refuses_anything_but_bytes(package: Path) -> None:
    with pytest.raises(GateError, match="uint8 pixels, not float32"):
        CoreMLArtifact(package).logits(np.zeros((1, 32, 24, 3), np.float32))


def test_an_image_of_another_size_is_refused(package: Path) -> None:
    with pytest.raises(GateError, match=r"'image' takes \(1, 3, 32, 24\), not \(1, 3, 32, 32\)"):
        CoreMLArtifact(package).logits(np.zeros((1, 32, 32, 3), np.uint8))


def test_a_tensor_input_takes_the_normalized_batch(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 6 * 6, 5))
    batch = torch.randn(2, 3, 8, 8)
    artifact = CoreMLArtifact(convert(network, batch[:1], tmp_path / "m.mlpackage"))
    with torch.no_grad():
        wanted = network(batch)
    assert artifact.labels == ()
    assert sqnr_db(torch.from_numpy(artifact.logits(batch.numpy())), wanted) >= 110


@pytest.mark.skipif("sys.platform == 'darwin'", reason="there Core ML itself answers")
def test_predicting_off_macos_says_so(
    package: Path, crops: np.ndarray[Any, np.dtype[np.uint8]]
) -> None:
    with pytest.raises(RunError, match="macOS only"):
        predict_probabilities(package, crops)


@pytest.mark.skipif("sys.platform != 'darwin'", reason="needs the Core ML framework, of macOS")
def test_core_ml_itself_agrees_with_the_evaluator(
    package: Path, crops: np.ndarray[Any, np.dtype[np.uint8]]
) -> None:
    ours = torch.from_numpy(CoreMLArtifact(package).probabilities(crops))
    assert sqnr_db(torch.from_numpy(predict_probabilities(package, crops)), ours) >= 30


def edit(package: Path, change: Callable[[Any], None]) -> None:
    """Rewrite the package's protobuf message."""
    model = Model_pb2.Model()
    model.ParseFromString((package / MODEL).read_bytes())
    change(model)
    (package / MODEL).write_bytes(model.SerializeToString())


def operations(model: Any) -> Any:
    function = model.mlProgram.functions["main"]
    return function.block_specializations[function.opset].operations


def rename_operator(model: Any) -> None:
    next(op for op in operations(model) if op.type == "linear").type = "linear_of_tomorrow"


def rename_parameter(model: Any) -> None:
    operator = next(op for op in operations(model) if op.type == "conv")
    operator.inputs["temperature"].CopyFrom(operator.inputs["groups"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (rename_operator, "'linear_of_tomorrow', named 'linear.*--allow-unverified coreml"),
        (rename_parameter, r"'conv\(temperature=\)', named 'conv2d"),
    ],
)
def test_an_unknown_operator_is_named_with_the_way_past(
    copy: Path, change: Callable[[Any], None], message: str
) -> None:
    edit(copy, change)
    program = load_program(copy)
    with pytest.raises(UnknownOperatorError, match=message):
        check_operators(program)
    with pytest.raises(UnknownOperatorError, match=message):
        CoreMLArtifact(copy)


def cut(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def move_weights_outside(model: Any) -> None:
    for operation in operations(model):
        value = operation.attributes.get("val")
        if value is not None and value.WhichOneof("value") == "blobFileValue":
            value.blobFileValue.fileName = "@model_path/weights/../../../weight.bin"


def read_before_making(model: Any) -> None:
    next(op for op in operations(model) if op.type == "conv").inputs["x"].arguments[0].name = "?"


def drop_a_name(model: Any) -> None:
    next(op for op in operations(model) if op.type == "conv").attributes.clear()


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no model": (lambda p: (p / MODEL).unlink(), "is no Core ML package"),
    "truncated model": (lambda p: cut(p / MODEL, 0.6), "is corrupt or truncated"),
    "empty model": (lambda p: cut(p / MODEL, 0), "holds no ML Program"),
    "model of noise": (lambda p: (p / MODEL).write_bytes(b"\xff" * 999), "is corrupt or truncated"),
    "no weights": (lambda p: (p / WEIGHTS).unlink(), "weight.bin cannot be read"),
    "truncated weights": (lambda p: cut(p / WEIGHTS, 0.5), "weight.bin is corrupt: it ends before"),
    "weights of noise": (
        lambda p: (p / WEIGHTS).write_bytes(b"\xff" * 99_999),
        "weight.bin is corrupt: it has no known record",
    ),
    "weights outside": (lambda p: edit(p, move_weights_outside), "keeps weights outside itself"),
    "a value out of nowhere": (lambda p: edit(p, read_before_making), "which nothing has made"),
    "a nameless operator": (lambda p: edit(p, drop_a_name), "is corrupt"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_package_is_refused_in_one_line(damage: str, copy: Path) -> None:
    inflict, message = DAMAGES[damage]
    inflict(copy)
    with pytest.raises(BundleError, match=message) as error:
        load_program(copy)
    assert len(str(error.value).splitlines()) == 1


def test_a_blob_of_another_shape_is_refused(copy: Path) -> None:
    with pytest.raises(BundleError, match="bytes at 64 for a tensor of shape"):
        BlobFile(copy / WEIGHTS).read(64, (3, 5, 7))
