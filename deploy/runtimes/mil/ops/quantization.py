"""Between floats and integers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor

from deploy.runtimes.mil.ops.types import DTYPES, Operand, Operator


def _along(vector: Operand, axis: int | None, rank: int) -> Operand:
    """A per-channel vector shaped to broadcast along `axis`; scalars as they are."""
    if axis is None or not isinstance(vector, Tensor):
        return vector
    return vector.reshape([-1 if i == axis % rank else 1 for i in range(rank)])


def _quantize(
    input: Tensor,
    scale: Operand,
    output_dtype: str,
    zero_point: Operand = 0,
    axis: int | None = None,
) -> Tensor:
    """round(input * (1 / scale)) + zero_point, saturated.

    Rounds half to even and multiplies by the reciprocal, as PyTorch does: dividing differs by one
    step at ties, and an int8 network amplifies that until nothing can be compared.
    """
    # In place where it can be: an int8 network spends most of its time here.
    dtype = DTYPES[output_dtype]
    limits = torch.iinfo(dtype)
    steps = (input * _along(1.0 / scale, axis, input.ndim)).round_()
    if isinstance(zero_point, Tensor) or zero_point != 0:
        steps += _along(zero_point, axis, input.ndim)
    return steps.clamp_(limits.min, limits.max).to(dtype)


def _dequantize(
    input: Tensor, scale: Operand, zero_point: Operand = 0, axis: int | None = None
) -> Tensor:
    steps = input.to(torch.float32, copy=True)
    if isinstance(zero_point, Tensor) or zero_point != 0:
        steps -= _along(zero_point, axis, input.ndim)
    steps *= _along(scale, axis, input.ndim)
    return steps


def _affine_dequantize(
    quantized_data: Tensor, zero_point: Operand, scale: Operand, axis: int
) -> Tensor:
    return _dequantize(quantized_data, scale, zero_point, axis)


def _blockwise_shift_scale(data: Tensor, scale: Tensor, offset: Tensor | None = None) -> Tensor:
    def spread(values: Tensor) -> Tensor:
        for axis, size in enumerate(data.shape):
            values = values.repeat_interleave(size // values.shape[axis], axis)
        return values

    shifted = data.float() if offset is None else data.float() - spread(offset.float())
    return shifted * spread(scale)


OPERATORS: Final[Mapping[str, Operator]] = {
    "quantize": _quantize,
    "dequantize": _dequantize,
    "constexpr_affine_dequantize": _affine_dequantize,
    "constexpr_blockwise_shift_scale": _blockwise_shift_scale,
}
