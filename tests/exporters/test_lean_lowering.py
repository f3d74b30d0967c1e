"""Skipping passes of ExecuTorch changes no byte of a .pte."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from contextlib import nullcontext

import pytest
import torch
from small_network import Small, SmallV3, inputs
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.nn import functional

from deploy.capture.program import capture
from deploy.capture.simplify import simplify
from deploy.exporters.executorch import DIALECT
from deploy.exporters.lean_lowering import NEEDS, is_needed, lean_lowering
from deploy.quantization.ptq import decide
from deploy.quantization.write import write_program
from models.layers import ConvBNAct, ConvStyle, global_average_pool
from models.registry import create

SIDE = 32


class BatchNorm1dHead(nn.Module):
    """fastai's and re-identification's: XNNPACK makes a convolution in one dimension of it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvBNAct(3, 4, kernel=3, stride=2)
        self.head = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 2))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(global_average_pool(self.stem(x)))
        return logits


class Sequence(nn.Module):
    """Rows as a sequence, convolved along its one dimension, with its norm."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvBNAct(3, 4, kernel=3, stride=4)
        self.along = nn.Sequential(nn.Conv1d(4, 4, 3, padding=1), nn.BatchNorm1d(4), nn.ReLU())
        self.late = nn.BatchNorm1d(4)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.along(self.stem(x).flatten(2))
        logits: Tensor = self.head(self.late(x + x.sigmoid()).mean(2))
        return logits


class Attention(nn.Module):
    """Patches, one block of a ViT, with `attend` by hand or by torch's own operator."""

    def __init__(self, *, by_hand: bool) -> None:
        super().__init__()
        self.by_hand = by_hand
        self.patches = nn.Conv2d(3, 8, 8, 8)
        self.before, self.after = nn.LayerNorm(8), nn.LayerNorm(8)
        self.mix, self.out = nn.Linear(8, 24), nn.Linear(8, 8)
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))
        self.head = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        query, key, value = (
            part.unflatten(2, (2, 4)).transpose(1, 2)
            for part in self.mix(self.before(x)).chunk(3, dim=2)
        )
        if self.by_hand:
            mixed = (query @ key.transpose(2, 3) * 0.5).softmax(3) @ value
        else:
            mixed = functional.scaled_dot_product_attention(query, key, value)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        logits: Tensor = self.head((x + self.mlp(self.after(x))).mean(1))
        return logits


class Shuffle(nn.Module):
    """ShuffleNet's unit: split, convolve a half, concatenate, mix the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvBNAct(3, 8, kernel=3, stride=2)
        self.branch = ConvBNAct(4, 4, kernel=3, groups=4)
        self.head = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        left, right = self.stem(x).chunk(2, dim=1)
        x = torch.cat([left, self.branch(right)], dim=1)
        x = x.unflatten(1, (2, 4)).transpose(1, 2).flatten(1, 2)
        logits: Tensor = self.head(global_average_pool(x))
        return logits


class ConvNeXt(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, 4)
        self.depthwise = nn.Conv2d(8, 8, 7, padding=3, groups=8)
        self.norm = nn.LayerNorm(8)
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))
        self.head = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.mlp(self.norm(self.depthwise(x).permute(0, 2, 3, 1)))
        logits: Tensor = self.head(global_average_pool(x + y.permute(0, 3, 1, 2)))
        return logits


class Dense(nn.Module):
    """Concatenates seven: XNNPACK takes five at a time. Its norms stand before convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvBNAct(3, 4, kernel=3, stride=2)
        self.layers = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(4 * n), nn.ReLU(), nn.Conv2d(4 * n, 4, 3, padding=1))
            for n in range(1, 7)
        )
        self.head = nn.Linear(28, 2)

    def forward(self, x: Tensor) -> Tensor:
        seen = [self.stem(x)]
        for layer in self.layers:
            seen.append(layer(torch.cat(seen, dim=1)))
        logits: Tensor = self.head(global_average_pool(torch.cat(seen, dim=1)))
        return logits


class Padded(nn.Module):
    """TensorFlow's padding is an operator of its own, quantized like what it pads."""

    def __init__(self) -> None:
        super().__init__()
        style = ConvStyle(padding="same")
        self.stem = ConvBNAct(3, 4, kernel=3, stride=2, style=style)
        self.down = ConvBNAct(4, 4, kernel=3, stride=2, style=style)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(global_average_pool(self.down(self.stem(x))))
        return logits


def chain(*layers: nn.Module) -> nn.Module:
    """A stem, what is to be tried on its 8 channels of 16 x 16, and a head."""
    trunk = [ConvBNAct(3, 8, kernel=3, stride=2), *layers]
    return Chain(nn.Sequential(*trunk, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LazyLinear(2)))


