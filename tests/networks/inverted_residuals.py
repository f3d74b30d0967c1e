"""MobileNetV3's kinds of blocks, one of each: a network of a user that is trained in seconds."""

from __future__ import annotations

from torch import Tensor, nn


class Block(nn.Module):
    """Expanded, depthwise, squeezed and excited, projected; a shortcut where shapes allow."""

    def __init__(
        self, inputs: int, outputs: int, *, kernel: int, stride: int, activation: type[nn.Module]
    ) -> None:
        super().__init__()
        wide = 3 * inputs
        self.expand = nn.Sequential(
            nn.Conv2d(inputs, wide, 1, bias=False), nn.BatchNorm2d(wide), activation()
        )
        self.depthwise = nn.Sequential(
            nn.Conv2d(wide, wide, kernel, stride, kernel // 2, groups=wide, bias=False),
            nn.BatchNorm2d(wide),
            activation(),
        )
        self.excite = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(wide, inputs, 1),
            nn.ReLU(),
            nn.Conv2d(inputs, wide, 1),
            nn.Hardsigmoid(),
        )
        self.project = nn.Sequential(
            nn.Conv2d(wide, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        )
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.depthwise(self.expand(x))
        y = self.project(y * self.excite(y))
        return x + y if self.shortcut else y


def make_net() -> nn.Module:
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.Hardswish()),
        Block(8, 16, kernel=3, stride=2, activation=nn.ReLU),
        Block(16, 16, kernel=5, stride=1, activation=nn.Hardswish),
        Block(16, 24, kernel=5, stride=2, activation=nn.Hardswish),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(24, 64),
        nn.Hardswish(),
        nn.Linear(64, 10),
    )
