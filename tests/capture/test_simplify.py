"""The simplified program computes what the network computes, in forms that all backends run."""

import pytest
import torch
from torch import nn

from deploy.capture.program import aten, calls, capture, graph_module, input_shape
from deploy.capture.simplify import simplify
from models.layers import ConvBNAct
from models.mobilenet_v2 import mobilenet_v2


class FunctionalMean(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3))


class FunctionalRelu6(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.relu6(x)


def randomize_statistics(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.3)
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 2)
            module.bias.data.normal_(std=0.3)


def largest_difference(network: nn.Module, shape: tuple[int, ...]) -> float:
    x = torch.randn(shape)
    with torch.inference_mode():
        expected = network(x)
        got = graph_module(simplify(capture(network, shape)))(x)
    return float((got - expected).abs().max() / expected.std())


def test_mobilenet_v2_keeps_its_logits() -> None:
    torch.manual_seed(0)
    network = mobilenet_v2(width=0.35).eval()
    randomize_statistics(network)
    assert largest_difference(network, (1, 3, 64, 64)) < 1e-4


def test_batch_norms_and_dropouts_are_gone_and_their_constants_too() -> None:
    program = simplify(capture(mobilenet_v2(width=0.35), (1, 3, 32, 32)))
    module = graph_module(program)
    left = {node.target for node in module.graph.nodes if node.op == "call_function"}
    assert left == {
        aten.conv2d.default,
        aten.hardtanh.default,
        aten.add.Tensor,
        aten.mean.dim,
        aten.flatten.using_ints,
        aten.linear.default,
    }
    # Weight and bias of 52 convolutions and the classifier: nothing else would be exported.
    assert len(program.state_dict) + len(program.constants) == 106
    assert input_shape(program) == (1, 3, 32, 32)


def test_a_batch_norm_without_a_convolution_is_a_depthwise_one() -> None:
    network = nn.Sequential(nn.ReLU(), nn.BatchNorm2d(3), nn.Conv2d(3, 4, 1)).eval()
    randomize_statistics(network)
    module = graph_module(simplify(capture(network, (1, 3, 4, 4))))
    first, _ = calls(module, aten.conv2d.default)
    assert first.args[6] == 3
    assert not list(calls(module, aten.batch_norm.default))
    assert largest_difference(network, (1, 3, 4, 4)) < 1e-5


def test_a_convolution_with_a_second_reader_is_not_folded() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.conv(x)
            return y + self.norm(y)

    network = Shared().eval()
    randomize_statistics(network)
    assert largest_difference(network, (1, 3, 4, 4)) < 1e-5


def test_a_bias_before_the_batch_norm_and_no_affine_are_folded_right() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 5, 3, bias=True),
        nn.BatchNorm2d(5),
        nn.Conv2d(5, 4, 1, bias=False),
        nn.BatchNorm2d(4, affine=False),
        ConvBNAct(4, 4),
    ).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    assert largest_difference(network, (1, 3, 8, 8)) < 1e-5


def test_a_hard_sigmoid_after_a_convolution_becomes_a_clamp() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Hardsigmoid()).eval()
    module = graph_module(simplify(capture(network, (1, 3, 4, 4))))
    (clamp,) = calls(module, aten.hardtanh.default)
    assert clamp.args[1:] == (0.0, 1.0)
    assert largest_difference(network, (1, 3, 4, 4)) < 1e-5


@pytest.mark.parametrize("pool", [nn.AdaptiveAvgPool2d(1), FunctionalMean()])
def test_every_global_pooling_is_one_mean(pool: nn.Module) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), pool, nn.Flatten(), nn.Linear(4, 2)).eval()
    module = graph_module(simplify(capture(network, (1, 3, 6, 4))))
    (mean,) = calls(module, aten.mean.dim)
    assert mean.args[1:] == ([2, 3], True)
    assert not list(calls(module, aten.adaptive_avg_pool2d.default))
    assert largest_difference(network, (1, 3, 6, 4)) < 1e-5


@pytest.mark.parametrize("clamp", [nn.Hardtanh(0, 6), FunctionalRelu6()])
def test_bounds_of_a_clamp_are_floats_which_coremltools_wants(clamp: nn.Module) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), clamp).eval()
    module = graph_module(simplify(capture(network, (1, 3, 6, 4))))
    (node,) = calls(module, aten.hardtanh.default)
    assert [type(bound) for bound in node.args[1:]] == [float, float]
    assert node.args[1:] == (0.0, 6.0)
    assert largest_difference(network, (1, 3, 6, 4)) < 1e-5


def test_a_pad_with_zeros_becomes_the_one_that_convolutions_take() -> None:
    class Padded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.conv(nn.functional.pad(x, (0, 1, 0, 1)))
            return nn.functional.pad(
                nn.functional.pad(y, (1, 1), value=2.0), (1, 1, 1, 1), "reflect"
            )

    torch.manual_seed(0)
    network = Padded().eval()
    program = capture(network, (1, 3, 8, 8))
    simplified = simplify(program)
    pads = [node.target for node in simplified.graph.nodes if "pad" in str(node.target)]
    assert pads.count(torch.ops.aten.constant_pad_nd.default) == 2
    x = torch.randn(1, 3, 8, 8)
    torch.testing.assert_close(simplified.module()(x), network(x))
