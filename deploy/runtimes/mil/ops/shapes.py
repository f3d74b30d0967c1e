"""Moving elements about: what is here takes elements of any dtype and computes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import torch
from torch import Tensor

from deploy.runtimes.mil.ops.types import Axes, Operator, UnclearError


def _reshape(x: Tensor, shape: Axes) -> Tensor:
    return x.reshape([x.shape[i] if size == 0 else size for i, size in enumerate(shape)])


def _transpose(x: Tensor, perm: Axes) -> Tensor:
    return x.permute(tuple(perm))


def _squeeze(x: Tensor, axes: Axes | None = None) -> Tensor:
    return x.squeeze() if axes is None else x.squeeze(tuple(axes))


def _expand_dims(x: Tensor, axes: Axes) -> Tensor:
    rank = x.ndim + len(axes)
    for axis in sorted(a % rank for a in axes):
        x = x.unsqueeze(axis)
    return x


def _reverse(x: Tensor, axes: Axes | None = None) -> Tensor:
    return x.flip(tuple(axes) if axes is not None else tuple(range(x.ndim)))


def _concat(values: Sequence[Tensor], axis: int, interleave: bool = False) -> Tensor:
    if not interleave:
        return torch.cat(list(values), axis)
    axis %= values[0].ndim
    return torch.stack(list(values), axis + 1).flatten(axis, axis + 1)


def _stack(values: Sequence[Tensor], axis: int) -> Tensor:
    return torch.stack(list(values), axis)


def _split(
    x: Tensor, axis: int, num_splits: int | None = None, split_sizes: Axes | None = None
) -> tuple[Tensor, ...]:
    if split_sizes is not None:
        return torch.split(x, list(split_sizes), axis)
    assert num_splits is not None, "MIL requires one of the two"
    return torch.tensor_split(x, num_splits, axis)


def _slice_by_index(
    x: Tensor,
    begin: Axes,
    end: Axes,
    stride: Axes | None = None,
    begin_mask: Sequence[bool] | None = None,
    end_mask: Sequence[bool] | None = None,
    squeeze_mask: Sequence[bool] | None = None,
) -> Tensor:
    unset = (False,) * x.ndim
    begin_mask, end_mask = begin_mask or unset, end_mask or unset
    squeeze_mask = squeeze_mask or unset
    for axis in reversed(range(x.ndim)):
        if squeeze_mask[axis]:
            x = x.select(axis, begin[axis])
            continue
        span = slice(
            None if begin_mask[axis] else begin[axis],
            None if end_mask[axis] else end[axis],
            stride[axis] if stride else 1,
        )
        index = torch.arange(x.shape[axis])[_indices(span, x.shape[axis])]
        x = x.index_select(axis, index)
    return x


def _indices(span: slice, size: int) -> list[int]:
    return list(range(*span.indices(size)))  # torch's own slices refuse a negative step


def _slice_by_size(x: Tensor, begin: Axes, size: Axes) -> Tensor:
    for axis, (start, length) in enumerate(zip(begin, size, strict=True)):
        x = x.narrow(axis, start, x.shape[axis] - start if length == -1 else length)
    return x


def _tile(x: Tensor, reps: Axes) -> Tensor:
    return x.tile(tuple(reps))


def _gather(
    x: Tensor,
    indices: Tensor | Axes | int,
    axis: int = 0,
    batch_dims: int = 0,
    validate_indices: bool = False,
) -> Tensor:
    """From iOS 17 on, an index is counted from the start: a negative one lies outside."""
    if batch_dims != 0:
        raise UnclearError(f"batch_dims of {batch_dims}")
    index = torch.as_tensor(indices, dtype=torch.int64)
    if index.numel() and not 0 <= index.min() <= index.max() < x.shape[axis]:
        raise ValueError(f"an index lies outside of {x.shape[axis]} elements")
    axis %= x.ndim
    flat = x.index_select(axis, index.flatten())
    return flat.reshape(*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])


def _pixel_shuffle(x: Tensor, upscale_factor: int) -> Tensor:
    """x[n, c f^2 + i f + j, h, w] goes to [n, c, h f + i, w f + j]."""
    n, c, h, w = x.shape
    f = upscale_factor
    blocks = x.reshape(n, c // f**2, f, f, h, w).permute(0, 1, 4, 2, 5, 3)
    return blocks.reshape(n, c // f**2, h * f, w * f)


def _pixel_unshuffle(x: Tensor, downscale_factor: int) -> Tensor:
    n, c, h, w = x.shape
    f = downscale_factor
    blocks = x.reshape(n, c, h // f, f, w // f, f).permute(0, 1, 3, 5, 2, 4)
    return blocks.reshape(n, c * f**2, h // f, w // f)


OPERATORS: Final[Mapping[str, Operator]] = {
    "reshape": _reshape,
    "transpose": _transpose,
    "squeeze": _squeeze,
    "expand_dims": _expand_dims,
    "reverse": _reverse,
    "concat": _concat,
    "stack": _stack,
    "split": _split,
    "slice_by_index": _slice_by_index,
    "slice_by_size": _slice_by_size,
    "tile": _tile,
    "gather": _gather,
    "pixel_shuffle": _pixel_shuffle,
    "pixel_unshuffle": _pixel_unshuffle,
}

MOVES: Final = frozenset(OPERATORS)
