"""Each exporter on a small network: what the file computes, with what, and what it says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from places import ROOT
from small_network import LABELS, PREPROCESSING, Small, SmallV3, crops, inputs, small_program

from deploy.backends import BACKENDS
from deploy.capture.program import graph_module
from deploy.exporters import coreml, executorch
from deploy.exporters import onnx as onnx_export
from deploy.exporters.interface import Spec
from deploy.photos.images import normalize
from deploy.pipeline.make import Job, Made, make, run_program
from deploy.pipeline.recipe import Target, make_targets
from deploy.quantization.ptq import decide
from deploy.runtimes import load
from deploy.runtimes.mil.load import load_program
from deploy.statistics.error_statistics import compare_logits
from models.layers import ConvBNAct, ConvStyle, global_average_pool

TARGETS = make_targets(precisions=["fp32", "fp16", "int8", "w8"])
INT8 = make_targets(precisions=["int8"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[Target, tuple[Path, Made]]:
    """Every artifact of the small network, made and run as a build does."""
    return make_all(tmp_path_factory.mktemp("artifacts"), Small, TARGETS)


@pytest.fixture(scope="module")
def made_v3(tmp_path_factory: pytest.TempPathFactory) -> dict[Target, tuple[Path, Made]]:
    """The int8 artifacts of the small network with hard-swish and squeeze-excite."""
    return make_all(tmp_path_factory.mktemp("v3"), SmallV3, INT8)


@pytest.fixture(scope="module")
def made_mixed(tmp_path_factory: pytest.TempPathFactory) -> dict[Target, tuple[Path, Made]]:
    """The int8 artifacts of the small network with its last convolution and its addition in float:
    one reads int8 values and gives float, the other reads both and gives int8."""
    return make_all(tmp_path_factory.mktemp("mixed"), Small, INT8, ["conv2d_3", "add"])


def make_all(
    folder: Path,
    network: type[torch.nn.Module],
    targets: tuple[Target, ...],
    keep_float: Sequence[str] = (),
) -> dict[Target, tuple[Path, Made]]:
    program = small_program(network)
    module = graph_module(program)
    torch.export.save(program, folder / "float.pt2")
    np.save(folder / "crops.npy", crops(6, seed=1))
    pure = decide(program, inputs(12))
    decisions = {"int8": pure.keep_in_float(module, keep_float), "w8": pure.weights_only(module)}
    suffixes = {"executorch": ".pte", "onnx": ".onnx", "coreml": ".mlpackage"}
    results = {}
    for target in targets:
        path = folder / f"{target.name}{suffixes[target.format]}"
        spec = Spec(precision=target.precision, preprocessing=PREPROCESSING, labels=LABELS)
        job = Job(
            target=target,
            backend=BACKENDS[target.format],
            path=path,
            program=folder / "float.pt2",
            decisions=decisions.get(target.precision),
            crops=folder / "crops.npy",
            spec=spec,
            allow_unverified=False,
        )
        results[target] = (path, make(job))
    return results


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_the_artifact_computes_what_its_program_does(
    made: dict[Target, tuple[Path, Made]], target: Target
) -> None:
    _, result = made[target]
    assert result.logits is not None
    bound = {"fp32": 100.0, "fp16": 40.0, "int8": 25.0, "w8": 40.0}[target.precision]
    assert compare_logits(result.own_logits, result.logits).sqnr_db > bound
    assert [check for check in result.checks if not check.passed] == []


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_the_heavy_operators_run_in_the_precision_asked_for(
    made: dict[Target, tuple[Path, Made]], target: Target
) -> None:
    _, result = made[target]
    in_float = {} if target.precision == "int8" else {"conv": 4, "linear": 1}
    assert result.operators.heavy_in_float() == in_float
    assert sum(result.operators.inside.values()) > 5
    assert result.operators.outside == {}


def test_nothing_of_the_int8_pte_is_float_inside_its_one_delegate(
    made: dict[Target, tuple[Path, Made]],
) -> None:
    path, _ = made[Target(format="executorch", precision="int8")]
    inside = executorch.count_operators(path).inside
    assert {name for name in inside if name.endswith(".float")} == {"convert.float"}
    assert inside["conv.int8"] == 4
    assert inside["add.int8"] == 1
    assert inside["mean.int8"] == 1


@pytest.mark.parametrize("target", INT8, ids=lambda target: target.name)
def test_what_is_left_in_float_is_so_in_every_format_and_nothing_else(
    made_mixed: dict[Target, tuple[Path, Made]], target: Target
) -> None:
    _, result = made_mixed[target]
    assert result.operators.heavy_in_float() == {"conv": 1}
    assert result.operators.inside["conv.int8"] == 3
    assert "add.int8" not in result.operators.inside
    assert [check for check in result.checks if not check.passed] == []
    assert result.logits is not None
    assert compare_logits(result.own_logits, result.logits).sqnr_db > 25


def test_w8_has_int8_weights_and_computes_in_float(
    made: dict[Target, tuple[Path, Made]],
) -> None:
    path, weights_alone = made[Target(format="coreml", precision="w8")]
    assert weights_alone.operators.heavy_in_float() == {"conv": 4, "linear": 1}
    kinds = {operation.op_type for operation in load_program(path).operations}
    assert kinds & set(coreml.WEIGHT_EXPANDERS)
    assert not kinds & {"quantize", "dequantize"}


def test_onnxruntime_fuses_all_of_the_int8_file(made: dict[Target, tuple[Path, Made]]) -> None:
    path, _ = made[Target(format="onnx", precision="int8")]
    inside = onnx_export.count_operators(path).inside
    assert inside["conv.int8"] == 4
    assert inside["linear.int8"] == 1
    assert inside["add.int8"] == 1
    assert inside["globalaveragepool.int8"] == 1
    assert inside["dequantizelinear.float"] == 1  # the logits, for the caller


@pytest.mark.parametrize("target", INT8, ids=lambda target: target.name)
def test_hard_swish_and_squeeze_excite_are_int8_in_every_format(
    made_v3: dict[Target, tuple[Path, Made]], target: Target
) -> None:
    _, result = made_v3[target]
    assert result.logits is not None
    assert compare_logits(result.own_logits, result.logits).sqnr_db > 25
    assert [check for check in result.checks if not check.passed] == []
    assert result.operators.heavy_in_float() == {}
    assert result.operators.outside == {}


def test_onnxruntime_computes_hard_swish_as_int8_products(
    made_v3: dict[Target, tuple[Path, Made]],
) -> None:
    path, _ = made_v3[Target(format="onnx", precision="int8")]
    inside = onnx_export.count_operators(path).inside
    assert inside["mul.int8"] == 2 * 3 + 1  # two a hard-swish, one for the squeeze-excite
    assert {name for name in inside if name.endswith(".float")} <= {
        "quantizelinear.float",
        "dequantizelinear.float",
        "transpose.float",
        "reshape.float",
    }


def test_xnnpack_reads_and_writes_int8_around_each_hard_swish(
    made_v3: dict[Target, tuple[Path, Made]],
) -> None:
    path, _ = made_v3[Target(format="executorch", precision="int8")]
    inside = executorch.count_operators(path).inside
    assert inside["hardswish.float"] == 3  # each between converts: one look-up table at run time
    assert inside["convert.float"] == 2 * 3 + 2
    assert inside["mul.int8"] == 1
    assert inside["mean.int8"] == 2


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_onnx_file_loads_in_older_runtimes_and_keeps_our_paths_to_itself(
    made: dict[Target, tuple[Path, Made]], precision: str
) -> None:
    path, _ = next(m for t, m in made.items() if t.format == "onnx" and t.precision == precision)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version <= 10
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 20)]
    assert [value.name for value in model.graph.input] == ["input"]
    assert [value.name for value in model.graph.output] == ["logits"]
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)
    assert str(ROOT).encode() not in path.read_bytes()


def test_the_core_ml_package_takes_an_image_and_knows_its_labels(
    made: dict[Target, tuple[Path, Made]],
) -> None:
    from coremltools.proto import Model_pb2

    path, _ = made[Target(format="coreml", precision="fp16")]
    model = Model_pb2.Model()
    model.ParseFromString((path / "Data/com.apple.CoreML/model.mlmodel").read_bytes())
    (image,) = model.description.input
    assert image.type.WhichOneof("Type") == "imageType"
    assert [output.name for output in model.description.output] == [
        "classLabel",
        "classLabel_probs",
    ]
    assert model.specificationVersion == 8  # iOS 17


def test_another_gelu_is_refused_by_lockstep_not_shipped_wrong(tmp_path: Path) -> None:
    """coremltools drops gelu's `approximate`, so we rewrite it: the exact proof must not let it
    pass where it was not."""
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3),
        torch.nn.GELU(approximate="tanh"),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(8, len(LABELS)),
    )
    program = torch.export.export(network.eval(), (inputs(1),))
    spec = Spec(precision="fp32", preprocessing=PREPROCESSING, labels=LABELS)
    classifier = coreml.ImageClassifier(graph_module(program), PREPROCESSING)
    image = torch.export.export(classifier, (inputs(1),)).run_decompositions({})
    coreml.convert(image, tmp_path / "gelu.mlpackage", LABELS, "float32")
    converted = image
    checks = coreml.prove(converted, tmp_path / "gelu.mlpackage", spec, crops(1))
    (failed,) = [check for check in checks if not check.passed]
    assert "gelu" in failed.measured


def test_own_logits_are_torchs() -> None:
    program = small_program()
    expected = program.module()(inputs(1)).detach().numpy()
    assert np.allclose(run_program(program, normalize(crops(1), PREPROCESSING)), expected)


@pytest.mark.parametrize("format", ["executorch", "onnx", "coreml"])
def test_a_file_that_is_no_artifact_is_refused_in_one_line(tmp_path: Path, format: str) -> None:
    from deploy.support.errors import DeployError

    path = tmp_path / "broken"
    path.write_bytes(b"not a model")
    with pytest.raises(DeployError) as caught:
        load(format, path, PREPROCESSING)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_a_convolution_behind_a_same_padding_is_int8_in_every_format(tmp_path: Path) -> None:
    """TensorFlow's padding is asymmetric at stride 2, so it stays an operator of its own."""
    made = make_all(tmp_path, Padded, INT8)
    for _, result in made.values():
        assert result.operators.heavy_in_float() == {}
        assert [check for check in result.checks if not check.passed] == []


class Padded(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        style = ConvStyle(padding="same")
        self.stem = ConvBNAct(3, 8, kernel=3, stride=2, style=style)
        self.down = ConvBNAct(8, 8, kernel=3, stride=2, style=style)
        self.head = torch.nn.Linear(8, len(LABELS))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(global_average_pool(self.down(self.stem(x))))
        return logits
