"""Forms and computed constants: the same numbers, and nothing heavy that int8 would not know."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody has it.
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from deploy.capture.program import aten, calls, capture, graph_module
from deploy.capture.proofs import prove_simplified
from deploy.capture.simplify import simplify
from deploy.quantization.cross_layer_equalization import equalize, prove_equalized
from deploy.quantization.kernels import find_kernels

SHAPE = (1, 3, 16, 16)
# Everything that computes with a weight, in the one form of each.
PRODUCTS = (aten.conv2d.default, aten.linear.default)


class Computing(nn.Module):
    """A network that is one function of the input and of its own layers and parameters."""

    def __init__(self, function: Callable[[Computing, Tensor], Tensor], **parts: object) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


class Standardized(nn.Conv2d):
    """Weight standardization (Qiao et al. 2019)."""

    def forward(self, x: Tensor) -> Tensor:
        mean = self.weight.mean((1, 2, 3), keepdim=True)
        spread = self.weight.std((1, 2, 3), keepdim=True) + 1e-5
        return self._conv_forward(x, (self.weight - mean) / spread, self.bias)


def weight(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(*shape))


def pooled(x: Tensor) -> Tensor:
    return x.mean((2, 3))


def settled(network: nn.Module) -> nn.Module:
    """With batch norms that do something, in eval mode."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return network.eval()


