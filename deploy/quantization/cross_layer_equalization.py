"""Channel equalization: the same network with channels of like ranges, so that one scale fits all.

An int8 tensor has one scale for all its channels; a channel that uses a tenth of the range has a
tenth of the levels. Multiplying a channel where it is made and dividing it where it is read changes
nothing but the levels it gets (Nagel et al. 2019, arXiv 1906.04721, section 4.1).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import GraphModule, Node

from deploy.capture.program import (
    add_constant,
    aten,
    constant,
    graph_module,
    input_shape,
    is_constant,
    tidy,
)
from deploy.capture.proofs import constants_of, prove_rewrites
from deploy.quantization.calibrate import Observer, run_photos
from deploy.quantization.kernels import CLAMPS, clamp_bounds

# Where nothing clips. A channel that hardly ever speaks needs no more: its noise is nothing anyway.
LARGEST_GAIN = 16.0
# Before an upper clamp, where a gain costs the next layer's weights levels.
LARGEST_GAIN_CLAMPED = 2.0
# How high a photo not seen may drive a channel: HEADROOM times as high as any that was seen, or as
# comes once in 1 / RARE photos, where the highest TAIL of those seen say how fast large values grow
# rare.
HEADROOM = 2.0
TAIL = 1 / 8
RARE = 1e-4
# Of the loudest channel's. One with less on the middle photo is silent.
SPEAKS = 1 / 32


@dataclass
class Stream:
    """Tensors whose channels must share their gains, with who makes and who reads them."""

    channels: int
    tensors: list[Node] = field(default_factory=list)
    producers: list[Node] = field(default_factory=list)
    consumers: list[Node] = field(default_factory=list)
    bounds: dict[Node, float] = field(default_factory=dict)


def equalize(program: ExportedProgram, photos: Tensor) -> ExportedProgram:
    """`program` with channels of like ranges wherever that changes no result.

    `photos` (N, C, H, W) float32 show the ranges. Behind a ReLU6, channels grow at most to where
    it clips: results change for a photo that drives one higher than `reach` foretells from those.
    """
    module = graph_module(program)
    equalize_graph(module, photos)
    return torch.export.export(module, (torch.zeros(input_shape(program)),))


def prove_equalized(
    simplified: ExportedProgram,
    equalized: ExportedProgram,
    calibration: npt.NDArray[np.float32],
    inputs: npt.NDArray[np.float32],
) -> None:
    """Raise GateError where equalization changed a result, as far as it claims to change none.

    Where activations clip from above that is for the photos that it saw, `calibration`
    (N, C, H, W). Elsewhere for all, `inputs` among them.
    """

    def equalization(module: GraphModule) -> None:
        (dtype,) = {tensor.dtype for tensor in constants_of(module) if tensor.is_floating_point()}
        equalize_graph(module, torch.from_numpy(calibration).to(dtype))

    seen = inputs if is_exact(simplified) else calibration
    prove_rewrites(simplified, equalized, [("equalize", equalization)], seen)


def is_exact(program: ExportedProgram) -> bool:
    """Whether equalization changes no result of `program` for any photo: nothing clips there."""
    return not any(stream.bounds for stream in find_streams(graph_module(program)))


def equalize_graph(module: GraphModule, photos: Tensor) -> None:
    """The work of `equalize`, on the graph itself."""
    streams = find_streams(module)
    seen = peaks(module, streams, photos)
    for stream in streams:
        apply_gains(module, stream, _gains(stream, seen))
    tidy(module)


def find_streams(module: GraphModule) -> list[Stream]:
    """The sets of tensors whose channels can be scaled together, in graph order.

    A stream starts at convolutions and linears, runs through additions, pooling and clamps at
    zero, and ends at convolutions and linears. One that meets anything else is not returned.
    """
    union = _Union()
    for node in module.graph.nodes:
        if node.op == "placeholder":
            union.fix(node)
        elif node.op == "output" or node.op == "call_function":
            _connect(node, union)
    streams: dict[Node, Stream] = {}
    for node in module.graph.nodes:
        if node.op != "call_function" or union.is_fixed(node):
            continue
        shape = node.meta["val"].shape
        stream = streams.setdefault(union.find(node), Stream(channels=shape[1]))
        if _is_product(node):
            stream.producers.append(node)
        if node.target in CLAMPS and math.isfinite(upper := clamp_bounds(node)[1]):
            stream.bounds[node] = upper
        # What a clamp reads is never a tensor of its own.
        if not (len(node.users) == 1 and next(iter(node.users)).target in CLAMPS):
            stream.tensors.append(node)
        stream.consumers += [user for user in node.users if _is_product(user)]
    return [stream for stream in streams.values() if stream.producers and stream.consumers]


def peaks(module: GraphModule, streams: Iterable[Stream], photos: Tensor) -> dict[str, Tensor]:
    """The largest magnitude of each channel on each photo, (N, C), by the names of tensors."""
    wanted = {node.name for stream in streams for node in (*stream.tensors, *stream.bounds)}
    seen: dict[str, list[Tensor]] = {}

    def observe(name: str, value: Tensor) -> None:
        if name in wanted:
            seen.setdefault(name, []).append(value.abs().transpose(0, 1).flatten(1).amax(1))

    run_photos(Observer(module, observe), photos)
    return {name: torch.stack(values) for name, values in seen.items()}


def reach(seen: Tensor) -> Tensor:
    """How high photos not seen may drive each channel, (C,), of its peaks (N, C) on those `seen`.

    Infinite for a channel that is silent on half of the photos, for it may be there for what none
    of them shows: the classes of a network are many more than its calibration photos. Otherwise by
    an exponential tail above a high threshold (Coles 2001, An Introduction to Statistical Modeling
    of Extreme Values, section 4.2; shape 0).
    """
    falling = seen.sort(0, descending=True).values
    above = max(round(TAIL * len(seen)), 1)
    threshold = falling[min(above, len(seen) - 1)]
    scale = (falling[:above] - threshold).mean(0)
    rare = threshold + scale * math.log(above / len(seen) / RARE)
    middle = falling[len(seen) // 2]
    speaks = middle > SPEAKS * middle.max()
    return torch.where(speaks, torch.maximum(rare, HEADROOM * falling[0]), torch.inf)


def room(stream: Stream, seen: Mapping[str, Tensor]) -> Tensor:
    """The largest gain of each channel (C,), from peaks (N, C): one with which nothing reaches the
    upper clamps of `stream`; never less than 1."""
    if not stream.bounds:
        return torch.full((stream.channels,), LARGEST_GAIN)
    free = torch.full((stream.channels,), LARGEST_GAIN_CLAMPED)
    for node, upper in stream.bounds.items():
        free = torch.minimum(free, upper / reach(seen[node.name]).clamp_min(1e-12))
    return free.clamp_min(1.0)


def _gains(stream: Stream, seen: Mapping[str, Tensor]) -> Tensor:
    """(C,) gains >= 1: what brings each channel to its tensor's full range, over all tensors of
    the stream by geometric mean, as far as there is room."""
    wished = torch.zeros(stream.channels)
    for node in stream.tensors:
        channel = seen[node.name].amax(0)
        wished += (channel.max() / channel.clamp_min(1e-12)).log()
    return (wished / len(stream.tensors)).exp().minimum(room(stream, seen)).clamp_min(1.0)


def apply_gains(module: GraphModule, stream: Stream, gains: Tensor) -> None:
    """Multiply the channels of `stream` by `gains` (C,) where made, divide them where read."""
    for node in stream.producers:
        weight, bias = constant(module, node.args[1]), bias_of(module, node)
        assert weight is not None
        of_outputs = gains.to(weight.dtype).view(-1, *[1] * (weight.dim() - 1))
        set_constant(module, node, 1, weight * of_outputs)
        if bias is not None:
            set_constant(module, node, 2, bias * gains.to(bias.dtype))
    for node in stream.consumers:
        weight = constant(module, node.args[1])
        assert weight is not None
        axis = 0 if _is_depthwise(node) else 1
        shape = [1] * weight.dim()
        shape[axis] = -1
        set_constant(module, node, 1, weight / gains.to(weight.dtype).view(shape))


def set_constant(module: GraphModule, node: Node, index: int, value: Tensor) -> None:
    """Give `node` a constant of its own as argument `index`."""
    with module.graph.inserting_before(node):
        name = f"{node.name}_equalized_{index}"
        new = add_constant(module, name, value)
    node.update_arg(index, new)


def bias_of(module: GraphModule, node: Node) -> Tensor | None:
    """The constant bias of a convolution or linear; None without one."""
    return constant(module, node.args[2]) if len(node.args) > 2 else None


def _connect(node: Node, union: _Union) -> None:
    """Join `node` with what it reads, or fix what cannot be scaled."""
    data = [arg for arg in node.all_input_nodes if not is_constant(arg)]
    if node.op == "output":
        union.fix(*data)
    elif _is_product(node):
        return
    elif node.target in (aten.conv2d.default, aten.linear.default):
        union.fix(node, *data)
    elif _is_linear_by_channel(node):
        union.join(node, *data)
    elif node.target is aten.mul.Tensor and _is_gated(node):
        x, gate = data
        union.join(node, x)
        union.fix(gate)
    else:
        union.fix(node, *data)


def _is_product(node: Node) -> bool:
    """A convolution or a linear whose weights' channels are plain to see: dense or depthwise."""
    if node.target not in (aten.conv2d.default, aten.linear.default):
        return False
    x, weight = node.args[:2]
    if not isinstance(x, Node) or is_constant(x) or not is_constant(weight):
        return False
    dims = 2 if node.target is aten.linear.default else 4
    groups = node.args[6] if len(node.args) > 6 else 1
    return len(_shape(x)) == dims and bool(groups == 1 or _is_depthwise(node))


