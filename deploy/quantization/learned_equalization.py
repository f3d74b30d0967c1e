"""Equalization and ranges learned by gradient: the gains and steps that the logits want.

Equalization by the largest values of channels knows neither what a channel's error does to the
logits nor which values are worth clipping, and ranges that are priced one by one know nothing of
each other. Here the program with its roundings is run beside the float one, and gains and ranges
follow the gradient of the difference, straight through the roundings. Gains change nothing that is
computed but the levels that each channel gets, and weights stay as they are, so that a hundred
photos cannot be learnt by heart (Shao et al. 2023, OmniQuant, arXiv 2308.13137, section 3.3:
learnable equivalent transformation; ranges as in Esser et al. 2019, LSQ, arXiv 1902.08153).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import GraphModule, Node

from deploy.capture.program import aten, graph_module, input_shape, is_constant, tidy
from deploy.capture.proofs import prove_rewrites
from deploy.quantization.activations import with_measured_ranges
from deploy.quantization.cross_layer_equalization import (
    Stream,
    apply_gains,
    find_streams,
    peaks,
    room,
)
from deploy.quantization.ptq import Decisions
from deploy.quantization.ranges import INT8_MAX, INT8_MIN, QParams
from deploy.quantization.simulate import Simulator
from deploy.quantization.train import train

# Of logarithms for gains and scales, of codes for zero points.
GAIN_RATE, SCALE_RATE, ZERO_POINT_RATE = 0.03, 0.01, 0.5
# The last feature map says more of each photo than its logits do, and is what they are made of.
FEATURE_SHARE = 0.5


@dataclass(frozen=True, kw_only=True)
class Learned:
    """Gains (C,) for each stream in graph order, and the ranges of tensors by their names."""

    gains: tuple[Tensor, ...]
    ranges: Mapping[str, QParams]


def learn_equalization(
    program: ExportedProgram,
    decisions: Decisions,
    photos: Tensor,
    *,
    apart: Tensor,
    steps: int,
    progress: Callable[[int, int], None] | None = None,
) -> Learned:
    """Gains and ranges with which the int8 `program` answers as in float on `photos` (N, C, H, W).

    `decisions` are those for `program` as it is, where learning starts. The photos `apart` (N,),
    bool, teach nothing and tell when it was best; where nothing is gained on those, all stays as it
    is. The same photos give the same.
    """
    student = _Student(graph_module(program), decisions, photos)
    return train(student, photos, apart=apart, steps=steps, progress=progress)


def equalize_as_learned(
    program: ExportedProgram, learned: Learned
) -> tuple[ExportedProgram, dict[str, QParams]]:
    """`program` with the gains of `learned`, and the ranges of its tensors by their names there."""
    module = graph_module(program)
    apply_learned(module, learned)
    equalized = torch.export.export(module, (torch.zeros(input_shape(program)),))
    names = zip(_tensors(graph_module(program)), _tensors(graph_module(equalized)), strict=True)
    return equalized, {new: learned.ranges[old] for old, new in names if old in learned.ranges}


def prove_learned(
    before: ExportedProgram,
    after: ExportedProgram,
    learned: Learned,
    calibration: npt.NDArray[np.float32],
) -> None:
    """Raise GateError where the gains of `learned` changed a result on `calibration`.

    As with equalization, other photos may drive a channel into a clamp that those did not.
    """

    def learned_equalization(module: GraphModule) -> None:
        apply_learned(module, learned)

    rewrites = [("learned equalization", learned_equalization)]
    prove_rewrites(before, after, rewrites, calibration)


def apply_learned(module: GraphModule, learned: Learned) -> None:
    """Apply the gains of `learned` to the graph itself."""
    for stream, gains in zip(find_streams(module), learned.gains, strict=True):
        apply_gains(module, stream, gains)
    tidy(module)


class _Student:
    """The float program and its int8 self, whose gains and ranges are to be learnt.

    A tensor of a stream is rounded channel by channel in steps of scale / gain, which is what its
    one scale is where the channel has been multiplied by its gain.
    """

    def __init__(self, module: GraphModule, decisions: Decisions, photos: Tensor) -> None:
        self._decisions = decisions
        streams = find_streams(module)
        seen = peaks(module, streams, photos)
        self._bounds = [_bounds(stream, seen) for stream in streams]
        self._gains = [torch.zeros(len(low), requires_grad=True) for low, _ in self._bounds]
        self._stream_of = {
            node.name: index for index, stream in enumerate(streams) for node in stream.tensors
        }
        measured = with_measured_ranges(module, decisions.kernels, decisions.sensitivity.moved)
        clamped = {k.output: k.bounds for k in decisions.kernels if k.clamp is not None}
        self._scales: dict[str, Tensor] = {}
        self._largest_scales: dict[str, float] = {}
        self._zero_points: dict[str, Tensor] = {}
        for name, q in decisions.activations.items():
            if name == self._source(name):
                learns = name in measured
                self._scales[name] = torch.zeros((), requires_grad=learns)
                moves = learns and name not in clamped
                self._zero_points[name] = torch.tensor(float(q.zero_point), requires_grad=moves)
                if learns and name in clamped:
                    largest_scale = _largest_saturating(q.zero_point, clamped[name])
                    self._largest_scales[name] = math.log(max(largest_scale / q.scale, 1.0))
        self._runner = _Runner(module, decisions, self._round)

    def groups(self) -> list[dict[str, Any]]:
        """What is learnt, with its rates."""
        groups = [
            (self._gains, GAIN_RATE),
            ([*self._scales.values()], SCALE_RATE),
            ([*self._zero_points.values()], ZERO_POINT_RATE),
        ]
        return [
            {"params": [tensor for tensor in tensors if tensor.requires_grad], "lr": rate}
            for tensors, rate in groups
            if any(tensor.requires_grad for tensor in tensors)
        ]

    def keep_exact(self) -> None:
        """Bring gains back to where no clamp is reached, ranges to where a clamp costs nothing."""
        with torch.no_grad():
            for name, highest in self._largest_scales.items():
                self._scales[name].clamp_(max=highest)
            for gain, (low, high) in zip(self._gains, self._bounds, strict=True):
                gain.copy_(torch.minimum(torch.maximum(gain, low), high))

    def learned(self) -> Learned:
        ranges = {}
        for name, scale in self._scales.items():
            if scale.requires_grad:
                # Through float32, in which every runtime stores the scale.
                step = torch.tensor(self._decisions.activations[name].scale) * scale.detach().exp()
                zero_point = round(float(self._zero_points[name].detach()))
                ranges[name] = QParams(float(step), min(max(zero_point, INT8_MIN), INT8_MAX))
        return Learned(gains=tuple(gain.detach().exp() for gain in self._gains), ranges=ranges)

    def add_gradients(self, photos: Tensor) -> None:
        """Add those of the difference from float, over all of `photos` and relative to float.

        One photo after another: the batch of one may be written into the program.
        """
        with torch.no_grad():
            wanted = [self.run_float(photo[None]) for photo in photos]
        energies = [_energy([each[i] for each in wanted]) for i in range(2)]
        for photo, (logits, features) in zip(photos, wanted, strict=True):
            own_logits, own_features = self.run_int8(photo[None])
            loss = (own_logits - logits).square().sum() / energies[0]
            if features is not None and own_features is not None:
                of_features = (own_features - features).square().sum() / energies[1]
                loss = loss + FEATURE_SHARE * of_features
            torch.autograd.backward(loss)

    def float_logits(self, photo: Tensor) -> Tensor:
        """Logits (1, classes) of the float program for one `photo` (1, C, H, W)."""
        return self.run_float(photo)[0]

    def int8_logits(self, photo: Tensor) -> Tensor:
        """The same of the program with activations in int8."""
        return self.run_int8(photo)[0]

    def run_float(self, photos: Tensor) -> tuple[Tensor, Tensor | None]:
        """Logits (N, classes) and the last feature map (N, C, H, W), where there is one."""
        self._runner.rounds = False
        return self._runner.answer(photos)

    def run_int8(self, photos: Tensor) -> tuple[Tensor, Tensor | None]:
        """The same of the program with activations in int8."""
        self._runner.rounds = True
        return self._runner.answer(photos)

    def _source(self, name: str) -> str:
        return self._decisions.sensitivity.moved.get(name, (name, ""))[0]

    def _round(self, name: str, value: Tensor) -> Tensor:
        source, stream = self._source(name), self._stream_of.get(name)
        scale = self._decisions.activations[name].scale * self._scales[source].exp()
        zero_point = self._zero_points[source]
        if stream is None:
            return torch._fake_quantize_learnable_per_tensor_affine(
                value, scale[None], zero_point[None], INT8_MIN, INT8_MAX, 1.0
            )
        scales = scale / self._gains[stream].exp()
        return torch._fake_quantize_learnable_per_channel_affine(
            value, scales, zero_point.repeat(len(scales)), 1, INT8_MIN, INT8_MAX, 1.0
        )


class _Runner(Simulator):
    """Runs the graph with its own weights, rounding by `rounding(name, value)` or not at all."""

    def __init__(
        self,
        module: GraphModule,
        decisions: Decisions,
        rounding: Callable[[str, Tensor], Tensor],
    ) -> None:
        super().__init__(module, replace(decisions, weights={}))
        self._rounding = rounding
        self.rounds = True
        self._features: Tensor | None = None
        pools = [node for node in module.graph.nodes if node.target is aten.mean.dim]
        self._last = pools[-1].args[0] if pools else None

    def answer(self, photos: Tensor) -> tuple[Tensor, Tensor | None]:
        """Logits (N, classes) and the last feature map (N, C, H, W), where there is one."""
        return self.run(photos), self._features

    def rounded(self, name: str, value: Tensor) -> Tensor:
        return self._rounding(name, value) if self.rounds else value

    def run_node(self, n: Node) -> object:
        value = super().run_node(n)
        if n is self._last:
            assert isinstance(value, Tensor)
            self._features = value
        return value


def _bounds(stream: Stream, seen: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The least and largest logarithm of each channel's gain, (C,): no clamp may be reached."""
    high = room(stream, seen).log()
    return (torch.zeros_like(high) if stream.bounds else -high), high


def _largest_saturating(zero_point: int, bounds: tuple[float, float]) -> float:
    """The largest scale with which codes end where the clamp does, which is then for nothing."""
    low, high = bounds
    ends = [high / max(INT8_MAX - zero_point, 1), -low / max(zero_point - INT8_MIN, 1)]
    if zero_point == INT8_MIN:
        ends.pop()
    return min(ends)


def _tensors(module: GraphModule) -> list[str]:
    """What is computed from the photo, in order: the same of a program and of it equalized."""
    return [node.name for node in module.graph.nodes if not is_constant(node)]


def _energy(tensors: Iterable[Tensor | None]) -> float:
    total = sum(float(tensor.square().sum()) for tensor in tensors if tensor is not None)
    return max(total, 1e-12)