# What each has of convolutions and linears, all of which int8 must know.
NETWORKS: dict[str, tuple[int, Callable[[], nn.Module]]] = {
    "same": (
        1,
        lambda: Computing(lambda m, x: pooled(m.c(x)), c=nn.Conv2d(3, 4, 3, padding="same")),
    ),
    "same, even kernel": (
        1,
        lambda: Computing(
            lambda m, x: pooled(m.c(x)),
            c=nn.Conv2d(3, 4, (2, 4), padding="same", dilation=(1, 3)),
        ),
    ),
    "same, grouped, batch norm, gate": (
        1,
        lambda: Computing(
            lambda m, x: pooled(F.hardsigmoid(m.b(m.c(x)))),
            c=nn.Conv2d(3, 6, 3, padding="same", groups=3),
            b=nn.BatchNorm2d(6),
        ),
    ),
    "valid": (
        1,
        lambda: Computing(lambda m, x: pooled(m.c(x)), c=nn.Conv2d(3, 4, 3, padding="valid")),
    ),
    "convolution": (
        1,
        lambda: Computing(
            lambda m, x: pooled(
                torch.convolution(x, m.w, None, [2, 1], [1, 0], [1, 2], False, [0, 0], 1)
            ),
            w=weight(4, 3, 3, 3),
        ),
    ),
    "conv1d": (
        2,
        lambda: Computing(
            lambda m, x: m.d(F.relu(m.b(m.c(x.flatten(2))))).mean(2),
            c=nn.Conv1d(3, 4, 4, padding="same"),
            b=nn.BatchNorm1d(4),
            d=nn.Conv1d(4, 5, 3, stride=2, padding=1),
        ),
    ),
    "unbatched conv2d": (
        1,
        lambda: Computing(
            lambda m, x: F.relu6(m.c(x[0])).mean((1, 2)).unsqueeze(0), c=nn.Conv2d(3, 4, 3)
        ),
    ),
    # Whose batch norm takes the positions for channels.
    "unbatched conv1d": (
        1,
        lambda: Computing(
            lambda m, x: m.b(m.c(x[0].flatten(1))).mean(1).unsqueeze(0),
            c=nn.Conv1d(3, 4, 3),
            b=nn.BatchNorm1d(254),
        ),
    ),
    "unbatched pools": (
        1,
        lambda: Computing(
            lambda m, x: F.adaptive_avg_pool2d(
                F.avg_pool2d(F.max_pool2d(m.c(x[0]), 3, 2, 1, ceil_mode=True), 2), 2
            ).flatten(1)[None, :, 0],
            c=nn.Conv2d(3, 4, 3),
        ),
    ),
    "pools of tokens": (
        0,
        lambda: Computing(
            lambda _, x: F.avg_pool2d(F.max_pool2d(x.flatten(2), 3, 2, 1), (1, 3)).mean(2)
        ),
    ),
    "a linear of one vector": (
        1,
        lambda: Computing(lambda m, x: m.l(pooled(x)[0]).unsqueeze(0), l=nn.Linear(3, 4)),
    ),
    "products": (
        4,
        lambda: Computing(
            lambda m, x: (
                torch.addmm(m.b, torch.mm(pooled(x), m.w), m.v)
                + torch.addmm(m.b, pooled(x) @ m.w, m.v, beta=0.5, alpha=2)
            ),
            w=weight(3, 6),
            v=weight(6, 4),
            b=weight(4),
        ),
    ),
    "cosine classifier": (
        1,
        lambda: Computing(
            lambda m, x: 10 * F.linear(F.normalize(pooled(x)), F.normalize(m.w)), w=weight(4, 3)
        ),
    ),
    "computed weights": (
        4,
        lambda: nn.Sequential(
            Standardized(3, 8, 3, bias=False),
            nn.BatchNorm2d(8),
            parametrizations.weight_norm(nn.Conv2d(8, 8, 3)),
            parametrizations.spectral_norm(nn.Conv2d(8, 8, 3)),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            parametrizations.orthogonal(nn.Linear(8, 4)),
        ),
    ),
    "one convolution, two batch norms": (
        2,
        lambda: Computing(
            lambda m, x: pooled(m.b(m.c(x)) + m.d(m.c(x.flip(3)))),
            c=nn.Conv2d(3, 4, 3),
            b=nn.BatchNorm2d(4),
            d=nn.BatchNorm2d(4),
        ),
    ),
    "one batch norm, two convolutions": (
        2,
        lambda: Computing(
            lambda m, x: pooled(m.b(m.d(m.b(m.c(x))))),
            c=nn.Conv2d(3, 4, 3),
            d=nn.Conv2d(4, 4, 3),
            b=nn.BatchNorm2d(4),
        ),
    ),
    "batch norms behind a linear": (
        1,
        lambda: Computing(
            lambda m, x: m.d(m.b(m.l(pooled(x)))),
            l=nn.Linear(3, 4),
            b=nn.BatchNorm1d(4),
            d=nn.BatchNorm1d(4, affine=False),
        ),
    ),
    "clamps and pools": (
        2,
        lambda: Computing(
            lambda m, x: (
                F.avg_pool2d(m.c(x).clamp(-1, 2), 14, stride=3).flatten(1)
                + F.avg_pool2d(m.c(x).clamp(min=0), 14, divisor_override=7).flatten(1)
            ),
            c=nn.Conv2d(3, 4, 3),
        ),
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_each_form_keeps_its_numbers_and_is_one_that_int8_knows(name: str) -> None:
    torch.manual_seed(0)
    products, make = NETWORKS[name]
    network = settled(make())
    captured = capture(network, SHAPE)
    simplified = simplify(captured)
    module = graph_module(simplified)
    photos = torch.randn(4, *SHAPE[1:])
    with torch.inference_mode():
        expected = torch.cat([network(photo[None]) for photo in photos])
        got = torch.cat([module(photo[None]) for photo in photos])
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)
    in_int8 = {kernel.node for kernel in find_kernels(module) if kernel.kind in ("conv", "linear")}
    assert in_int8 == {node.name for node in calls(module, *PRODUCTS)}
    assert len(in_int8) == products
    prove_simplified(captured, simplified, photos.numpy())
    equalized = equalize(simplified, photos)
    prove_equalized(simplified, equalized, photos.numpy(), photos.numpy())


LEFT_ALONE: dict[str, Callable[[], nn.Module]] = {
    "weights computed from the photo": lambda: Computing(
        lambda m, x: pooled(F.hardsigmoid(m.b(F.conv2d(x, m.w * x.mean(), m.v * x.mean())))),
        w=weight(4, 3, 3, 3),
        v=weight(4),
        b=nn.BatchNorm2d(4),
    ),
    "a bias computed from the photo": lambda: Computing(
        lambda m, x: pooled(F.hardsigmoid(F.conv2d(x, m.w, m.v * x.mean()))),
        w=weight(4, 3, 3, 3),
        v=weight(4),
    ),
    "transposed": lambda: Computing(
        lambda m, x: pooled(F.hardsigmoid(m.b(m.c(x)))),
        c=nn.ConvTranspose2d(3, 4, 3, groups=1),
        b=nn.BatchNorm2d(4),
    ),
    "float64": lambda: Computing(
        lambda m, x: pooled(m.b(m.c(x.double()))).float(),
        c=nn.Conv2d(3, 4, 3).double(),
        b=nn.BatchNorm2d(4).double(),
    ),
    "a mean in float64": lambda: Computing(
        lambda m, x: m.c(x).mean((2, 3), dtype=torch.float64).float(), c=nn.Conv2d(3, 4, 3)
    ),
    "pads that are no zeros": lambda: Computing(
        lambda m, x: pooled(m.c(F.pad(F.pad(x, (1, 2), value=1.5), (1, 1, 1, 1), "circular"))),
        c=nn.Conv2d(3, 4, 3),
    ),
    "a column added to a product": lambda: Computing(
        lambda m, x: torch.addmm(m.b, x.flatten(2)[0, :, :8].t() @ x[0, :, 0, :8], m.w)[None, 0],
        w=weight(8, 8),
        b=weight(8, 1),
    ),
    "pools that are not of the whole": lambda: Computing(
        lambda m, x: (
            F.adaptive_avg_pool2d(m.c(x), (2, 1)).flatten(1)
            + F.avg_pool2d(m.c(x), 14, stride=14, padding=3).flatten(1).repeat(1, 2)
        ),
        c=nn.Conv2d(3, 4, 3),
    ),
}


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_what_only_looks_like_a_form_is_left_as_it_is(name: str) -> None:
    torch.manual_seed(0)
    network = settled(LEFT_ALONE[name]())
    captured = capture(network, SHAPE)
    simplified = simplify(captured)
    photos = torch.randn(4, *SHAPE[1:])
    prove_simplified(captured, simplified, photos.numpy())
    with torch.inference_mode():
        got = graph_module(simplified)(photos[:1])
        torch.testing.assert_close(got, network(photos[:1]), rtol=1e-4, atol=1e-5)


# What each does not have any more, and has instead.
PLAIN: dict[str, tuple[Callable[[Computing, Tensor], Tensor], object, object]] = {
    "add with alpha": (
        lambda m, x: torch.add(x, m.w * x, alpha=2.5), None, aten.mul.Tensor),
    "sub of a number with alpha": (
        lambda m, x: torch.sub(x, 3.0, alpha=0.5), None, aten.sub.Tensor),
    "rsub with alpha": (lambda m, x: torch.rsub(x, m.w * x, alpha=3), None, aten.mul.Tensor),
    "rsub of a number with alpha": (
        lambda m, x: torch.rsub(x, 2.0, alpha=3), None, aten.mul.Tensor),
    "prelu of features": (
        lambda m, x: F.prelu(pooled(x), m.s), aten.prelu.default, aten.relu.default),
    "prelu of a sequence": (
        lambda m, x: F.prelu(x.flatten(2), m.s), aten.prelu.default, aten.relu.default),
    "var_mean": (
        lambda m, x: torch.cat(torch.var_mean(x, 3), 1), aten.var_mean.dim, aten.mean.dim),
    "std_mean": (
        lambda m, x: torch.cat(torch.std_mean(x, (1, 2), correction=3, keepdim=True), 1),
        aten.std_mean.correction, aten.std.correction),
    "a negative pad": (
        lambda m, x: F.pad(x, (-2, 3, 1, -4), value=0.5), None, aten.slice.Tensor),
    "instance norm of running figures": (
        lambda m, x: m.n(x), aten.instance_norm.default, aten.conv2d.default),
    "adaptive maximum": (
        lambda m, x: F.adaptive_max_pool2d(x, (4, 2)),
        aten.adaptive_max_pool2d.default, aten.max_pool2d.default),
    "adaptive average": (
        lambda m, x: F.adaptive_avg_pool2d(x, 4),
        aten.adaptive_avg_pool2d.default, aten.avg_pool2d.default),
    "pools of a sequence": (
        lambda m, x: F.max_pool1d(x.flatten(2), 3, padding=1)
        + F.avg_pool1d(x.flatten(2), 3, padding=1, ceil_mode=True),
        aten.max_pool1d.default, aten.max_pool2d.default),
    "adaptive pools of a sequence": (
        lambda m, x: F.adaptive_max_pool1d(x.flatten(2)[0], 7)
        + F.adaptive_avg_pool1d(x.flatten(2)[0], 7),
        aten.adaptive_max_pool1d.default, aten.adaptive_max_pool2d.default),
    "channels last": (
        lambda m, x: m.c(x.contiguous(memory_format=torch.channels_last))
        .permute(0, 2, 3, 1).view(1, -1, 4),
        aten.contiguous.default, aten.reshape.default),
    "nothings": (
        lambda m, x: torch.cat([x[:, :, :, :], x[:, 3:]], 1).expand(1, -1, -1, -1)
        .repeat(1, 1, 1, 1).permute(0, -3, 2, 3) + 1,
        aten.cat.default, aten.add.Tensor),
    "scatters": (
        lambda m, x: torch.select_scatter(
            torch.slice_scatter(
                torch.slice_scatter(x, x[:, :, :4] * 2, 2, 3, 7), -x[..., :5], 3, 1, 11, 2),
            x[:, 0], 1, -1),
        aten.slice_scatter.default, aten.cat.default),
}  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
def test_other_spellings_become_what_every_toolkit_reads(name: str) -> None:
    torch.manual_seed(0)
    function, gone, instead = PLAIN[name]
    network = Computing(
        function,
        w=weight(3, 1, 1),
        s=weight(3),
        n=nn.InstanceNorm2d(3, affine=True, track_running_stats=True),
        c=nn.Conv2d(3, 4, 3, groups=1).to(memory_format=torch.channels_last),
    ).eval()
    network.n.running_mean.normal_()
    network.n.running_var.uniform_(0.5, 2)
    captured = capture(network, SHAPE)
    simplified = graph_module(simplify(captured))
    nodes = [node for node in simplified.graph.nodes if node.op == "call_function"]
    targets = {node.target for node in nodes}
    assert gone not in targets
    assert instead in targets
    assert not any("alpha" in node.kwargs for node in nodes)
    for tensor in [*simplified.parameters(), *simplified.buffers()]:
        assert tensor.stride() == torch.empty(tensor.shape).stride()
    for photo in torch.randn(2, *SHAPE):
        torch.testing.assert_close(simplified(photo), network(photo), rtol=1e-5, atol=1e-5)


def test_a_large_constant_stays_the_small_one_that_it_is_made_of() -> None:
    network = Computing(
        lambda m, x: pooled(x) + m.w.expand(2048, 1024).sum(1)[:3], w=weight(1, 1024)
    )
    program = simplify(capture(network, SHAPE))
    stored = [*program.state_dict.values(), *program.constants.values()]
    assert sum(tensor.numel() for tensor in stored if isinstance(tensor, Tensor)) < 4096


def test_names_that_are_no_identifiers_become_such() -> None:
    network = nn.Sequential()
    network.add_module("0", nn.BatchNorm2d(3, affine=False))
    network.add_module("conv-1x1", nn.Conv2d(3, 4, 1))
    network.add_module("größe", nn.BatchNorm2d(4))
    network.add_module("relu", nn.ReLU())
    network.add_module("bn", nn.BatchNorm2d(4))
    program = simplify(capture(settled(network), SHAPE))
    names = [*program.state_dict, *program.constants]
    assert names
    assert all(name.replace(".", "_").isidentifier() and name.isascii() for name in names)
