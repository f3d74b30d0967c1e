"""Small networks that between them hold the operators that our .onnx files are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from small_network import CLASSES
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

# What stands between two convolutions, on (1, 8, 16, 16).
OPERATORS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "average pool": lambda x: F.avg_pool2d(x, 3, 2, 1),
    "average pool, ceil": lambda x: F.avg_pool2d(x, 2, 3, ceil_mode=True),
    "average pool, ceil and padding": lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True),
    "average pool, divisor": lambda x: F.avg_pool2d(x, 2, divisor_override=3),
    "average pool, one axis": lambda x: F.avg_pool1d(x.flatten(2), 3, 2, 1, True).unsqueeze(2),
    "average pool, padded before": lambda x: F.avg_pool2d(F.pad(x, (0, 2, 1, 1)), 3, 2),
    "average pool, uncounted": lambda x: F.avg_pool2d(x, 3, 2, 1, True, False),
    "average pool, wide": lambda x: F.avg_pool2d(x, 7, 4, 3),
    "maximum pool, ceil": lambda x: F.max_pool2d(x, 3, 2, 1, ceil_mode=True),
    "maximum pool, dilated": lambda x: F.max_pool2d(x, 3, 2, 1, 2),
    "adaptive pool": lambda x: F.adaptive_avg_pool2d(x, 4),
    "nearest": lambda x: F.interpolate(x, scale_factor=1.5),
    "bilinear": lambda x: F.interpolate(x, scale_factor=1.4, mode="bilinear"),
    "bilinear, corners": lambda x: F.interpolate(x, (13, 11), mode="bilinear", align_corners=True),
    "bicubic": lambda x: F.interpolate(x, (23, 21), mode="bicubic"),
    "bilinear, smoothed": lambda x: F.interpolate(x, (9, 7), mode="bilinear", antialias=True),
    "activations": lambda x: F.hardswish(x) + F.silu(x) + F.mish(x) + F.elu(x) + F.softplus(x),
    "gates": lambda x: x * F.hardsigmoid(x.mean((2, 3), keepdim=True)) + F.gelu(x),
    "gelu, tanh": lambda x: F.gelu(x, approximate="tanh") + F.leaky_relu(x),
    "layer norm": lambda x: F.layer_norm(x, (16, 16)),
    "group norm": lambda x: F.group_norm(x, 2) + F.instance_norm(x),
    "normalize": lambda x: F.normalize(x, dim=1) + F.softmax(x, 1) + F.log_softmax(x, 1),
    "attention": lambda x: F.scaled_dot_product_attention(x, x, x),
    "pad": lambda x: F.pad(x, (1, 2, 2, 1), mode="reflect") + F.pad(x, (2, 1, 1, 2), value=0.7),
    "chunk": lambda x: torch.cat([*x.chunk(2, 1)[::-1]], 1) + x.roll(3, 2).flip(3),
    "pixels": lambda x: F.pixel_unshuffle(F.pixel_shuffle(x, 2).repeat(1, 4, 1, 1), 2)[:, :8],
    "gather": lambda x: x[:, [0, -1, 3, 2, 2, 1, 4, 5]] * x.amax((2, 3), keepdim=True),
}


class Around(nn.Module):
    """Convolutions of several kinds around one operator."""

    def __init__(self, operator: str) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8))
        self.operator = OPERATORS[operator]
        self.depthwise = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8)
        self.up = nn.ConvTranspose2d(8, 8, 3, 2, 1, output_padding=1)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.operator(self.stem(x))
        logits: Tensor = self.head(F.relu(self.up(F.relu6(self.depthwise(x)))).mean((2, 3)))
        return logits
