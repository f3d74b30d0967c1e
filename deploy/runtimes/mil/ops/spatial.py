"""Convolution, pooling and padding of spatial dimensions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from deploy.runtimes.mil.ops.types import Axes, Operator

_Function: TypeAlias = Callable[..., Tensor]

# By the number of spatial dimensions.
_CONVOLUTIONS: Final[Mapping[int, _Function]] = {
    1: functional.conv1d,
    2: functional.conv2d,
    3: functional.conv3d,
}
_MAX_POOLS: Final[Mapping[int, _Function]] = {
    1: functional.max_pool1d,
    2: functional.max_pool2d,
    3: functional.max_pool3d,
}
_AVG_POOLS: Final[Mapping[int, _Function]] = {
    1: functional.avg_pool1d,
    2: functional.avg_pool2d,
    3: functional.avg_pool3d,
}


def _paddings(
    pad_type: str, pad: Axes | None, sizes: Axes, kernel: Axes, strides: Axes, dilations: Axes
) -> list[tuple[int, int]]:
    """Elements to put before and after each spatial dimension (TensorFlow's rule for `same`)."""
    if pad_type == "custom" and pad is not None:
        return list(zip(pad[::2], pad[1::2], strict=True))
    if pad_type in {"valid", "custom"}:
        return [(0, 0)] * len(kernel)
    if pad_type not in {"same", "same_lower"}:
        raise ValueError(f"unknown pad_type {pad_type!r}")
    paddings = []
    for size, k, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True):
        total = max(0, stride * (-(-size // stride) - 1) + (k - 1) * dilation + 1 - size)
        less, more = total // 2, total - total // 2
        paddings.append((less, more) if pad_type == "same" else (more, less))
    return paddings


def _padded(x: Tensor, paddings: list[tuple[int, int]], value: float = 0.0) -> Tensor:
    return functional.pad(x, [n for pair in reversed(paddings) for n in pair], value=value)


def _symmetric(paddings: list[tuple[int, int]]) -> bool:
    return all(before == after for before, after in paddings)


def _conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    strides: Axes | None = None,
    pad_type: str = "valid",
    pad: Axes | None = None,
    dilations: Axes | None = None,
    groups: int = 1,
) -> Tensor:
    spatial = x.ndim - 2
    strides, dilations = strides or (1,) * spatial, dilations or (1,) * spatial
    paddings = _paddings(pad_type, pad, x.shape[2:], weight.shape[2:], strides, dilations)
    if not _symmetric(paddings):
        x, paddings = _padded(x, paddings), [(0, 0)] * spatial
    return _CONVOLUTIONS[spatial](
        x, weight, bias, strides, [p for p, _ in paddings], dilations, groups
    )


def _max_pool(
    x: Tensor,
    kernel_sizes: Axes,
    pad_type: str,
    strides: Axes | None = None,
    pad: Axes | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    spatial = len(kernel_sizes)
    strides = strides or (1,) * spatial
    paddings = _paddings(pad_type, pad, x.shape[2:], kernel_sizes, strides, (1,) * spatial)
    pool = _MAX_POOLS[spatial]
    if _symmetric(paddings):
        return pool(x, kernel_sizes, strides, [p for p, _ in paddings], ceil_mode=ceil_mode)
    return pool(_padded(x, paddings, -torch.inf), kernel_sizes, strides)


def _avg_pool(
    x: Tensor,
    kernel_sizes: Axes,
    pad_type: str,
    strides: Axes | None = None,
    pad: Axes | None = None,
    exclude_padding_from_average: bool = False,
    ceil_mode: bool = False,
) -> Tensor:
    spatial = len(kernel_sizes)
    strides = strides or (1,) * spatial
    paddings = _paddings(pad_type, pad, x.shape[2:], kernel_sizes, strides, (1,) * spatial)
    pool = _AVG_POOLS[spatial]
    if _symmetric(paddings):
        padding = [p for p, _ in paddings]
        return pool(x, kernel_sizes, strides, padding, ceil_mode, not exclude_padding_from_average)
    mean = pool(_padded(x, paddings), kernel_sizes, strides)
    if not exclude_padding_from_average:
        return mean
    return mean / pool(_padded(torch.ones_like(x), paddings), kernel_sizes, strides)


def _pad(x: Tensor, pad: Axes, mode: str = "constant", constant_val: float = 0.0) -> Tensor:
    pairs = list(zip(pad[::2], pad[1::2], strict=True))
    if mode == "constant":
        return _padded(x, pairs, constant_val)
    while pairs and pairs[0] == (0, 0):  # torch reflects and replicates trailing dimensions only
        pairs.pop(0)
    return functional.pad(x, [n for pair in reversed(pairs) for n in pair], mode=mode)


OPERATORS: Final[Mapping[str, Operator]] = {
    "conv": _conv,
    "max_pool": _max_pool,
    "avg_pool": _avg_pool,
    "pad": _pad,
}
