"""The int8 program as every backend means it, simulated in float: quick enough to try many."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Interpreter, Node
from torch.fx.node import map_arg

from deploy.quantization.calibrate import run_photos
from deploy.quantization.ptq import Decisions, QuantizedWeights
from deploy.quantization.ranges import dequantize_weight, fake_quantize


def simulate(module: GraphModule, decisions: Decisions, photos: Tensor) -> Tensor:
    """Logits (N, classes) of `module` in int8 by `decisions` for `photos` (N, C, H, W) float32."""
    return torch.cat(run_photos(Simulator(module, decisions), photos))


class Simulator(Interpreter):
    """Runs `module` as its int8 program computes, with gradients straight through the roundings."""

    def __init__(self, module: GraphModule, decisions: Decisions) -> None:
        super().__init__(module)
        self._activations = decisions.activations
        self._made = {kernel.output for kernel in decisions.kernels} & decisions.activations.keys()
        self._reads = {
            (kernel.reader, name)
            for kernel in decisions.kernels
            for name in kernel.inputs
            if name in decisions.activations
        }
        self._weights = {name: _weight(weights) for name, weights in decisions.weights.items()}
        self._biases = {
            name: torch.from_numpy(weights.bias) for name, weights in decisions.weights.items()
        }

    def bias(self, name: str) -> Tensor:
        """The bias (out,) of the convolution or linear `name`."""
        return self._biases[name]

    def rounded(self, name: str, value: Tensor) -> Tensor:
        """The tensor `name` through int8 and back."""
        return fake_quantize(value, self._activations[name])

    def run_node(self, n: Node) -> object:
        if (weight := self._weights.get(n.name)) is not None:
            (x, _, *options), kwargs = self.fetch_args_kwargs_from_env(n)
            assert callable(n.target)
            value = n.target(x, weight, self.bias(n.name), *options[1:], **kwargs)
        else:
            value = super().run_node(n)
        if n.name in self._made:
            assert isinstance(value, Tensor)
            value = self.rounded(n.name, value)
        return value

    def fetch_args_kwargs_from_env(self, n: Node) -> tuple[tuple[Any, ...], dict[str, Any]]:
        def read(node: Node) -> Any:
            value = self.env[node]
            # What a float operator made: only int8 kernels read its integers.
            if node.name not in self._made and (n.name, node.name) in self._reads:
                value = self.rounded(node.name, value)
            return value

        return map_arg(n.args, read), map_arg(n.kwargs, read)


def _weight(weights: QuantizedWeights) -> Tensor:
    return dequantize_weight(torch.from_numpy(weights.codes), torch.from_numpy(weights.scales))
