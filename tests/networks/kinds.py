"""Small seeded networks, one of each kind that people bring: each factory is a user's network.

`benchmarks/kinds.py` builds all of them and prints the table of docs/networks.md.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as everybody has it.

CLASSES = 6


def seeded(network: nn.Module) -> nn.Module:
    """With batch norms as training leaves them: no two channels alike, and no statistics of 0."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(std=0.2, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
            nn.init.normal_(module.bias, std=0.2, generator=generator)
    return network


def conv(
    inputs: int, outputs: int, kernel: int = 3, *, stride: int = 1, **options: int
) -> nn.Module:
    """Convolution, batch norm, ReLU."""
    padding = options.get("dilation", 1) * (kernel // 2)
    made = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False, **options)
    return nn.Sequential(made, nn.BatchNorm2d(outputs), nn.ReLU())


def classifier(*body: nn.Module, channels: int = 16, classes: int = CLASSES) -> nn.Module:
    """A stem of 16 channels and half the side, `body`, and a pooled head of large weights."""
    last = nn.Linear(channels, classes)
    nn.init.normal_(last.weight)
    nn.init.zeros_(last.bias)
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), last)
    return seeded(nn.Sequential(conv(3, 16, stride=2), *body, head))


# Convolutions.


def grouped() -> nn.Module:
    return classifier(conv(16, 24, groups=4), conv(24, 16, groups=2))


def dilated() -> nn.Module:
    return classifier(conv(16, 16, dilation=2), conv(16, 16, dilation=3, groups=16))


def transposed() -> nn.Module:
    up = nn.ConvTranspose2d(16, 16, 3, 2, 1, output_padding=1)
    return classifier(conv(16, 16, stride=2), up, nn.ReLU(), conv(16, 16))


class Shuffled(nn.Module):
    """ShuffleNetV2's unit (arXiv 1807.11164, figure 3 c)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.branch = nn.Sequential(
            conv(half, half, 1),
            nn.Conv2d(half, half, 3, 1, 1, groups=half, bias=False),
            nn.BatchNorm2d(half),
            conv(half, half, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        kept, changed = x.chunk(2, dim=1)
        x = torch.cat([kept, self.branch(changed)], 1)
        n, c, h, w = x.shape
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


def channel_shuffle() -> nn.Module:
    return classifier(Shuffled(16), Shuffled(16))


class Excited(nn.Module):
    """Squeeze-and-excitation by linears, to odd widths, its gate seen as (N, C, 1, 1)."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.squeeze, self.excite = nn.Linear(channels, squeezed), nn.Linear(squeezed, channels)

    def forward(self, x: Tensor) -> Tensor:
        n, c = x.shape[:2]
        gate = self.excite(F.silu(self.squeeze(x.mean((2, 3))))).sigmoid()
        return x * gate.view(n, c, 1, 1)


def squeeze_excite_of_odd_shapes() -> nn.Module:
    return classifier(conv(16, 21), Excited(21, 5), conv(21, 16, 5))


def average_pools() -> nn.Module:
    return classifier(
        nn.AvgPool2d(3, 2, padding=1, count_include_pad=False),
        conv(16, 16),
        nn.AvgPool2d(3, 2, ceil_mode=True),
        conv(16, 16),
        nn.AvgPool2d(2, 1, padding=1),
    )


# Networks that training writes otherwise.


