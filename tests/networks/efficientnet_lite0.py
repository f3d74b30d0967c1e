"""EfficientNet-Lite0 under the names of published weights (`_conv_stem`, `_blocks.0._bn1`, ...)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

CLASSES = 1000
# t (expansion), c (channels), n (repeats), s (stride of the first), k (kernel)
BLOCKS = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)


class SameConv(nn.Conv2d):
    """Padded like TensorFlow's "SAME": an odd pixel goes after."""

    def forward(self, x: Tensor) -> Tensor:
        (kernel, _), (stride, _) = self.kernel_size, self.stride
        padding = []
        for size in (x.shape[3], x.shape[2]):
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            padding += [total // 2, total - total // 2]
        x = functional.pad(x, padding)
        return functional.conv2d(x, self.weight, self.bias, self.stride, groups=self.groups)


def norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class Block(nn.Module):
    def __init__(self, inputs: int, t: int, c: int, s: int, k: int) -> None:
        super().__init__()
        self.expands, self.shortcut = t > 1, s == 1 and inputs == c
        hidden = inputs * t
        if self.expands:
            self._expand_conv = nn.Conv2d(inputs, hidden, 1, bias=False)
            self._bn0 = norm(hidden)
        self._depthwise_conv = SameConv(hidden, hidden, k, s, groups=hidden, bias=False)
        self._bn1 = norm(hidden)
        self._project_conv = nn.Conv2d(hidden, c, 1, bias=False)
        self._bn2 = norm(c)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = functional.relu6(self._bn1(self._depthwise_conv(y)), inplace=True)
        y = self._bn2(self._project_conv(y))
        if self.shortcut:
            y += x
        return y


class EfficientNetLite0(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = SameConv(3, 32, 3, 2, bias=False), norm(32)
        blocks, inputs = [], 32
        for t, c, n, s, k in BLOCKS:
            for i in range(n):
                blocks.append(Block(inputs, t, c, s if i == 0 else 1, k))
                inputs = c
        self._blocks = nn.Sequential(*blocks)
        self._conv_head, self._bn1 = nn.Conv2d(inputs, 1280, 1, bias=False), norm(1280)
        self._dropout = nn.Dropout(0.2)
        self._fc = nn.Linear(1280, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self._blocks(functional.relu6(self._bn0(self._conv_stem(x))))
        x = functional.relu6(self._bn1(self._conv_head(x)))
        logits: Tensor = self._fc(self._dropout(x.mean((2, 3))))
        return logits


def make_net() -> EfficientNetLite0:
    return EfficientNetLite0()
