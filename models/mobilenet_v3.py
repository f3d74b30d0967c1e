"""MobileNetV3: searched blocks, squeeze-excite, hard-swish (Howard et al. 2019, arXiv 1905.02244).

Module names follow torchvision's, so that its weight files load as they are. At widths other than
1 the channels are Keras', with which the authors' code (slim) and timm agree where weights were
published (1, .75 and timm's .5), and not torchvision's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from torch import Tensor, nn

from models.layers import (
    ConvBNAct,
    ConvStyle,
    NetworkOptions,
    average_pool,
    global_average_pool,
    initialize,
    round_channels,
)

Nonlinearity = Literal["RE", "HS"]
ACTIVATIONS: dict[Nonlinearity, type[nn.Module]] = {"RE": nn.ReLU, "HS": nn.Hardswish}


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the paper's Tables 1 and 2.

    Kernel `k`, `exp` channels after the expansion, `out` after the projection, squeeze-excite
    or not, nonlinearity, stride.
    """

    k: int
    exp: int
    out: int
    se: bool
    nl: Nonlinearity
    s: int


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A network: its blocks, and what stands before and after them.

    `nl` is the nonlinearity outside the blocks; `head` the channels of the last hidden layer.
    """

    rows: tuple[Row, ...]
    head: int
    nl: Nonlinearity = "HS"


STEM_CHANNELS = 16  # At any width.
# The convolution after the blocks widens their output by this (960 and 576 at width 1). It has
# no squeeze-excite: Table 2 ticks it, but no implementation has it, and the counts agree.
LAST_EXPANSION = 6
LARGE = Architecture(
    rows=(
        Row(k=3, exp=16, out=16, se=False, nl="RE", s=1),
        Row(k=3, exp=64, out=24, se=False, nl="RE", s=2),
        Row(k=3, exp=72, out=24, se=False, nl="RE", s=1),
        Row(k=5, exp=72, out=40, se=True, nl="RE", s=2),
        Row(k=5, exp=120, out=40, se=True, nl="RE", s=1),
        Row(k=5, exp=120, out=40, se=True, nl="RE", s=1),
        Row(k=3, exp=240, out=80, se=False, nl="HS", s=2),
        Row(k=3, exp=200, out=80, se=False, nl="HS", s=1),
        Row(k=3, exp=184, out=80, se=False, nl="HS", s=1),
        Row(k=3, exp=184, out=80, se=False, nl="HS", s=1),
        Row(k=3, exp=480, out=112, se=True, nl="HS", s=1),
        Row(k=3, exp=672, out=112, se=True, nl="HS", s=1),
        Row(k=5, exp=672, out=160, se=True, nl="HS", s=2),
        Row(k=5, exp=960, out=160, se=True, nl="HS", s=1),
        Row(k=5, exp=960, out=160, se=True, nl="HS", s=1),
    ),
    head=1280,
)
SMALL = Architecture(
    rows=(
        Row(k=3, exp=16, out=16, se=True, nl="RE", s=2),
        Row(k=3, exp=72, out=24, se=False, nl="RE", s=2),
        Row(k=3, exp=88, out=24, se=False, nl="RE", s=1),
        Row(k=5, exp=96, out=40, se=True, nl="HS", s=2),
        Row(k=5, exp=240, out=40, se=True, nl="HS", s=1),
        Row(k=5, exp=240, out=40, se=True, nl="HS", s=1),
        Row(k=5, exp=120, out=48, se=True, nl="HS", s=1),
        Row(k=5, exp=144, out=48, se=True, nl="HS", s=1),
        Row(k=5, exp=288, out=96, se=True, nl="HS", s=2),
        Row(k=5, exp=576, out=96, se=True, nl="HS", s=1),
        Row(k=5, exp=576, out=96, se=True, nl="HS", s=1),
    ),
    head=1024,
)


def minimalistic(architecture: Architecture) -> Architecture:
    """Without what some accelerators lack: 5x5 kernels, squeeze-excite, hard-swish (slim)."""
    rows = tuple(replace(row, k=3, se=False, nl="RE") for row in architecture.rows)
    return replace(architecture, rows=rows, nl="RE")


class SqueezeExcite(nn.Module):
    """Scale each channel by a gate in [0, 1] computed from all channels' means (section 5.3)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = round_channels(channels / 4)
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.activation = nn.ReLU()
        self.fc2 = nn.Conv2d(squeezed, channels, 1)
        self.scale_activation = nn.Hardsigmoid()

    def forward(self, x: Tensor) -> Tensor:
        squeezed = self.activation(self.fc1(average_pool(x)))  # (N, C / 4, 1, 1)
        gate: Tensor = self.scale_activation(self.fc2(squeezed))  # (N, C, 1, 1)
        return gate * x


