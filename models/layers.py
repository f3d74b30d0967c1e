"""Layers that more than one MobileNet family shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

Padding = Literal["symmetric", "same"]


@dataclass(frozen=True, kw_only=True)
class ConvStyle:
    """What all convolutions of one network have in common.

    `padding` is "symmetric", PyTorch's, or "same", TensorFlow's: it belongs to the weights, like
    `bn_eps`. `bn_momentum` is the share of a batch in the running statistics, and matters to
    training only.
    """

    padding: Padding = "symmetric"
    bn_eps: float = 1e-5
    bn_momentum: float = 0.1

    def __post_init__(self) -> None:
        assert self.padding in get_args(Padding), f"padding {self.padding!r}"


@dataclass(frozen=True, kw_only=True)
class NetworkOptions(ConvStyle):
    """What every network of ours can be asked for. A family overrides what its weights need.

    `width` multiplies the channels (the papers' alpha).
    """

    width: float = 1.0
    classes: int = 1000
    in_channels: int = 3
    dropout: float = 0.2


def round_channels(channels: float, *, divisor: int = 8) -> int:
    """Round a scaled channel count to a multiple of `divisor`, never losing more than a tenth.

    The rule of the papers' own code (slim `_make_divisible`), which Keras, torchvision and timm
    follow too.

    >>> round_channels(32 * 0.35), round_channels(96 * 1.4), round_channels(1280 * 1.4)
    (16, 136, 1792)
    """
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * channels else rounded + divisor


def same_padding(size: int, *, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Zeros before and after `size` pixels in TensorFlow's "SAME": an odd one goes after.

    >>> same_padding(224, kernel=3, stride=2), same_padding(225, kernel=3, stride=2)
    ((0, 1), (1, 1))
    """
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


class SameConv2d(nn.Conv2d):
    """A convolution padded like TensorFlow's "SAME", which depends on the input's size.

    Symmetric padding gives outputs of the same shape but, at stride 2 on an even size, one pixel
    off: weights trained with one lose accuracy with the other.
    """

    def forward(self, x: Tensor) -> Tensor:
        (top, bottom), (left, right) = (
            same_padding(size, kernel=kernel, stride=stride, dilation=dilation)
            for size, kernel, stride, dilation in zip(
                x.shape[2:], self.kernel_size, self.stride, self.dilation, strict=True
            )
        )
        padding = (top, left)
        if (top, left) != (bottom, right):  # Not in a convolution's power: a layer of its own.
            x = torch.constant_pad_nd(x, (left, right, top, bottom))
            padding = (0, 0)
        return functional.conv2d(
            x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )


class ConvBNAct(nn.Sequential):
    """Convolution without bias, batch norm and, unless `activation` is None, an activation.

    Children are named 0, 1, 2 like torchvision's, so that its files load without renaming.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        activation: Callable[[], nn.Module] | None = nn.ReLU6,
        style: ConvStyle = ConvStyle(),
    ) -> None:
        convolution, padding = {
            "symmetric": (nn.Conv2d, (kernel - 1) // 2),
            "same": (SameConv2d, 0),
        }[style.padding]
        layers: list[nn.Module] = [
            convolution(
                in_channels, out_channels, kernel, stride, padding, groups=groups, bias=False
            ),
            nn.BatchNorm2d(out_channels, eps=style.bn_eps, momentum=style.bn_momentum),
        ]
        if activation is not None:
            layers.append(activation())
        super().__init__(*layers)


def initialize(network: nn.Module) -> None:
    """Initialize weights so that the signal keeps its variance through ReLU-like activations.

    He et al. 2015 (arXiv 1502.01852), fan-in mode. torchvision's fan-out variant shrinks the
    signal in depthwise convolutions; an untrained network's logits would then hardly depend on
    the photo. Draws from torch's global generator: seed it first. Does nothing on the meta
    device, which has no numbers.
    """
    if any(parameter.is_meta for parameter in network.parameters()):
        return
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
            nn.init.zeros_(module.bias)


def average_pool(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, 1, 1).

    Written as mean over (2, 3) with keepdim, the one form that XNNPACK, onnxruntime and Core ML
    all turn into their pooling kernel.
    """
    return x.mean((2, 3), keepdim=True)


def global_average_pool(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C)."""
    return average_pool(x).flatten(1)
