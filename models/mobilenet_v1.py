"""MobileNetV1: depthwise separable convolutions (Howard et al. 2017, arXiv 1704.04861).

Module names follow torchvision's for V2: `features.0` is the first convolution, `features.1` to
`.13` the blocks, each a depthwise (`.0`) and a pointwise (`.1`) convolution, `classifier.1` the
fully connected layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn

from models.layers import (
    ConvBNAct,
    ConvStyle,
    NetworkOptions,
    global_average_pool,
    initialize,
)

Activation = Literal["relu6", "relu"]


@dataclass(frozen=True, kw_only=True)
class BlockRow:
    """A depthwise and a pointwise row of the paper's Table 1: `c` channels out, stride `s`."""

    c: int
    s: int


STEM_CHANNELS = 32
BLOCKS = (
    BlockRow(c=64, s=1),
    BlockRow(c=128, s=2),
    BlockRow(c=128, s=1),
    BlockRow(c=256, s=2),
    BlockRow(c=256, s=1),
    BlockRow(c=512, s=2),
    BlockRow(c=512, s=1),
    BlockRow(c=512, s=1),
    BlockRow(c=512, s=1),
    BlockRow(c=512, s=1),
    BlockRow(c=512, s=1),
    BlockRow(c=1024, s=2),
    # The paper prints stride 2 here, but its next row still has 7x7 pixels, as stride 1 gives.
    BlockRow(c=1024, s=1),
)
ACTIVATIONS: dict[Activation, type[nn.Module]] = {"relu6": nn.ReLU6, "relu": nn.ReLU}


@dataclass(frozen=True, kw_only=True)
class V1Options(NetworkOptions):
    """Defaults are those of the authors' code (slim), in which ReLU6 took the place of the
    paper's ReLU. Its batch norm momentum suits a training of many thousand steps.
    """

    activation: Activation = "relu6"
    dropout: float = 0.001
    bn_eps: float = 1e-3
    bn_momentum: float = 0.0003


def scale_channels(channels: int, width: float) -> int:
    """V1 truncates where the later families round (slim `mobilenet_v1.py`).

    >>> scale_channels(512, 0.75), scale_channels(32, 0.1)
    (384, 8)
    """
    return max(int(channels * width), 8)


class DepthwiseSeparable(nn.Sequential):
    """Depthwise 3x3 -> pointwise 1x1, each with batch norm and activation (paper, Figure 3)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int,
        activation: type[nn.Module],
        style: ConvStyle,
    ) -> None:
        super().__init__(
            ConvBNAct(
                in_channels,
                in_channels,
                kernel=3,
                stride=stride,
                groups=in_channels,
                activation=activation,
                style=style,
            ),
            ConvBNAct(in_channels, out_channels, activation=activation, style=style),
        )


class MobileNetV1(nn.Module):
    """Table 1 at a width multiplier. (N, in_channels, H, W) float32 -> logits (N, classes)."""

    def __init__(self, options: V1Options) -> None:
        super().__init__()
        act = ACTIVATIONS[options.activation]
        channels = scale_channels(STEM_CHANNELS, options.width)
        stem = ConvBNAct(
            options.in_channels, channels, kernel=3, stride=2, activation=act, style=options
        )
        features: list[nn.Module] = [stem]
        for block in BLOCKS:
            out = scale_channels(block.c, options.width)
            features.append(
                DepthwiseSeparable(channels, out, stride=block.s, activation=act, style=options)
            )
            channels = out
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(
            nn.Dropout(options.dropout), nn.Linear(channels, options.classes)
        )
        initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # (N, 1024 * width, H / 32, W / 32)
        logits: Tensor = self.classifier(global_average_pool(x))  # (N, classes)
        return logits


def mobilenet_v1(**options: Any) -> MobileNetV1:
    """MobileNetV1 of the paper; options are the fields of `V1Options`, any width from 0 up."""
    return MobileNetV1(V1Options(**options))
