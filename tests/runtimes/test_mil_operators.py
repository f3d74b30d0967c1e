"""The MIL evaluator's operators against torch, on packages that coremltools converted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
import pytest
import torch
from coremltools.converters.mil import Builder
from mil_packages import convert, sqnr_db
from torch import Tensor, nn
from torch.nn import functional

from deploy.runtimes.mil.evaluate import run_mil
from deploy.runtimes.mil.load import load_program
from deploy.runtimes.mil.ops import OPERATORS
from deploy.runtimes.mil.program import MilProgram

SIZE = 12


Branch = Callable[[Tensor], Tensor]


class Branches(nn.Module):
    """Several small functions of one input, so that one conversion tests them all."""

    def __init__(self, branches: Mapping[str, Branch]) -> None:
        super().__init__()
        self.branches = list(branches.values())
        self.owned = nn.ModuleList(b for b in self.branches if isinstance(b, nn.Module))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(branch(x) for branch in self.branches)


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