class RepVGG(nn.Module):
    """RepVGG's block as it is trained: 3 x 3, 1 x 1 and identity (arXiv 2101.03697)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dense = nn.Sequential(
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels)
        )
        self.pointwise = nn.Sequential(
            nn.Conv2d(channels, channels, 1, bias=False), nn.BatchNorm2d(channels)
        )
        self.identity = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.dense(x) + self.pointwise(x) + self.identity(x))


def repvgg() -> nn.Module:
    return classifier(RepVGG(16), RepVGG(16))


class MobileOne(nn.Module):
    """MobileOne's block as it is trained: several like branches (arXiv 2206.04040)."""

    def __init__(self, channels: int, branches: int = 3) -> None:
        super().__init__()

        def branch(kernel: int, groups: int) -> nn.Module:
            made = nn.Conv2d(channels, channels, kernel, 1, kernel // 2, groups=groups, bias=False)
            return nn.Sequential(made, nn.BatchNorm2d(channels))

        self.depthwise = nn.ModuleList(branch(3, channels) for _ in range(branches))
        self.scale, self.skip = branch(1, channels), nn.BatchNorm2d(channels)
        self.pointwise = nn.ModuleList(branch(1, 1) for _ in range(branches))
        self.pointwise_skip = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.skip(x) + self.scale(x)
        for made in self.depthwise:
            y = y + made(x)
        x = F.relu(y)
        y = self.pointwise_skip(x)
        for made in self.pointwise:
            y = y + made(x)
        return F.relu(y)


def mobileone() -> nn.Module:
    return classifier(MobileOne(16), MobileOne(16))


def dropout() -> nn.Module:
    """Handed over in training mode, as a training script ends."""
    return classifier(conv(16, 16), nn.Dropout2d(0.3)).train()


class Dropped(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, 0.3)


def functional_dropout() -> nn.Module:
    return classifier(conv(16, 16), Dropped())


# Ends of networks.


class Answers(NamedTuple):
    logits: Tensor
    features: Tensor


class TwoOutputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = seeded(nn.Sequential(conv(3, 16, stride=2), conv(16, 16)))
        self.head = nn.Linear(16, CLASSES)

    def forward(self, x: Tensor) -> Answers:
        features = self.body(x).mean((2, 3))
        return Answers(self.head(features), features)


def two_outputs() -> nn.Module:
    return TwoOutputs()


def _ending(*last: nn.Module, classes: int = CLASSES) -> nn.Module:
    return nn.Sequential(
        OrderedDict(body=classifier(conv(16, 16), classes=classes), last=nn.Sequential(*last))
    )


def softmax() -> nn.Module:
    return _ending(nn.Softmax(1))


def log_softmax() -> nn.Module:
    return _ending(nn.LogSoftmax(-1))


def sigmoid() -> nn.Module:
    return _ending(nn.Sigmoid())


def one_logit() -> nn.Module:
    return _ending(classes=1)


def one_probability() -> nn.Module:
    return _ending(nn.Sigmoid(), classes=1)


def classes_1000() -> nn.Module:
    return _ending(classes=1000)


def classes_1001() -> nn.Module:
    return _ending(classes=1001)


# Wrapped and rounded.


def half() -> nn.Module:
    return classifier(conv(16, 16)).half()


def bfloat16() -> nn.Module:
    return classifier(conv(16, 16)).bfloat16()


def compiled() -> nn.Module:
    network: nn.Module = torch.compile(classifier(conv(16, 16)))
    return network


def data_parallel() -> nn.Module:
    return nn.DataParallel(classifier(conv(16, 16)))


# Attention.


class Tokens(nn.Module):
    """An image as patches with positions, through `body`, the mean of it to the head."""

    def __init__(self, width: int, body: nn.Module, *, patch: int = 8, side: int = 32) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, width, patch, patch)
        self.positions = nn.Parameter(0.5 * torch.randn(1, (side // patch) ** 2, width))
        self.body, self.head = body, nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x).flatten(2).transpose(1, 2) + self.positions
        logits: Tensor = self.head(self.body(x).mean(1))
        return logits


def encoder_layers() -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.TransformerEncoderLayer(32, 4, 64, batch_first=True) for _ in range(2)]
    return Tokens(32, nn.Sequential(*layers))


class Attention(nn.Module):
    """As timm writes it: one product for queries, keys and values."""

    def __init__(self, width: int, heads: int, *, fused: bool) -> None:
        super().__init__()
        self.heads, self.fused = heads, fused
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        n, t, c = x.shape
        q, k, v = self.qkv(x).reshape(n, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        if self.fused:
            x = F.scaled_dot_product_attention(q, k, v)
        else:
            x = (q * q.shape[-1] ** -0.5 @ k.transpose(-2, -1)).softmax(-1) @ v
        mixed: Tensor = self.proj(x.transpose(1, 2).reshape(n, t, c))
        return mixed


class Block(nn.Module):
    """A block of a vision transformer, norms first (arXiv 2010.11929, figure 1)."""

    def __init__(self, width: int, heads: int, *, fused: bool) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads, fused=fused)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


def vision_transformer(*, fused: bool = True) -> nn.Module:
    torch.manual_seed(0)
    blocks = [Block(48, 3, fused=fused) for _ in range(3)]
    return Tokens(48, nn.Sequential(*blocks, nn.LayerNorm(48)))


def vision_transformer_in_products() -> nn.Module:
    return vision_transformer(fused=False)


class MobileViT(nn.Module):
    """MobileViT's block: pixels of equal place in their 2 x 2 patches attend (arXiv 2110.02178)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.local, self.into = conv(channels, channels), nn.Conv2d(channels, width, 1)
        self.block, self.norm = Block(width, 4, fused=True), nn.LayerNorm(width)
        self.out, self.fuse = conv(width, channels, 1), conv(2 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.into(self.local(x))
        n, c, h, w = y.shape
        rows, columns = h // 2, w // 2
        y = y.reshape(n * c * rows, 2, columns, 2).transpose(1, 2)
        y = y.reshape(n, c, rows * columns, 4).transpose(1, 3).reshape(n * 4, rows * columns, c)
        y = self.norm(self.block(y))
        y = y.contiguous().view(n, 4, rows * columns, -1).transpose(1, 3)
        y = y.reshape(n * c * rows, columns, 2, 2).transpose(1, 2).reshape(n, c, h, w)
        return self.fuse(torch.cat([x, self.out(y)], 1))


def mobilevit() -> nn.Module:
    torch.manual_seed(0)
    return classifier(MobileViT(16, 24))