class Bottleneck(nn.Module):
    """Expand 1x1 -> depthwise -> squeeze-excite -> project 1x1, linear; shortcut as in V2.

    The "bneck" of the paper's tables.
    """

    def __init__(
        self, in_channels: int, expanded: int, out_channels: int, row: Row, *, style: ConvStyle
    ) -> None:
        super().__init__()
        self.has_shortcut = row.s == 1 and in_channels == out_channels
        act = ACTIVATIONS[row.nl]
        layers: list[nn.Module] = []
        if expanded != in_channels:
            layers.append(ConvBNAct(in_channels, expanded, activation=act, style=style))
        layers.append(
            ConvBNAct(
                expanded,
                expanded,
                kernel=row.k,
                stride=row.s,
                groups=expanded,
                activation=act,
                style=style,
            )
        )
        if row.se:
            layers.append(SqueezeExcite(expanded))
        layers.append(ConvBNAct(expanded, out_channels, activation=None, style=style))
        self.block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.block(x)
        return x + y if self.has_shortcut else y


@dataclass(frozen=True, kw_only=True)
class V3Options(NetworkOptions):
    """Defaults are torchvision's, which are the authors' own but for their SAME padding."""

    bn_eps: float = 1e-3
    bn_momentum: float = 0.01


class MobileNetV3(nn.Module):
    """`architecture` at a width multiplier. (N, in_channels, H, W) float32 -> logits (N, classes).

    The last hidden layer is not narrowed below width 1.
    """

    def __init__(self, architecture: Architecture, options: V3Options) -> None:
        super().__init__()
        width = options.width
        act = ACTIVATIONS[architecture.nl]
        channels = STEM_CHANNELS
        head = round_channels(architecture.head * max(1.0, width))
        stem = ConvBNAct(
            options.in_channels, channels, kernel=3, stride=2, activation=act, style=options
        )
        features: list[nn.Module] = [stem]
        full = STEM_CHANNELS  # Of width 1, where `channels` are of this width.
        for row in architecture.rows:
            # A ratio to the rounded input, where torchvision scales and rounds `exp` by itself.
            expanded = round_channels(channels * (row.exp / full))
            out = round_channels(row.out * width)
            features.append(Bottleneck(channels, expanded, out, row, style=options))
            full, channels = row.out, out
        last = round_channels(channels * LAST_EXPANSION)
        features.append(ConvBNAct(channels, last, activation=act, style=options))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(
            nn.Linear(last, head),
            act(),
            nn.Dropout(options.dropout),
            nn.Linear(head, options.classes),
        )
        initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # (N, last, H / 32, W / 32)
        logits: Tensor = self.classifier(global_average_pool(x))  # (N, classes)
        return logits


def mobilenet_v3_large(**options: Any) -> MobileNetV3:
    """MobileNetV3-Large (Table 1); options are the fields of `V3Options`."""
    return MobileNetV3(LARGE, V3Options(**options))


def mobilenet_v3_small(**options: Any) -> MobileNetV3:
    """MobileNetV3-Small (Table 2); options are the fields of `V3Options`."""
    return MobileNetV3(SMALL, V3Options(**options))


def mobilenet_v3_large_minimalistic(**options: Any) -> MobileNetV3:
    """Large of 3x3 kernels, ReLU and no squeeze-excite; options are the fields of `V3Options`."""
    return MobileNetV3(minimalistic(LARGE), V3Options(**options))


def mobilenet_v3_small_minimalistic(**options: Any) -> MobileNetV3:
    """Small of 3x3 kernels, ReLU and no squeeze-excite; options are the fields of `V3Options`."""
    return MobileNetV3(minimalistic(SMALL), V3Options(**options))
