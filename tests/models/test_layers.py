"""The layers that families share: SAME padding against its definition, initialization."""

import pytest
import torch
from torch import Tensor, nn

from models.layers import ConvBNAct, ConvStyle, SameConv2d

aten = torch.ops.aten


def convolve_same(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """TensorFlow's SAME, pixel by pixel: x (H, W), weight (k, k), float64."""
    kernel = weight.shape[0]
    outputs = [-(-side // stride) for side in x.shape]
    total = [
        max((n - 1) * stride + kernel - side, 0) for n, side in zip(outputs, x.shape, strict=True)
    ]
    top, left = (t // 2 for t in total)
    y = torch.zeros(outputs, dtype=torch.float64)
    for i in range(outputs[0]):
        for j in range(outputs[1]):
            for a in range(kernel):
                for b in range(kernel):
                    row, column = i * stride + a - top, j * stride + b - left
                    if 0 <= row < x.shape[0] and 0 <= column < x.shape[1]:
                        y[i, j] += x[row, column] * weight[a, b]
    return y


@pytest.mark.parametrize("size", [(8, 8), (7, 7), (7, 8), (6, 9), (1, 1), (2, 3)])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_same_padding_is_tensorflows(kernel: int, stride: int, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    layer = SameConv2d(1, 1, kernel, stride, bias=False).double()
    x = torch.randn(size, dtype=torch.float64)
    with torch.inference_mode():
        y = layer(x[None, None])[0, 0]
        torch.testing.assert_close(y, convolve_same(x, layer.weight[0, 0], stride))


@pytest.mark.parametrize(
    ("size", "operators"),
    [
        ((8, 8), [aten.constant_pad_nd.default, aten.conv2d.default]),
        ((9, 8), [aten.constant_pad_nd.default, aten.conv2d.default]),
        ((9, 9), [aten.conv2d.default]),
    ],
)
def test_an_exported_same_convolution_pads_by_itself_where_it_can(
    size: tuple[int, int], operators: list[object]
) -> None:
    program = torch.export.export(SameConv2d(1, 2, 3, 2), (torch.zeros(1, 1, *size),))
    calls = [node.target for node in program.graph.nodes if node.op == "call_function"]
    assert calls == operators


def test_style_reaches_convolution_and_batch_norm() -> None:
    style = ConvStyle(padding="same", bn_eps=1e-3, bn_momentum=0.01)
    convolution, norm = ConvBNAct(4, 8, kernel=3, activation=None, style=style)
    assert isinstance(convolution, SameConv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    assert (norm.eps, norm.momentum) == (1e-3, 0.01)


def test_an_unknown_padding_is_refused() -> None:
    with pytest.raises(AssertionError, match="SAME"):
        ConvStyle(padding="SAME")  # type: ignore[arg-type]
