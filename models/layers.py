"""Layers that more than one MobileNet family shares."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn


def round_channels(channels: float, *, divisor: int = 8) -> int:
    """Round a scaled channel count to a multiple of `divisor`, never losing more than a tenth.

    The rule of the papers' own code (slim `_make_divisible`), which Keras, torchvision and timm
    follow too.

    >>> round_channels(32 * 0.35), round_channels(96 * 1.4), round_channels(1280 * 1.4)
    (16, 136, 1792)
    """
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * channels else rounded + divisor


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
        bn_eps: float = 1e-5,
    ) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(
                in_channels,
                out_channels,
                kernel,
                stride,
                (kernel - 1) // 2,
                groups=groups,
                bias=False,
            ),
            nn.BatchNorm2d(out_channels, eps=bn_eps),
        ]
        if activation is not None:
            layers.append(activation())
        super().__init__(*layers)


def initialize(network: nn.Module) -> None:
    """Initialize weights so that the signal keeps its variance through ReLU-like activations.

    He et al. 2015 (arXiv 1502.01852), fan-in mode. torchvision's fan-out variant shrinks the
    signal in depthwise convolutions; an untrained network's logits would then hardly depend on
    the photo. Draws from torch's global generator: seed it first.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
            nn.init.zeros_(module.bias)


def global_average_pool(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C).

    Written as mean over (2, 3) with keepdim, the one form that XNNPACK, onnxruntime and Core ML
    all turn into their pooling kernel.
    """
    return x.mean((2, 3), keepdim=True).flatten(1)