class Chain(nn.Module):
    """Layers one after the other, not at the root."""

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__()
        self.layers = layers
        self(torch.zeros(2, 3, SIDE, SIDE))  # LazyLinear takes its size.

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.layers(x)
        return logits


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "mobilenet_v1": lambda: create("mobilenet_v1", width=0.1, classes=2),
    "mobilenet_v2": lambda: create("mobilenet_v2", width=0.1, classes=2),
    "mobilenet_v3_large": lambda: create("mobilenet_v3_large", width=0.1, classes=2),
    "mobilenet_v3_small": lambda: create("mobilenet_v3_small", width=0.1, classes=2),
    "shortcut": Small,
    "squeeze-excite": SmallV3,
    "batch norm 1d": BatchNorm1dHead,
    "convolution 1d": Sequence,
    "attention by hand": lambda: Attention(by_hand=True),
    "attention": lambda: Attention(by_hand=False),
    "shuffle": Shuffle,
    "layer norm": ConvNeXt,
    "dense": Dense,
    "padded": Padded,
    "transposed": lambda: chain(nn.ConvTranspose2d(8, 8, 2, 2), nn.BatchNorm2d(8), nn.ReLU()),
    "prelu": lambda: chain(nn.PReLU(8), nn.Conv2d(8, 8, 1), nn.PReLU(8)),
    "average pool": lambda: chain(nn.AvgPool2d(3, 2, ceil_mode=True), nn.Conv2d(8, 8, 1)),
    "max pool": lambda: chain(nn.MaxPool2d(3, 2, padding=1), nn.Conv2d(8, 8, 1)),
    "group norm": lambda: chain(nn.GroupNorm(2, 8), nn.ReLU(), nn.Conv2d(8, 8, 1)),
    "bilinear": lambda: chain(nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(8, 8, 1)),
}
# "captured" as the network wrote it: `simplify` leaves XNNPACK's passes less to do.
FORMS = ("captured", "fp32", "int8")
# ExecuTorch itself does not lower these, with all its passes.
REFUSED = {("convolution 1d", "int8")}
# Those in which one pass makes what a later one looks for; the rest is for the night.
QUICK = {("batch norm 1d", "captured"), ("padded", "int8")}


@pytest.mark.parametrize(
    ("network", "form"),
    [
        pytest.param(*case, marks=[] if case in QUICK else [pytest.mark.nightly])
        for case in itertools.product(NETWORKS, FORMS)
        if case not in REFUSED
    ],
)
def test_the_lean_lowering_gives_the_bytes_of_the_full_one(network: str, form: str) -> None:
    program = make_program(NETWORKS[network], form)
    assert lower(program, lean=True) == lower(program, lean=False)


def make_program(make_network: Callable[[], nn.Module], form: str) -> ExportedProgram:
    torch.manual_seed(0)
    captured = capture(make_network().eval(), (1, 3, SIDE, SIDE))
    if form == "captured":
        return captured
    program = simplify(captured)
    if form == "fp32":
        return program
    return write_program(program, decide(program, inputs(2)), DIALECT)


def lower(program: ExportedProgram, *, lean: bool) -> bytes:
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    with warnings.catch_warnings(action="ignore"), lean_lowering() if lean else nullcontext():
        lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
        return bytes(lowered.to_executorch().buffer)


def edge_program(network: nn.Module, shape: tuple[int, ...]) -> ExportedProgram:
    """As the passes get it: ExecuTorch's own operators."""
    from executorch.exir import to_edge

    with warnings.catch_warnings(action="ignore"):
        return to_edge(capture(network, shape)).exported_program()


def test_a_pass_is_skipped_only_where_its_operators_are_missing() -> None:
    """A padded network needs InsertPadQDQPass: without it the artifact would be another."""
    padded = edge_program(
        nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(3, 4, 3, stride=2)), (1, 3, 8, 8)
    )
    assert {name for name in NEEDS if is_needed(name, padded)} == {"InsertPadQDQPass"}
    assert is_needed("ChannelsLastTaggedReshapePass", padded)
    along = edge_program(nn.Sequential(nn.Conv1d(3, 4, 3), nn.BatchNorm1d(4)), (1, 3, 8))
    assert {name for name in NEEDS if is_needed(name, along)} == {
        "Conv1dUnsqueezePass",
        "FuseBatchNormPass",
        "DecomposeBatchNorm",
    }


def test_every_pass_that_can_be_skipped_is_one_of_executorchs() -> None:
    """A pass renamed by a later version would run always, and its row here be idle."""
    from executorch.backends.xnnpack._passes import XNNPACKPassManager

    program = capture(nn.ReLU(), (1, 3, 8, 8))
    names = {one.__name__ for one in XNNPACKPassManager(program).passes}
    assert set(NEEDS) <= names


def test_what_the_pattern_passes_need_is_in_each_of_their_patterns() -> None:
    from executorch.backends.xnnpack.partition.graphs import bilinear_2d, sdpa

    with warnings.catch_warnings(action="ignore"):
        patterns = {
            "ConvertToUpsampleBilinear2d": bilinear_2d.get_graphs(),
            "ConvertToSDPAPass": sdpa.get_graphs(),
        }
    for name, graphs in patterns.items():
        assert graphs
        for graph in graphs:
            operators = {str(getattr(node.target, "__name__", "")) for node in graph.graph.nodes}
            assert any(part in operator for part in NEEDS[name] for operator in operators), name
