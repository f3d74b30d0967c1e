"""Convolution, pooling, padding and resizing of spatial dimensions.

What counts at the borders is Core ML's, by the texts and reports named in
`docs/decisions/core-ml-evaluator.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from deploy.runtimes.mil.ops.types import Axes, Operator, UnclearError

_Function: TypeAlias = Callable[..., Tensor]

# By the number of spatial dimensions.
_CONVOLUTIONS: Final[Mapping[int, _Function]] = {
    1: functional.conv1d,
    2: functional.conv2d,
    3: functional.conv3d,
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


def _conv_transpose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    strides: Axes | None = None,
    pad_type: str = "valid",
    pad: Axes | None = None,
    dilations: Axes | None = None,
    groups: int = 1,
    output_shape: Axes | None = None,
) -> Tensor:
    """`pad` cuts off what it would have added to a convolution."""
    if pad_type not in ("valid", "custom"):
        raise UnclearError(f"pad_type {pad_type}")
    spatial = x.ndim - 2
    dilations = dilations or (1,) * spatial
    whole = _TRANSPOSED[spatial](x, weight, bias, strides or 1, 0, 0, groups, dilations)
    cut = pad if pad_type == "custom" and pad is not None else (0,) * (2 * spatial)
    for axis, (before, after) in enumerate(zip(cut[::2], cut[1::2], strict=True), start=2):
        whole = whole.narrow(axis, before, whole.shape[axis] - before - after)
    if output_shape is not None and tuple(output_shape) != tuple(whole.shape):
        raise UnclearError("an output_shape that the other parameters do not give")
    return whole


_TRANSPOSED: Final[Mapping[int, Callable[..., Tensor]]] = {
    1: functional.conv_transpose1d,
    2: functional.conv_transpose2d,
    3: functional.conv_transpose3d,
}


def _crop(x: Tensor, crop_height: Axes, crop_width: Axes) -> Tensor:
    """Takes so many lines and columns away, at the start and at the end."""
    (top, bottom), (left, right) = crop_height, crop_width
    height, width = x.shape[-2:]
    return x[..., top : height - bottom, left : width - right]


def _max_pool(
    x: Tensor,
    kernel_sizes: Axes,
    pad_type: str,
    strides: Axes | None = None,
    pad: Axes | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    windows, dims = _windows(x, kernel_sizes, pad_type, strides, pad, ceil_mode, -torch.inf)
    return windows.amax(dims)


def _avg_pool(
    x: Tensor,
    kernel_sizes: Axes,
    pad_type: str,
    strides: Axes | None = None,
    pad: Axes | None = None,
    exclude_padding_from_average: bool = False,
    ceil_mode: bool = False,
) -> Tensor:
    """What lies beyond the input is padding, be it asked for or added by `ceil_mode`: with
    `exclude_padding_from_average` nothing of it counts, without it all does."""
    windows, dims = _windows(x, kernel_sizes, pad_type, strides, pad, ceil_mode, 0.0)
    if not exclude_padding_from_average:
        return windows.mean(dims)
    ones = torch.ones_like(x)
    inside, _ = _windows(ones, kernel_sizes, pad_type, strides, pad, ceil_mode, 0.0)
    return windows.sum(dims) / inside.sum(dims)


def _windows(
    x: Tensor,
    kernel: Axes,
    pad_type: str,
    strides: Axes | None,
    pad: Axes | None,
    ceil_mode: bool,
    outside: float,
) -> tuple[Tensor, tuple[int, ...]]:
    """(N, C, *out, *kernel): all windows, and the dimensions that each of them has."""
    spatial = len(kernel)
    strides = strides or (1,) * spatial
    paddings = _paddings(pad_type, pad, x.shape[2:], kernel, strides, (1,) * spatial)
    if ceil_mode:
        paddings = [
            (before, _end_of_ceil(size, k, stride, before, after))
            for size, k, stride, (before, after) in zip(
                x.shape[2:], kernel, strides, paddings, strict=True
            )
        ]
    windows = _padded(x, paddings, outside)
    for axis, (k, stride) in enumerate(zip(kernel, strides, strict=True), 2):
        windows = windows.unfold(axis, k, stride)
    return windows, tuple(range(-spatial, 0))


def _end_of_ceil(size: int, kernel: int, stride: int, before: int, after: int) -> int:
    """The padding behind, for as many windows as `ceil_mode` has (coremltools, ops/defs/_utils)."""
    padding = before + after
    windows = (size + padding - kernel + stride - 1) // stride + 1
    if padding > 0 and (windows - 1) * stride >= size + padding / 2:
        windows -= 1
    return max((windows - 1) * stride + kernel - size - before, 0)


def _pad(x: Tensor, pad: Axes, mode: str = "constant", constant_val: float = 0.0) -> Tensor:
    pairs = list(zip(pad[::2], pad[1::2], strict=True))
    if mode == "constant":
        return _padded(x, pairs, constant_val)
    pairs = [(0, 0)] * (x.ndim - len(pairs)) + pairs
    if any(pair != (0, 0) for pair in pairs[:-2]):
        raise UnclearError(f"{mode} outside the last two dimensions, which Core ML does not load")
    for axis, (before, after) in list(enumerate(pairs))[-2:]:
        length = x.shape[axis]
        most = length - (mode == "reflect")
        if max(before, after) > most:
            raise UnclearError(f"{mode} of {max(before, after)}: at most {most} here")
        at = torch.arange(-before, length + after)
        if mode == "reflect":
            at = (length - 1) - ((length - 1) - at.abs()).abs()
        x = x.index_select(axis, at.clamp(0, length - 1))
    return x


def _upsample_nearest(
    x: Tensor, scale_factor_height: float = 1, scale_factor_width: float = 1
) -> Tensor:
    """Each pixel becomes a block. Which one is nearest at a broken scale is written nowhere."""
    for axis, scale in ((-2, scale_factor_height), (-1, scale_factor_width)):
        if scale != int(scale):
            raise UnclearError(f"scale {scale:g}: no text says which pixel is nearest")
        x = x.repeat_interleave(int(scale), axis)
    return x


def _upsample_bilinear(
    x: Tensor,
    scale_factor_height: float = 1,
    scale_factor_width: float = 1,
    align_corners: bool = True,
) -> Tensor:
    mode = "ALIGN_CORNERS" if align_corners else "UNALIGN_CORNERS"
    height, width = int(x.shape[-2] * scale_factor_height), int(x.shape[-1] * scale_factor_width)
    return _resize_bilinear(x, height, width, mode)


def _resize_bilinear(
    x: Tensor,
    target_size_height: int = 1,
    target_size_width: int = 1,
    sampling_mode: str = "DEFAULT",
) -> Tensor:
    for axis, size in ((-2, target_size_height), (-1, target_size_width)):
        points = _grid(x.shape[axis], size, sampling_mode)
        low = points.floor().long()
        high = (low + 1).clamp(max=x.shape[axis] - 1)
        share = (points - low).float().reshape([-1] + [1] * (-1 - axis))
        x = x.index_select(axis, low) * (1 - share) + x.index_select(axis, high) * share
    return x


def _grid(size: int, out: int, mode: str) -> Tensor:
    """Where each of `out` points samples an axis of `size`, as resize_bilinear's text has it."""
    i = torch.arange(out, dtype=torch.float64)
    if mode in ("ALIGN_CORNERS", "STRICT_ALIGN_CORNERS"):
        if out == 1:
            points = i + (size - 1) / 2 if mode == "ALIGN_CORNERS" else i
        else:
            points = i * ((size - 1) / (out - 1))
    elif mode == "UNALIGN_CORNERS":
        points = (i + 0.5) * (size / out) - 0.5
    elif mode == "DEFAULT":
        points = i * (size / out)  # (Xin - Xin/Xout) / (Xout - 1), simplified
    else:
        raise UnclearError(f"sampling mode {mode}")
    return points.clamp(0, size - 1)


OPERATORS: Final[Mapping[str, Operator]] = {
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "crop": _crop,
    "max_pool": _max_pool,
    "avg_pool": _avg_pool,
    "pad": _pad,
    "upsample_nearest_neighbor": _upsample_nearest,
    "upsample_bilinear": _upsample_bilinear,
    "resize_bilinear": _resize_bilinear,
}
