"""The MIL evaluator against torch, on packages that coremltools converted."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
import pytest
import torch
from coremltools.converters.mil import Builder
from coremltools.proto import Model_pb2
from torch import Tensor, nn
from torch.nn import functional

from deploy.runtimes.coreml import CoreMLArtifact, predict_probabilities
from deploy.runtimes.mil.evaluate import UnknownOperatorError, check_operators, run_mil
from deploy.runtimes.mil.load import load_program
from deploy.runtimes.mil.ops import OPERATORS
from deploy.runtimes.mil.program import MilProgram
from deploy.runtimes.mil.storage import BlobFile
from deploy.support.errors import BundleError, GateError, RunError

SIZE = 12
LABELS = [f"label {i}" for i in range(10)]
MODEL = Path("Data", "com.apple.CoreML", "model.mlmodel")
WEIGHTS = Path("Data", "com.apple.CoreML", "weights", "weight.bin")

Branch = Callable[[Tensor], Tensor]


class Branches(nn.Module):
    """Several small functions of one input, so that one conversion tests them all."""

    def __init__(self, branches: Mapping[str, Branch]) -> None:
        super().__init__()
        self.branches = list(branches.values())
        self.owned = nn.ModuleList(b for b in self.branches if isinstance(b, nn.Module))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(branch(x) for branch in self.branches)


def convert(
    module: nn.Module, example: Tensor, path: Path, *, float16: bool = False, **options: Any
) -> Path:
    exported = torch.export.export(module.eval(), (example,)).run_decompositions({})
    precision = ct.precision.FLOAT16 if float16 else ct.precision.FLOAT32
    options.setdefault("inputs", [ct.TensorType(name="x", shape=tuple(example.shape))])
    model = ct.convert(
        exported,
        minimum_deployment_target=ct.target.iOS17,
        compute_precision=precision,
        skip_model_load=True,
        **options,
    )
    model.save(str(path))
    return path


def sqnr_db(got: Tensor, wanted: Tensor) -> float:
    noise = (got.double() - wanted.double()).square().sum()
    return float(10 * torch.log10(wanted.double().square().sum() / noise))


def op_types(program: MilProgram) -> set[str]:
    return {operation.op_type for operation in program.operations}


def batch_norm() -> nn.Module:
    norm = nn.BatchNorm2d(8, eps=1e-3)
    norm.running_mean = torch.linspace(-1, 1, 8)
    norm.running_var = torch.linspace(0.5, 2, 8)
    nn.init.uniform_(norm.weight, 0.5, 2)
    nn.init.uniform_(norm.bias)
    return norm


def prelu() -> nn.Module:
    module = nn.PReLU(8)
    module.weight.data = torch.linspace(0.1, 0.8, 8)  # equal ones would become a leaky_relu
    return module


SPATIAL: dict[str, Branch] = {
    "strided convolution": nn.Conv2d(8, 6, 3, stride=2, padding=1),
    "depthwise, dilated": nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8, bias=False),
    "pad_type same": nn.Conv2d(8, 4, 4, padding="same"),
    "padded before and after apart": nn.Sequential(
        nn.ZeroPad2d((0, 1, 2, 3)), nn.Conv2d(8, 4, 3, stride=2)
    ),
    "transposed": nn.ConvTranspose2d(8, 4, (3, 2), (2, 1), padding=1, dilation=(1, 2), groups=2),
    "transposed, cropped at one side": nn.ConvTranspose2d(8, 3, 3, 2, 1, output_padding=(1, 0)),
    "max pool, padded": lambda x: functional.max_pool2d(x, 3, 2, 1),
    "max pool, ceil mode": lambda x: functional.max_pool2d(x, 3, 2, ceil_mode=True),
    "average pool, padding counted": lambda x: functional.avg_pool2d(x, 3, 2, 1),
    "average pool, padding excluded": lambda x: functional.avg_pool2d(
        x, 3, 2, 1, count_include_pad=False
    ),
    "pad, constant": lambda x: functional.pad(x, (1, 2, 3, 0), value=0.5),
    "pad, reflect": lambda x: functional.pad(x, (1, 2, 3, 0), mode="reflect"),
    "pad, replicate": lambda x: functional.pad(x, (1, 2, 3, 0), mode="replicate"),
}
LAYERS: dict[str, Branch] = {
    "linear": nn.Linear(SIZE, 5),
    "matmul": lambda x: x @ x.transpose(2, 3),
    "batch norm": batch_norm(),
    "layer norm": nn.LayerNorm(SIZE),
    "layer norm over two axes": nn.LayerNorm((SIZE, SIZE), elementwise_affine=False),
    "instance norm": nn.InstanceNorm2d(8, affine=True),
    "softmax": lambda x: x.softmax(1),
    "squeeze and excite": nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 4, 1), nn.ReLU(), nn.Conv2d(4, 8, 1), nn.Hardsigmoid()
    ),
}
ACTIVATIONS: dict[str, Branch] = {
    "relu": nn.ReLU(),
    "relu6": functional.relu6,
    "clip": lambda x: x.clamp(-0.5, 0.75),
    "hard swish": nn.Hardswish(),
    "hard sigmoid": nn.Hardsigmoid(),
    "sigmoid": torch.sigmoid,
    "silu": nn.SiLU(),
    "gelu": nn.GELU(),
    "tanh": torch.tanh,
    "softplus": functional.softplus,
    "leaky relu": nn.LeakyReLU(0.1),
    "elu": nn.ELU(0.7),
    "prelu": prelu(),
}
ARITHMETIC: dict[str, Branch] = {
    "add": lambda x: x + x.flip(3),
    "sub": lambda x: 1.5 - x,
    "mul": lambda x: x * x.sigmoid(),
    "real_div": lambda x: x.tanh() / (x.abs() + 1),
    "maximum": lambda x: torch.maximum(x, x.flip(2)),
    "minimum": lambda x: torch.minimum(x, x.flip(2)),
    "pow": lambda x: x**3,
    "sqrt": lambda x: (x.abs() + 0.1).sqrt(),
    "rsqrt": lambda x: (x.abs() + 0.1).rsqrt(),
    "exp": torch.exp,
    "log": lambda x: (x.abs() + 0.1).log(),
    "erf": torch.erf,
    "sign": torch.sign,
    "floor": torch.floor,
    "ceil": torch.ceil,
    "select": lambda x: torch.where(x > 0.25, x, -x),
    "comparisons": lambda x: torch.where(x >= 0, x, 2 * x) + torch.where(x < 1, x, 3 * x),
    "comparisons, equal": lambda x: (
        torch.where(x <= 0, x, 2 * x)
        + torch.where(x.floor() == 0, x, 3 * x)
        + torch.where(x.floor() != 1, x, 3 * x)
    ),
    "mean": lambda x: x.mean((2, 3), keepdim=True),
    "sum": lambda x: x.sum(1),
    "amax": lambda x: x.amax(3),
    "amin": lambda x: x.amin(3),
    "norm": lambda x: x.norm(dim=1),
    "cumsum": lambda x: x.cumsum(2),
}
SHAPES: dict[str, Branch] = {
    "reshape": lambda x: x.reshape(1, 4, -1),
    "transpose": lambda x: x.permute(0, 2, 3, 1),
    "squeeze": lambda x: x.mean((2, 3), keepdim=True).squeeze((2, 3)),
    "expand_dims": lambda x: x.unsqueeze(2),
    "concat": lambda x: torch.cat([x, x.relu()], 1),
    "stack": lambda x: torch.stack([x, x.relu(), x.tanh()], 1),
    "split": lambda x: torch.mul(*x.chunk(2, 1)),
    "split, uneven": lambda x: x.split([3, 5], 1)[1],
    "slice": lambda x: x[:, 1:7:2, 3:, :-2],
    "slice to an index": lambda x: x[:, 2],
    "tile": lambda x: x.repeat(1, 2, 1, 1),
    "channel shuffle": lambda x: x.reshape(1, 2, 4, SIZE, SIZE).transpose(1, 2).reshape(x.shape),
}
GROUPS = {
    "spatial": SPATIAL,
    "layers": LAYERS,
    "activations": ACTIVATIONS,
    "arithmetic": ARITHMETIC,
    "shapes": SHAPES,
}


@pytest.fixture(scope="module")
def example() -> Tensor:
    return 2 * torch.randn(1, 8, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, MilProgram]:
    """Programs already converted by the tests of this module, by group."""
    return {}


@pytest.mark.parametrize("group", GROUPS)
def test_operators_agree_with_torch(
    group: str, example: Tensor, tmp_path: Path, converted: dict[str, MilProgram]
) -> None:
    module = Branches(GROUPS[group])
    program = load_program(convert(module, example, tmp_path / "m.mlpackage"))
    converted[group] = program
    results = run_mil(program, {"x": example})
    with torch.no_grad():
        wanted = module(example)
    for name, result, right in zip(GROUPS[group], results.values(), wanted, strict=True):
        assert sqnr_db(result, right) >= 110, name


def program_built_by_hand(x: Tensor) -> tuple[Any, dict[str, Tensor]]:
    """Operators that conversion from torch does not emit, and their definitions."""

    @Builder.program(
        input_specs=[Builder.TensorSpec(shape=tuple(x.shape))], opset_version=ct.target.iOS17
    )
    def program(x: Any) -> Any:
        kernel = np.ones((1, 8, 2, 2), np.float32)
        return (
            Builder.clamped_relu(x=x, alpha=0.5, beta=1.0),
            Builder.scaled_tanh(x=x, alpha=0.5, beta=2.0),
            Builder.linear_activation(x=x, alpha=0.5, beta=2.0),
            Builder.gelu(x=x, mode="SIGMOID_APPROXIMATION"),
            Builder.gelu(x=x, mode="TANH_APPROXIMATION"),
            Builder.inverse(x=x, epsilon=0.1),
            Builder.square(x=x),
            Builder.softsign(x=x),
            Builder.identity(x=x),
            Builder.slice_by_size(x=x, begin=[0, 2, 0, 1], size=[1, 3, -1, 4]),
            Builder.concat(values=[x, Builder.relu(x=x)], axis=1, interleave=True),
            Builder.conv(x=x, weight=kernel, pad_type="same_lower"),
            Builder.avg_pool(
                x=x,
                kernel_sizes=[2, 2],
                pad_type="custom",
                pad=[1, 0, 0, 0],
                exclude_padding_from_average=True,
            ),
            Builder.max_pool(x=x, kernel_sizes=[2, 2], pad_type="custom", pad=[1, 0, 0, 0]),
        )

    padded = functional.pad(x, (0, 0, 1, 0))
    count = functional.pad(torch.ones_like(x), (0, 0, 1, 0))
    leaky = torch.where(x >= 0, x, 0.5 * x)
    return program, {
        "clamped_relu": leaky.clamp(max=1.0),
        "scaled_tanh": 0.5 * torch.tanh(2.0 * x),
        "linear_activation": 0.5 * x + 2.0,
        "gelu, sigmoid": x * torch.sigmoid(1.702 * x),
        "gelu, tanh": functional.gelu(x, approximate="tanh"),
        "inverse": 1 / (x + 0.1),
        "square": x * x,
        "softsign": x / (1 + x.abs()),
        "identity": x,
        "slice_by_size": x[:, 2:5, :, 1:5],
        "concat, interleaved": torch.stack([x, x.relu()], 2).reshape(1, 16, SIZE, SIZE),
        "same_lower": functional.conv2d(functional.pad(x, (1, 0, 1, 0)), torch.ones(1, 8, 2, 2)),
        "avg_pool, uneven padding": functional.avg_pool2d(padded, 2, 1)
        / functional.avg_pool2d(count, 2, 1),
        "max_pool, uneven padding": functional.max_pool2d(
            functional.pad(x, (0, 0, 1, 0), value=-torch.inf), 2, 1
        ),
    }


def test_operators_that_torch_never_emits_agree_with_their_definition(
    example: Tensor, tmp_path: Path, converted: dict[str, MilProgram]
) -> None:
    built, wanted = program_built_by_hand(example)
    # No passes: they would remove the identity and turn some of the others into something else.
    model = ct.convert(
        built,
        convert_to="mlprogram",
        compute_precision=ct.precision.FLOAT32,
        minimum_deployment_target=ct.target.iOS17,
        pass_pipeline=ct.PassPipeline.EMPTY,
        skip_model_load=True,
    )
    model.save(str(tmp_path / "m.mlpackage"))
    program = load_program(tmp_path / "m.mlpackage")
    converted["by hand"] = program
    results = run_mil(program, {"x": example})
    for (name, right), result in zip(wanted.items(), results.values(), strict=True):
        assert sqnr_db(result, right) >= 110, name


def test_every_operator_of_the_table_is_proved(converted: dict[str, MilProgram]) -> None:
    if len(converted) <= len(GROUPS):
        pytest.skip("needs the programs of all tests above: run the whole file")
    proved = set[str]().union(*(op_types(program) for program in converted.values()))
    elsewhere = {"cast", "classify", "quantize", "dequantize", "constexpr_blockwise_shift_scale"}
    elsewhere.add("constexpr_affine_dequantize")  # in test_lockstep.py
    # By their texts, in test_core_ml_meaning.py, and converted in test_export_forms.py.
    elsewhere |= {"gather", "pixel_shuffle", "pixel_unshuffle", "conv_transpose", "crop", "cumsum"}
    elsewhere |= {"upsample_nearest_neighbor", "upsample_bilinear", "resize_bilinear"}
    assert set(OPERATORS) - proved - elsewhere == set()


@pytest.mark.parametrize("group", ["layers", "activations"])
def test_float16_programs_agree_to_the_precision_of_float16(
    group: str, example: Tensor, tmp_path: Path
) -> None:
    module = Branches(GROUPS[group])
    path = convert(module, example, tmp_path / "m.mlpackage", float16=True)
    program = load_program(path)
    stored = {out.name: out.dtype for op in program.operations for out in op.outputs}
    seen = run_mil(program, {"x": example}, outputs=list(stored))
    assert all(
        torch.equal(seen[name].half().float(), seen[name])
        for name, dtype in stored.items()
        if dtype == "float16"
    )
    with torch.no_grad():
        wanted = module(example)
    results = run_mil(program, {"x": example})
    for name, result, right in zip(GROUPS[group], results.values(), wanted, strict=True):
        assert 45 <= sqnr_db(result, right) < 110, name


def test_quantize_rounds_ties_to_even_and_saturates_as_torch_does() -> None:
    import torch.ao.quantization.fx._decomposed  # registers the operators

    x = torch.cat([torch.arange(-300, 300) / 2, torch.randn(10_000) * 90, torch.tensor([1e9])])
    for scale, zero_point in ((1.0, 0), (1.0, 3), (0.0237, -128), (0.1, 127), (3.7, -5)):
        wanted = torch.ops.quantized_decomposed.quantize_per_tensor(
            x, scale, zero_point, -128, 127, torch.int8
        )
        got = OPERATORS["quantize"](
            input=x, scale=scale, zero_point=zero_point, output_dtype="int8"
        )
        assert got.dtype == torch.int8
        assert torch.equal(got, wanted)
        unsigned = OPERATORS["quantize"](
            input=x, scale=scale, zero_point=zero_point + 128, output_dtype="uint8"
        )
        assert torch.equal(unsigned.int() - 128, wanted.int())
        back = torch.ops.quantized_decomposed.dequantize_per_tensor(
            wanted, scale, zero_point, -128, 127, torch.int8
        )
        assert torch.equal(
            OPERATORS["dequantize"](input=got, scale=scale, zero_point=zero_point), back
        )


def test_quantize_and_dequantize_per_channel_broadcast_along_their_axis() -> None:
    x = torch.randn(2, 3, 4)
    scale, zero_point = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([1, 0, -1], dtype=torch.int8)
    steps = OPERATORS["quantize"](
        input=x, scale=scale, zero_point=zero_point, axis=1, output_dtype="int8"
    )
    back = OPERATORS["dequantize"](input=steps, scale=scale, zero_point=zero_point, axis=-2)
    assert torch.all((back - x).abs() <= 0.5001 * scale[:, None])


def test_blockwise_weights_take_the_scale_of_their_block() -> None:
    data = torch.arange(8, dtype=torch.int8).reshape(2, 4)
    scale, offset = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[0.0, 1.0], [0.0, 2.0]])
    expand = OPERATORS["constexpr_blockwise_shift_scale"]
    wanted = torch.tensor([[0.0, 1.0, 2.0, 4.0], [12.0, 15.0, 16.0, 20.0]])
    assert torch.equal(expand(data=data, scale=scale, offset=offset), wanted)


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
