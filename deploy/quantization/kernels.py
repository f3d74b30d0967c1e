"""Which nodes of the float program run as one int8 kernel: seen from the graph, not from names."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch.fx import GraphModule, Node

from deploy.capture.program import aten, is_constant

Kind = Literal["conv", "linear", "add", "mul", "mean", "hardswish", "pass"]

# An operator that every runtime has as an int8 kernel.
KERNELS: dict[object, Kind] = {
    aten.conv2d.default: "conv",
    aten.linear.default: "linear",
    aten.add.Tensor: "add",
    aten.mul.Tensor: "mul",
    aten.mean.dim: "mean",
    aten.hardswish.default: "hardswish",
    aten.hardswish_.default: "hardswish",
    # Values only move or are selected: input and output share scale and zero point.
    aten.flatten.using_ints: "pass",
    aten.view.default: "pass",
    aten.reshape.default: "pass",
    aten.max_pool2d.default: "pass",
}

# Where nearly all of a network's work is, by the names that `deploy.exporters.operators` counts.
HEAVY_TARGETS: dict[object, str] = {
    aten.conv1d.default: "conv",
    aten.conv2d.default: "conv",
    aten.conv3d.default: "conv",
    aten.linear.default: "linear",
    aten.addmm.default: "linear",
    aten.mm.default: "matmul",
    aten.matmul.default: "matmul",
    aten.bmm.default: "matmul",
}

# Activations that a kernel applies for nothing when it saturates its output.
CLAMPS: dict[object, tuple[float, float]] = {
    aten.relu.default: (0.0, math.inf),
    aten.relu_.default: (0.0, math.inf),
    aten.relu6.default: (0.0, 6.0),
    aten.relu6_.default: (0.0, 6.0),
    aten.hardtanh.default: (-1.0, 1.0),
    aten.hardtanh_.default: (-1.0, 1.0),
    aten.clamp.default: (-math.inf, math.inf),
}


_DATA_INPUTS: dict[Kind, int] = {"add": 2, "mul": 2}


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """One int8 kernel. Every field holds names of nodes; a tensor is named by its producer.

    `clamp` is the activation computed with `node`, whose `bounds` the output obeys; `pad` the
    zero padding before it, which reads `inputs` in its place.
    """

    kind: Kind
    node: str
    inputs: tuple[str, ...]
    pad: str | None = None
    clamp: str | None = None
    bounds: tuple[float, float] = (-math.inf, math.inf)

    @property
    def output(self) -> str:
        return self.clamp or self.node

    @property
    def reader(self) -> str:
        """The node that reads `inputs`."""
        return self.pad or self.node

    @property
    def tensors(self) -> tuple[str, ...]:
        return (*self.inputs, self.output)


def find_kernels(module: GraphModule, *, keep_float: Iterable[str] = ()) -> list[Kernel]:
    """The int8 kernels of `module` in graph order, less the compute nodes named in `keep_float`."""
    found = (_unit_at(node) for node in module.graph.nodes)
    return without([kernel for kernel in found if kernel is not None], keep_float)


def without(kernels: Iterable[Kernel], keep_float: Iterable[str]) -> list[Kernel]:
    """`kernels` in graph order, less the compute nodes named in `keep_float`.

    A value that is no longer quantized is no longer moved as one either.
    """
    left_out = set(keep_float)
    quantized: set[str] = set()
    kept = []
    for kernel in kernels:
        if kernel.node in left_out or (kernel.kind == "pass" and kernel.inputs[0] not in quantized):
            continue
        kept.append(kernel)
        quantized.update(kernel.tensors)
    return kept


def only_read_by_hardswish(module: GraphModule) -> set[str]:
    """Tensors that exist only to go through a hard-swish."""
    return {
        node.name
        for node in module.graph.nodes
        if node.users and all(KERNELS.get(user.target) == "hardswish" for user in node.users)
    }


def clamp_bounds(node: Node) -> tuple[float, float]:
    """The bounds of a clamping activation: its arguments, or its operator's defaults."""
    low, high = CLAMPS[node.target]
    given = [*node.args[1:], *[None, None]]
    low = float(given[0]) if isinstance(given[0], (int, float)) else low
    high = float(given[1]) if isinstance(given[1], (int, float)) else high
    return low, high


def _unit_at(node: Node) -> Kernel | None:
    kind = KERNELS.get(node.target)
    if kind is None or node.meta["val"].dtype != torch.float32 or not _is_expressible(node, kind):
        return None
    data = [arg for arg in node.args[: _DATA_INPUTS.get(kind, 1)] if isinstance(arg, Node)]
    pad = None
    if kind == "conv" and _is_zero_pad(data[0]):
        pad, data = data[0].name, [arg for arg in data[0].args[:1] if isinstance(arg, Node)]
    inputs = tuple(arg.name for arg in data)
    users = list(node.users)
    if kind not in ("mean", "hardswish", "pass") and len(users) == 1 and users[0].target in CLAMPS:
        (clamp,) = users
        return Kernel(
            kind=kind,
            node=node.name,
            inputs=inputs,
            pad=pad,
            clamp=clamp.name,
            bounds=clamp_bounds(clamp),
        )
    return Kernel(kind=kind, node=node.name, inputs=inputs, pad=pad)


def _is_expressible(node: Node, kind: Kind) -> bool:
    """Whether the int8 kernels of all runtimes take the node in the form that it has."""
    if kind in ("conv", "linear"):
        constants = [node.args[1], node.args[2] if len(node.args) > 2 else None]
        return is_constant(constants[0]) and (constants[1] is None or is_constant(constants[1]))
    if kind in ("add", "mul"):
        both_data = all(isinstance(a, Node) and not is_constant(a) for a in node.args[:2])
        return both_data and not node.kwargs and (kind == "mul" or _same_shapes(node))
    if node.target is aten.mean.dim:
        # Over height and width, keeping them: the pooling that has kernels.
        keepdim = len(node.args) > 2 and node.args[2] is True
        return _rank(node.args[0]) == 4 and node.args[1] in ([2, 3], [-2, -1], [-1, -2]) and keepdim
    return True


def _is_zero_pad(node: Node) -> bool:
    """Padding with zeros, which every scale represents, read by this convolution alone."""
    value = node.args[2] if len(node.args) > 2 else 0
    return (
        node.target is aten.constant_pad_nd.default
        and isinstance(value, (int, float))
        and value == 0
        and len(node.users) == 1
    )


def _rank(value: object) -> int:
    assert isinstance(value, Node)
    return int(value.meta["val"].dim())


def _same_shapes(node: Node) -> bool:
    shapes = {tuple(a.meta["val"].shape) for a in node.args[:2] if isinstance(a, Node)}
    return len(shapes) == 1