def _is_depthwise(node: Node) -> bool:
    if node.target is not aten.conv2d.default or len(node.args) < 7:
        return False
    x, weight = node.args[:2]
    assert isinstance(x, Node)
    assert isinstance(weight, Node)
    channels = _shape(x)[1]
    return bool(node.args[6] == channels == _shape(weight)[0]) and channels > 1


def _is_linear_by_channel(node: Node) -> bool:
    """Whether a gain >= 1 on a channel of what is read is the same gain on what is made."""
    data = [arg for arg in node.args if isinstance(arg, Node) and not is_constant(arg)]
    if node.target in (aten.relu.default, aten.relu_.default, aten.max_pool2d.default):
        return True
    if node.target is aten.mean.dim:
        return len(_shape(data[0])) == 4 and node.args[1:] == ([2, 3], True)
    if node.target is aten.add.Tensor:
        return len(data) == 2 and _shape(data[0]) == _shape(data[1]) and not node.kwargs
    if node.target in CLAMPS:
        return clamp_bounds(node)[0] == 0
    if node.target is aten.constant_pad_nd.default:
        is_zero = len(node.args) < 3 or node.args[2] == 0
        return bool(is_zero) and _shape(node)[:2] == _shape(data[0])[:2]
    if node.target is aten.flatten.using_ints:
        return _shape(data[0])[2:] == (1, 1) and len(_shape(node)) == 2
    return False


def _is_gated(node: Node) -> bool:
    """A tensor times one value a channel, as in squeeze-and-excitation."""
    x, gate = node.args[:2]
    if not (isinstance(x, Node) and isinstance(gate, Node)) or is_constant(x) or is_constant(gate):
        return False
    return _shape(x) == _shape(node) and _shape(gate)[2:] == (1, 1)


def _shape(node: Node) -> tuple[int, ...]:
    return tuple(node.meta["val"].shape)


class _Union:
    """Disjoint sets of nodes, some of them fixed (union-find)."""

    def __init__(self) -> None:
        self._parents: dict[Node, Node] = {}
        self._fixed: set[Node] = set()

    def find(self, node: Node) -> Node:
        while (parent := self._parents.get(node, node)) is not node:
            node = parent
        return node

    def join(self, *nodes: Node) -> None:
        first, *rest = (self.find(node) for node in nodes)
        for other in rest:
            if other is not first:
                self._parents[other] = first
                if other in self._fixed:
                    self._fixed.add(first)

    def fix(self, *nodes: Node) -> None:
        self._fixed.update(self.find(node) for node in nodes)

    def is_fixed(self, node: Node) -> bool:
        return self.find(node) in self._fixed
