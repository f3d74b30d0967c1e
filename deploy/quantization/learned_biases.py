"""Biases learned by gradient: what roundings shift on the way is taken back.

Rounding a large flat area, or values below half a step, is no noise that averages out: it shifts
what comes after, and shifts add up over the layers. Learned rounding leaves no mean error in any
one layer; what they make together only the logits show. So the finished int8 program is run, and
its biases follow the gradient of the difference from float, straight through the roundings. They
are few and no weight changes, so that photos are not learnt by heart (bias tuning of Hubara et al.
2020, arXiv 2006.10518).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Interpreter

from deploy.quantization.ptq import Decisions
from deploy.quantization.simulate import Simulator
from deploy.quantization.train import train

# Of Adam, in steps of what the layer makes.
RATE = 0.005

Shifts = Mapping[str, Tensor]
"""What is added to the bias (out,) of each convolution or linear, by the names of their nodes."""


def learn_biases(
    module: GraphModule,
    decisions: Decisions,
    photos: Tensor,
    *,
    apart: Tensor,
    steps: int,
    progress: Callable[[int, int], None] | None = None,
) -> Decisions:
    """`decisions` with the biases that bring the logits of `photos` (N, C, H, W) closer to float.

    The photos `apart` (N,), bool, teach nothing and tell when it was best; where nothing is gained
    on those, all stays as it is. The same photos give the same.
    """
    shifts = train(_Student(module, decisions), photos, apart=apart, steps=steps, progress=progress)
    weights = {
        name: replace(chosen, bias=chosen.bias + shifts[name].numpy())
        for name, chosen in decisions.weights.items()
    }
    return replace(decisions, weights=weights)


class _Student(Simulator):
    """The int8 program whose biases are to be learned."""

    def __init__(self, module: GraphModule, decisions: Decisions) -> None:
        super().__init__(module, decisions)
        self._float = Interpreter(module)
        made = {kernel.node: kernel.output for kernel in decisions.kernels}
        self._steps = {name: decisions.activations[made[name]].scale for name in decisions.weights}
        self._shifts = {
            name: torch.zeros(len(chosen.bias), requires_grad=True)
            for name, chosen in decisions.weights.items()
        }

    def bias(self, name: str) -> Tensor:
        return super().bias(name) + self._steps[name] * self._shifts[name]

    def groups(self) -> list[dict[str, Any]]:
        return [{"params": list(self._shifts.values()), "lr": RATE}]

    def add_gradients(self, photos: Tensor) -> None:
        with torch.no_grad():
            wanted = torch.cat([self.float_logits(photo[None]) for photo in photos])
        energy = wanted.square().sum().clamp_min(1e-12)
        for photo, logits in zip(photos, wanted, strict=True):
            error = (self.int8_logits(photo[None]) - logits).square().sum()
            torch.autograd.backward(error / energy)

    def float_logits(self, photo: Tensor) -> Tensor:
        logits: Tensor = self._float.run(photo)
        return logits

    def int8_logits(self, photo: Tensor) -> Tensor:
        logits: Tensor = self.run(photo)
        return logits

    def keep_exact(self) -> None:
        pass

    def learned(self) -> Shifts:
        return {
            name: self._steps[name] * shift.detach().clone() for name, shift in self._shifts.items()
        }
