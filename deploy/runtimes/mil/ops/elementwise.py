"""Activations, arithmetic and reductions, by the formulas of coremltools' `ops/defs`.

`round` is left out on purpose: which way a half goes depends on the unit that computes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from deploy.runtimes.mil.ops.types import DTYPES, Axes, Operand, Operator, UnclearError


def _gelu(x: Tensor, mode: str = "EXACT") -> Tensor:
    if mode == "SIGMOID_APPROXIMATION":
        return x * torch.sigmoid(1.702 * x)
    if mode == "TANH_APPROXIMATION":
        return 0.5 * x * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + torch.erf(x / 2**0.5))


def _softplus(x: Tensor) -> Tensor:
    return torch.log(1 + torch.exp(-x.abs())) + x.clamp(min=0)


def _thresholded_relu(x: Tensor, alpha: float) -> Tensor:
    return torch.where(x >= alpha, x, 0.0)


def _clamped_relu(x: Tensor, alpha: float, beta: float) -> Tensor:
    return functional.leaky_relu(x, alpha).clamp(max=beta)


def _sigmoid_hard(x: Tensor, alpha: float, beta: float) -> Tensor:
    return (alpha * x + beta).clamp(0.0, 1.0)


def _scaled_tanh(x: Tensor, alpha: float, beta: float) -> Tensor:
    return alpha * torch.tanh(beta * x)


def _prelu(x: Tensor, alpha: Tensor) -> Tensor:
    return functional.prelu(x, alpha)


def _binary(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    def call(x: Operand, y: Operand) -> Tensor:
        return function(torch.as_tensor(x), torch.as_tensor(y))

    return call


def _unary(function: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    def call(x: Tensor) -> Tensor:
        return function(x)

    return call


def _clip(x: Tensor, alpha: float, beta: float) -> Tensor:
    return x.clamp(alpha, beta)


def _leaky(function: Callable[[Tensor, float], Tensor]) -> Callable[..., Tensor]:
    def call(x: Tensor, alpha: float) -> Tensor:
        return function(x, alpha)

    return call


def _affine(x: Tensor, alpha: float, beta: float) -> Tensor:
    return alpha * x + beta


def _log(x: Tensor, epsilon: float = 1e-45) -> Tensor:
    return torch.log(x + epsilon)


def _rsqrt(x: Tensor, epsilon: float = 1e-12) -> Tensor:
    return torch.rsqrt(x + epsilon)


def _inverse(x: Tensor, epsilon: float = 1e-4) -> Tensor:
    return 1.0 / (x + epsilon)


def _cumsum(x: Tensor, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Tensor:
    """`exclusive` leaves each element out of its own sum, `reverse` sums from the end."""
    turned = x.flip(axis) if reverse else x
    total = turned.cumsum(axis) - turned if exclusive else turned.cumsum(axis)
    return total.flip(axis) if reverse else total


def _select(cond: Operand, a: Operand, b: Operand) -> Tensor:
    # A mask that is constant and short comes as numbers.
    return torch.where(torch.as_tensor(cond).bool(), torch.as_tensor(a), torch.as_tensor(b))


def _cast(x: Tensor, dtype: str) -> Tensor:
    """Towards zero to integers, and nowhere where there is none to go to."""
    target = DTYPES[dtype]
    if x.is_floating_point() and dtype not in ("bool", "fp16", "fp32"):
        limits = torch.iinfo(getattr(torch, dtype))
        whole = x.trunc()
        if not ((whole >= limits.min) & (whole <= limits.max)).all():
            raise UnclearError(f"a value has no place in {dtype}")
    return x.to(target)


def _identity(x: Tensor) -> Tensor:
    return x


def _reduce(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def call(x: Tensor, axes: Axes | None = None, keep_dims: bool = False) -> Tensor:
        dims = tuple(axes) if axes is not None else tuple(range(x.ndim))
        return function(x, dim=dims, keepdim=keep_dims)

    return call


OPERATORS: Final[Mapping[str, Operator]] = {
    "relu": _unary(torch.relu),
    "relu6": _unary(functional.relu6),
    "thresholded_relu": _thresholded_relu,
    "clamped_relu": _clamped_relu,
    "leaky_relu": _leaky(functional.leaky_relu),
    "elu": _leaky(functional.elu),
    "prelu": _prelu,
    "sigmoid": _unary(torch.sigmoid),
    "sigmoid_hard": _sigmoid_hard,
    "silu": _unary(functional.silu),
    "gelu": _gelu,
    "tanh": _unary(torch.tanh),
    "scaled_tanh": _scaled_tanh,
    "softplus": _softplus,
    "softsign": _unary(functional.softsign),
    "clip": _clip,
    "linear_activation": _affine,
    "add": _binary(torch.add),
    "sub": _binary(torch.sub),
    "mul": _binary(torch.mul),
    "real_div": _binary(torch.true_divide),
    "maximum": _binary(torch.maximum),
    "minimum": _binary(torch.minimum),
    "pow": _binary(torch.pow),
    "greater": _binary(torch.gt),
    "greater_equal": _binary(torch.ge),
    "less": _binary(torch.lt),
    "less_equal": _binary(torch.le),
    "equal": _binary(torch.eq),
    "not_equal": _binary(torch.ne),
    "select": _select,
    "cumsum": _cumsum,
    "abs": _unary(torch.abs),
    "sign": _unary(torch.sign),
    "square": _unary(torch.square),
    "sqrt": _unary(torch.sqrt),
    "rsqrt": _rsqrt,
    "inverse": _inverse,
    "exp": _unary(torch.exp),
    "log": _log,
    "erf": _unary(torch.erf),
    "floor": _unary(torch.floor),
    "ceil": _unary(torch.ceil),
    "cast": _cast,
    "identity": _identity,
    "reduce_mean": _reduce(torch.mean),
    "reduce_sum": _reduce(torch.sum),
    "reduce_max": _reduce(torch.amax),
    "reduce_min": _reduce(torch.amin),
    "reduce_l2_norm": _reduce(torch.linalg.vector_norm),
}
