"""Weight rounding learned from the photos: each code is chosen knowing the errors made before it.

Nearest rounding treats weights one by one. Their errors meet in a sum over the inputs, though, and
inputs are correlated: what one weight rounds away, the others can give back (Frantar et al. 2022,
arXiv 2210.17323, algorithm 1; Hassibi and Stork 1992 for its closed form). The bias takes part as
the weight of an input that is always one, and as it is never rounded, it ends up where the mean
error is least: bias correction needs no step of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torch.fx import GraphModule, Interpreter, Node
from torch.nn import functional

from deploy.capture.program import aten
from deploy.quantization.calibrate import run_photos
from deploy.quantization.ranges import WEIGHT_MAX

# As a share of the mean diagonal: keeps the inverse finite where inputs are (nearly) dependent.
DAMPING = 0.01


def round_weights(
    weight: Tensor, bias: Tensor, scales: Tensor, moments: Tensor
) -> tuple[Tensor, Tensor]:
    """Codes and bias with the least mean squared error of the layer's output on the photos.

    `weight` (out, ...) with `scales` (out,); `moments` (groups, n + 1, n + 1) are the layer's
    inputs' second moments, n = weight[0].numel(), the last input being the constant one. Returns
    codes in [-127, 127] shaped as `weight`, float32, and the bias (out,).
    """
    groups = len(moments)
    rows = torch.cat([weight.flatten(1), bias[:, None]], dim=1)
    rows = rows.reshape(groups, -1, rows.shape[1]).double()
    steps = scales.reshape(groups, -1).double()
    inverse = _inverse_cholesky(moments)
    inputs = rows.shape[2] - 1
    codes = torch.empty_like(rows[:, :, :inputs])
    for i in range(inputs):
        column = rows[:, :, i]
        codes[:, :, i] = (column / steps).round().clamp(-WEIGHT_MAX, WEIGHT_MAX)
        error = (column - codes[:, :, i] * steps) / inverse[:, i, i, None]
        rows[:, :, i + 1 :] -= error[:, :, None] * inverse[:, None, i, i + 1 :]
    return codes.float().reshape(weight.shape), rows[:, :, -1].float().reshape(-1)


def input_moments(
    module: GraphModule,
    names: Iterable[str],
    photos: Tensor,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Tensor]:
    """Second moments (groups, n + 1, n + 1), float64, of what each convolution or linear of `names`
    multiplies with its weights, averaged over `photos` (N, C, H, W) and positions.

    Zero padding counts as the zeros that it is.
    """
    collector = _Collector(module, set(names))
    run_photos(collector, photos, progress=progress)
    return {name: total / total[:, -1:, -1:] for name, total in collector.totals.items()}


class _Collector(Interpreter):
    def __init__(self, module: GraphModule, names: set[str]) -> None:
        super().__init__(module)
        self._names = names
        self.totals: dict[str, Tensor] = {}

    def run_node(self, n: Node) -> object:
        if n.name in self._names:
            args, _ = self.fetch_args_kwargs_from_env(n)
            columns = _columns(n, *args)
            ones = columns.new_ones(len(columns), 1, columns.shape[2])
            columns = torch.cat([columns, ones], dim=1)
            total = torch.bmm(columns, columns.transpose(1, 2)).double()
            self.totals[n.name] = self.totals.get(n.name, 0) + total
        return super().run_node(n)


def _columns(
    node: Node,
    x: Tensor,
    weight: Tensor,
    _bias: Tensor | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> Tensor:
    """The inputs as (groups, n, positions): each position is multiplied with the weights once."""
    if node.target is aten.linear.default:
        return x.reshape(-1, x.shape[-1]).T[None]
    columns = functional.unfold(x, weight.shape[2:], dilation, padding, stride)
    return columns.reshape(groups, -1, columns.shape[-1])


def _inverse_cholesky(moments: Tensor) -> Tensor:
    """The upper Cholesky factor of the inverse of the damped moments, group by group."""
    diagonal = moments.diagonal(dim1=1, dim2=2)
    damping = DAMPING * diagonal.mean(1).clamp_min(1e-12)
    damped = moments + torch.diag_embed(damping[:, None].expand_as(diagonal))
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped))
    factor: Tensor = torch.linalg.cholesky(inverse, upper=True)
    return factor
