"""MobileNetV2: inverted residuals and linear bottlenecks (Sandler et al. 2018, arXiv 1801.04381).

Module names follow torchvision's, so that its weight files load as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from models.layers import (
    ConvBNAct,
    ConvStyle,
    NetworkOptions,
    global_average_pool,
    initialize,
    round_channels,
)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A row of the paper's Table 2: `n` blocks of `c` channels, the first with stride `s`."""

    t: int
    c: int
    n: int
    s: int


STEM_CHANNELS = 32
HEAD_CHANNELS = 1280
STAGES = (
    Stage(t=1, c=16, n=1, s=1),
    Stage(t=6, c=24, n=2, s=2),
    Stage(t=6, c=32, n=3, s=2),
    Stage(t=6, c=64, n=4, s=2),
    Stage(t=6, c=96, n=3, s=1),
    Stage(t=6, c=160, n=3, s=2),
    Stage(t=6, c=320, n=1, s=1),
)


class InvertedResidual(nn.Module):
    """Expand 1x1 -> depthwise 3x3 -> project 1x1, linear; with a shortcut where shapes allow."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int,
        expansion: int,
        style: ConvStyle,
    ) -> None:
        super().__init__()
        hidden = in_channels * expansion
        self.has_shortcut = stride == 1 and in_channels == out_channels
        expand = [ConvBNAct(in_channels, hidden, style=style)] if expansion != 1 else []
        self.conv = nn.Sequential(
            *expand,
            ConvBNAct(hidden, hidden, kernel=3, stride=stride, groups=hidden, style=style),
            *ConvBNAct(hidden, out_channels, activation=None, style=style),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return x + y if self.has_shortcut else y


class MobileNetV2(nn.Module):
    """Table 2 at a width multiplier. (N, in_channels, H, W) float32 -> logits (N, classes).

    The last convolution is not narrowed below width 1 (paper, section 4.1). The options' defaults
    are torchvision's, whose weights are the published ones in PyTorch's layout.
    """

    def __init__(self, options: NetworkOptions) -> None:
        super().__init__()
        width = options.width
        channels = round_channels(STEM_CHANNELS * width)
        head = round_channels(HEAD_CHANNELS * max(1.0, width))
        features: list[nn.Module] = [
            ConvBNAct(options.in_channels, channels, kernel=3, stride=2, style=options)
        ]
        for stage in STAGES:
            out = round_channels(stage.c * width)
            for i in range(stage.n):
                stride = stage.s if i == 0 else 1
                features.append(
                    InvertedResidual(channels, out, stride=stride, expansion=stage.t, style=options)
                )
                channels = out
        features.append(ConvBNAct(channels, head, style=options))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(
            nn.Dropout(options.dropout), nn.Linear(head, options.classes)
        )
        initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # (N, head, H / 32, W / 32)
        logits: Tensor = self.classifier(global_average_pool(x))  # (N, classes)
        return logits


def mobilenet_v2(**options: Any) -> MobileNetV2:
    """MobileNetV2 of the paper; options are the fields of `NetworkOptions`.

    Widths .35 to 1.4 were published.
    """
    return MobileNetV2(NetworkOptions(**options))
