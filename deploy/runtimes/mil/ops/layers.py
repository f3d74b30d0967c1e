"""Matrix products, normalization, softmax and the classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from deploy.runtimes.mil.ops.types import Axes, Operator


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return functional.linear(x, weight, bias)


def _matmul(x: Tensor, y: Tensor, transpose_x: bool = False, transpose_y: bool = False) -> Tensor:
    return torch.matmul(x.mT if transpose_x else x, y.mT if transpose_y else y)


def _batch_norm(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
    epsilon: float = 1e-5,
) -> Tensor:
    def by_channel(values: Tensor | None, missing: float) -> Tensor:
        given = torch.full_like(mean, missing) if values is None else values
        return given.reshape(-1, *[1] * (x.ndim - 2))

    scale = by_channel(gamma, 1.0) / torch.sqrt(by_channel(variance, 1.0) + epsilon)
    return (x - by_channel(mean, 0.0)) * scale + by_channel(beta, 0.0)


def _layer_norm(
    x: Tensor,
    axes: Axes | None = None,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
    epsilon: float = 1e-5,
) -> Tensor:
    dims = [a % x.ndim for a in axes] if axes is not None else list(range(x.ndim))
    variance, mean = torch.var_mean(x, dims, correction=0, keepdim=True)
    normalized = (x - mean) * torch.rsqrt(variance + epsilon)
    shape = [size if i in dims else 1 for i, size in enumerate(x.shape)]
    if gamma is not None:
        normalized = normalized * gamma.reshape(shape)
    return normalized if beta is None else normalized + beta.reshape(shape)


def _instance_norm(
    x: Tensor, gamma: Tensor | None = None, beta: Tensor | None = None, epsilon: float = 1e-5
) -> Tensor:
    shape = (-1, *[1] * (x.ndim - 2))
    normalized = _layer_norm(x, range(2, x.ndim), epsilon=epsilon)
    if gamma is not None:
        normalized = normalized * gamma.reshape(shape)
    return normalized if beta is None else normalized + beta.reshape(shape)


def _softmax(x: Tensor, axis: int = -1) -> Tensor:
    return torch.softmax(x, axis)


def _classify(probabilities: Tensor, classes: Sequence[str]) -> tuple[str, Tensor]:
    """The likeliest label, and the probabilities (classes,) in the order of the labels."""
    flat = probabilities.flatten()
    return classes[int(flat.argmax())], flat


OPERATORS: Final[Mapping[str, Operator]] = {
    "linear": _linear,
    "matmul": _matmul,
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "instance_norm": _instance_norm,
    "softmax": _softmax,
    "classify": _classify,
}
