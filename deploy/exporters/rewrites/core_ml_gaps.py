"""Rewrites for Core ML: what coremltools cannot translate, in operators that it can.

Like those of `core_ml`, which are about what is translated wrongly; `rewriting.prove` holds each
against the operator that the network had.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
from torch.fx import GraphModule, Node

from deploy.capture.program import aten, calls, filled, names, rank
from deploy.exporters.rewrites.rewriting import Replaced, Writer


def remainders_by_division(module: GraphModule) -> Replaced:
    """remainder(x, y)         becomes      x - floor(x / y) * y
    fmod(x, y)              becomes      x - trunc(x / y) * y
    div(x, y, "floor")      becomes      floor(x / y)        "trunc" alike

    There is no fmod and no division that rounds, and floor_div made x % 1 zeros (coremltools#2836).
    """
    replaced: Replaced = {}
    for node in calls(module, *_REMAINDERS, *_ROUNDED_DIVISIONS):
        if not node.meta["val"].is_floating_point():
            continue
        write, (x, y) = Writer(module, node), node.args[:2]
        y = float(y) if isinstance(y, int | float) else y
        whole = write(aten.div.Tensor, x, y)
        mode = _ROUNDING.get(node.target, node.kwargs.get("rounding_mode"))
        if mode == "floor":
            whole = write(aten.floor.default, whole)
        elif mode == "trunc":
            whole = _truncated(write, whole)
        if node.target in _REMAINDERS:
            whole = write(aten.sub.Tensor, x, write(aten.mul.Tensor, whole, y))
        replaced |= write.replace(whole)
    return replaced


_REMAINDERS: Final = (
    aten.remainder.Tensor,
    aten.remainder.Scalar,
    aten.fmod.Tensor,
    aten.fmod.Scalar,
)
_ROUNDED_DIVISIONS: Final = (
    aten.floor_divide.default,
    aten.floor_divide.Scalar,
    aten.div.Tensor_mode,
    aten.div.Scalar_mode,
)
_ROUNDING: Final[dict[object, str]] = {
    aten.remainder.Tensor: "floor",
    aten.remainder.Scalar: "floor",
    aten.floor_divide.default: "floor",
    aten.floor_divide.Scalar: "floor",
    aten.fmod.Tensor: "trunc",
    aten.fmod.Scalar: "trunc",
}


def whole_parts(module: GraphModule) -> Replaced:
    """trunc(x)      becomes      sign(x) * floor(|x|)
    frac(x)       becomes      x - sign(x) * floor(|x|)
    """
    replaced: Replaced = {}
    for node in calls(module, aten.trunc.default, aten.fix.default, aten.frac.default):
        write, (x, *_) = Writer(module, node), node.args
        result = _truncated(write, x)
        if node.target is aten.frac.default:
            result = write(aten.sub.Tensor, x, result)
        replaced |= write.replace(result)
    return replaced


def _truncated(write: Writer, x: Any) -> Node:
    size = write(aten.floor.default, write(aten.abs.default, x))
    return write(aten.mul.Tensor, write(aten.sign.default, x), size)


def diagonals_by_index(module: GraphModule) -> Replaced:
    """diagonal(x, offset, dim1, dim2)      becomes      flatten(permute(x), -2)[..., indices]

    coremltools keeps the whole matrix, zeros beside its diagonal (coremltools#2565).
    """
    replaced: Replaced = {}
    for node in calls(module, aten.diagonal.default, aten.diagonal_copy.default):
        x, offset, *dims = filled(node)
        shape = x.meta["val"].shape
        first, second = (dim % len(shape) for dim in dims)
        rest = [dim for dim in range(len(shape)) if dim not in (first, second)]
        across = shape[second]
        size = node.meta["val"].shape[-1]
        row, column = max(-offset, 0), max(offset, 0)
        indices = (torch.arange(size) + row) * across + torch.arange(size) + column
        write = Writer(module, node)
        moved = write(aten.permute.default, x, [*rest, first, second])
        flat = write(
            aten.reshape.default, moved, [*(shape[dim] for dim in rest), shape[first] * across]
        )
        picked = [*[None] * len(rest), write.constant("indices", indices)]
        replaced |= write.replace(write(aten.index.Tensor, flat, picked))
    return replaced


def pads_by_index(module: GraphModule) -> Replaced:
    """pad(x, sizes, "circular")      becomes      x[..., rows, :][..., columns]

    and the other modes of it where Core ML does not do them: it knows nothing circular, repeats no
    more than a side is long, and in the last two axes alone (webnn#739, coremltools#2576).
    """
    replaced: Replaced = {}
    for node in calls(module, aten.pad.default):
        x, sizes, mode, _value = filled(node)
        if mode == "constant" or (mode != "circular" and core_ml_pads(x, sizes)):
            continue
        write, result = Writer(module, node), x
        for k, (before, after) in enumerate(zip(sizes[::2], sizes[1::2], strict=True)):
            axis = rank(x) - 1 - k
            if not (before or after):
                continue
            indices = _source(x.meta["val"].shape[axis], before, after, mode)
            picked = [*[None] * axis, write.constant(f"axis_{axis}", indices)]
            result = write(aten.index.Tensor, result, picked)
        replaced |= write.replace(result)
    return replaced


def core_ml_pads(x: Node, sizes: Sequence[int]) -> bool:
    """Whether Core ML itself can pad `x` by so much of what is in it."""
    shape = x.meta["val"].shape
    return not any(sizes[4:]) and all(
        0 <= size < shape[-1 - k // 2] for k, size in enumerate(sizes)
    )


def _source(length: int, before: int, after: int, mode: str) -> torch.Tensor:
    """Which elements of an axis of `length` lie along the padded axis, from 0 up."""
    at = torch.arange(-before, length + after)
    if mode == "circular":
        return at % length
    if mode == "reflect":
        return (length - 1) - ((length - 1) - at.abs()).abs()
    return at.clamp(0, length - 1)


def clamps_by_tensors(module: GraphModule) -> Replaced:
    """clamp(x, low, high)      becomes      minimum(maximum(x, low), high)    for tensors

    coremltools compares the bounds as if each were one number.
    """
    replaced: Replaced = {}
    for node in calls(module, aten.clamp.Tensor, aten.clamp_min.Tensor, aten.clamp_max.Tensor):
        write, (result, *_) = Writer(module, node), node.args
        given = dict(zip(names(node), filled(node), strict=True))
        if (low := given.get("min")) is not None:
            result = write(aten.maximum.default, result, low)
        if (high := given.get("max")) is not None:
            result = write(aten.minimum.default, result, high)
        assert isinstance(result, Node)
        replaced |= write.replace(result)
    return replaced


GAPS: Final[tuple[Callable[[GraphModule], Replaced], ...]] = (
    remainders_by_division,
    whole_parts,
    diagonals_by_index,
    pads_by_index,
    clamps_by_tensors,
)
