"""Rewrites for Core ML: what means something else there, or nothing certain, in clear operators.

coremltools translates each operator by itself, and takes for equal what is not at the borders, in
float16, or in arguments that it drops. Each rewrite names the report or the text that says so;
`docs/decisions/core-ml-evaluator.md` has the whole list. `prove` holds every rewritten operator
against the one that the network had.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from deploy.capture.program import aten, calls, constant, filled, is_constant, names, rank, tidy
from deploy.exporters.rewrites.core_ml_gaps import GAPS
from deploy.exporters.rewrites.forms import write_pools_out
from deploy.exporters.rewrites.resizes import resize_by_constants
from deploy.exporters.rewrites.rewriting import Replaced, Writer, pad_before_avg_pool, prove


def for_core_ml(module: GraphModule, examples: Tensor) -> GraphModule:
    """`module` after all rewrites, proved on `examples` (N, C, H, W). The argument stays as it is.

    Raises ExportError that names the operator where a rewrite does not compute what it should.
    """
    rewritten = copy.deepcopy(module)
    replaced: Replaced = {}
    for rewrite in REWRITES:
        replaced |= rewrite(rewritten)
        tidy(rewritten)
    prove(module, rewritten, replaced, examples)
    return rewritten


def write_max_pools_out(module: GraphModule) -> Replaced:
    """coremltools reads the arguments by position. See `forms`."""
    write_pools_out(module)
    return {}


def gelu_by_sigmoid(module: GraphModule) -> Replaced:
    """gelu(x, approximate="tanh")      becomes      x * sigmoid(x * (a + b x^2))

    coremltools drops the keyword and converts the other gelu (coremltools#2863).
    """
    replaced: Replaced = {}
    for node in calls(module, aten.gelu.default, aten.gelu_.default):
        if node.kwargs.get("approximate", "none") != "tanh":
            continue
        write, (x, *_) = Writer(module, node), node.args
        a = 2 * (2 / torch.pi) ** 0.5  # 0.5 (1 + tanh(u)) = sigmoid(2 u)
        slope = write(aten.add.Tensor, write(aten.mul.Tensor, _square(write, x), 0.044715 * a), a)
        gate = write(aten.sigmoid.default, write(aten.mul.Tensor, x, slope))
        replaced |= write.replace(write(aten.mul.Tensor, x, gate))
    return replaced


# log1p(exp(-16)) is 1e-7: nothing beside 16 in float32.
_SOFTPLUS_IS_LINEAR: Final = 16.0


def stable_softplus(module: GraphModule) -> Replaced:
    """softplus(x, beta)      becomes      relu(x) + log1p(exp(-|beta x|)) / beta
                                        x where beta x is above the threshold
    mish(x)                becomes      x * tanh(softplus(x))
    log_sigmoid(x)         becomes      -softplus(-x)

    The Neural Engine's softplus drops to 0 above 10.4 (coremltools#2687), and mish with it (#2618).
    coremltools drops the threshold above which torch gives x itself: below 20 that makes a
    difference in float32, and is written as a `where`.
    """
    replaced: Replaced = {}
    for node in calls(module, aten.softplus.default):
        x, beta, threshold = filled(node)
        write = Writer(module, node)
        smooth = _softplus(write, x, float(beta))
        if threshold < _SOFTPLUS_IS_LINEAR:
            above = write(
                aten.gt.Scalar, x if beta == 1 else write(aten.mul.Tensor, x, beta), threshold
            )
            smooth = write(aten.where.self, above, x, smooth)
        replaced |= write.replace(smooth)
    for node in calls(module, aten.mish.default, aten.mish_.default):
        write, (x, *_) = Writer(module, node), node.args
        gate = write(aten.tanh.default, _softplus(write, x, 1.0))
        replaced |= write.replace(write(aten.mul.Tensor, x, gate))
    for node in calls(module, aten.log_sigmoid.default):
        write, (x, *_) = Writer(module, node), node.args
        negative = _softplus(write, write(aten.neg.default, x), 1.0)
        replaced |= write.replace(write(aten.neg.default, negative))
    return replaced


def _softplus(write: Writer, x: Any, beta: float) -> Node:
    scaled = x if beta == 1 else write(aten.mul.Tensor, x, beta)
    small = write(aten.exp.default, write(aten.neg.default, write(aten.abs.default, scaled)))
    tail = write(aten.log1p.default, small)
    if beta != 1:
        tail = write(aten.mul.Tensor, tail, 1 / beta)
    return write(aten.add.Tensor, write(aten.relu.default, x), tail)


def stable_log_softmax(module: GraphModule) -> Replaced:
    """log_softmax(x, dim)      becomes      y - log(sum(exp(y)))    with y = x - amax(x)

    coremltools writes log(softmax(x)): in float16 a probability below 6e-8 is 0, and its log -inf.
    """
    replaced: Replaced = {}
    for node in calls(module, aten.log_softmax.int):
        write, (x, dim, *_) = Writer(module, node), node.args
        centred = write(aten.sub.Tensor, x, write(aten.amax.default, x, [dim], True))
        total = write(aten.sum.dim_IntList, write(aten.exp.default, centred), [dim], True)
        replaced |= write.replace(write(aten.sub.Tensor, centred, write(aten.log.default, total)))
    return replaced


def plain_rms_norm(module: GraphModule) -> Replaced:
    """rms_norm(x, shape, w, eps)      becomes      x / sqrt(mean(x^2) + eps) * w

    coremltools scales x by its largest value first and adds eps to what is left: an eps too large
    by the square of that value (coremltools#2821).
    """
    replaced: Replaced = {}
    for node in calls(module, aten.rms_norm.default):
        x, shape, weight, eps = filled(node)
        write = Writer(module, node)
        dims = list(range(-len(shape), 0))
        mean = write(aten.mean.dim, _square(write, x), dims, True)
        eps = torch.finfo(torch.float32).eps if eps is None else eps
        result = write(
            aten.div.Tensor, x, write(aten.sqrt.default, write(aten.add.Tensor, mean, eps))
        )
        if weight is not None:
            result = write(aten.mul.Tensor, result, weight)
        replaced |= write.replace(result)
    return replaced


def scaled_norms(module: GraphModule) -> Replaced:
    """linalg_vector_norm(x)      becomes      m * sqrt(sum((x / m)^2))    with m = max(|x|)

    The squares of some hundreds are beyond float16, where their root is not (coremltools#2110).
    """
    replaced: Replaced = {}
    for node in calls(module, *_NORMS):
        given = dict(zip(names(node), filled(node), strict=True))
        x, dims, keepdim = given["self"], given["dim"], given["keepdim"]
        if given.get("ord", given.get("p")) not in (2, None) or given.get("dtype") is not None:
            continue
        dims = list(range(rank(x))) if dims is None else [dims] if isinstance(dims, int) else dims
        write = Writer(module, node)
        largest = write(aten.amax.default, write(aten.abs.default, x), dims, True)
        # Zeros have a norm, too; any scale is right that is not far above the values.
        scale = write(aten.clamp.default, largest, _TINY)
        ratio = write(aten.div.Tensor, x, scale)
        total = write(aten.sum.dim_IntList, _square(write, ratio), dims, True)
        result = write(aten.mul.Tensor, write(aten.sqrt.default, total), scale)
        if not keepdim:
            result = write(aten.reshape.default, result, list(node.meta["val"].shape))
        replaced |= write.replace(result)
    return replaced


_NORMS: Final = (aten.linalg_vector_norm.default, aten.norm.ScalarOpt_dim)
_TINY: Final = 6.2e-5  # Just above the smallest normal number of float16.


def divide_instead_of_adding_epsilon(module: GraphModule) -> Replaced:
    """rsqrt(x)           becomes      1 / sqrt(x)
    reciprocal(x)      becomes      1 / x

    Core ML's rsqrt is 1 / sqrt(x + 1e-12), its inverse 1 / (x + 1e-4) (elementwise_unary).
    """
    replaced: Replaced = {}
    for node in calls(module, aten.rsqrt.default, aten.reciprocal.default):
        write, (x, *_) = Writer(module, node), node.args
        below = write(aten.sqrt.default, x) if node.target is aten.rsqrt.default else x
        one = write.constant("one", torch.ones(1))
        replaced |= write.replace(write(aten.div.Tensor, one, below))
    return replaced


def count_indices_from_the_start(module: GraphModule) -> Replaced:
    """x[:, [0, -1]]      becomes      x[:, [0, 7]]

    iOS 17's gather takes indices from 0 up alone (coremltools, ops/defs/iOS17/scatter_gather.py).
    """
    replaced: Replaced = {}
    for node in calls(module, aten.index.Tensor, aten.index_select.default):
        x = node.args[0]
        assert isinstance(x, Node)
        write, axes = Writer(module, node), rank(x)
        if node.target is aten.index.Tensor:
            indices = node.args[1]
            assert isinstance(indices, Sequence)
        else:
            dim = node.args[1]
            assert isinstance(dim, int)
            indices = [None] * (dim % axes) + [node.args[2]]
        known = [
            (i, value)
            for i, argument in enumerate(indices)
            if (value := _known(module, argument)) is not None
        ]
        if len(known) < sum(index is not None for index in indices):
            continue
        counted = list(indices)
        for i, value in known:
            counted[i] = write.constant(f"index_{i}", value % x.meta["val"].shape[i])
        replaced |= write.replace(write(aten.index.Tensor, x, counted))
    return replaced


def _known(module: GraphModule, node: object) -> Tensor | None:
    while isinstance(node, Node) and node.target in (
        aten.lift_fresh_copy.default,
        aten.clone.default,
        aten.detach.default,
    ):
        (node,) = node.all_input_nodes
    if not is_constant(node):
        return None
    value = constant(module, node)
    return value if value is not None and value.dtype is torch.int64 else None


def _square(write: Writer, x: Any) -> Node:
    return write(aten.mul.Tensor, x, x)


REWRITES: Final[tuple[Callable[[GraphModule], Replaced], ...]] = (
    write_max_pools_out,
    pad_before_avg_pool,
    gelu_by_sigmoid,
    stable_softplus,
    stable_log_softmax,
    plain_rms_norm,
    scaled_norms,
    divide_instead_of_adding_epsilon,
    count_indices_from_the_start,
    resize_by_constants,
    *GAPS,
)
