"""What a network costs: parameters, multiply-accumulates (MACs), memory; and what it saves.

Plain numbers and the arithmetic on them; `models.cost` takes them from a network.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

Shape = tuple[int, ...]

WEIGHT_BYTES = {"fp32": 4, "fp16": 2, "int8": 1}
# int8 keeps a float32 scale for each output channel, and biases in 32 bits (int32 or float32).
SCALE_BYTES = 4
BIAS_BYTES = {"fp32": 4, "fp16": 2, "int8": 4}


@dataclass(frozen=True, kw_only=True)
class Cost:
    """`params`: trained numbers. `macs`: multiply-adds of one input, as the papers count them."""

    params: int
    macs: int


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A convolution, a fully connected layer, a pooling, or whatever else has parameters.

    `name` is that of the module that has the parameters, "" without any. `kind` is conv, depthwise,
    pointwise, grouped, transposed, linear, matmul (of two activations), pool, unused (parameters
    that no operator reads) or else the operator's own name. Shapes are without the batch, a
    convolution's (C, H, W); `kernel` and `stride` are None where there are none.

    `params` include those of the batch norm, and of any other elementwise operator, that follows.
    `weights` are those of the kernel alone. `biases` are what stands beside the kernel once the
    batch norm is folded into it: one a channel where there was a bias or a batch norm.
    """

    name: str
    kind: str
    kernel: Shape | None = None
    stride: Shape | None = None
    input: Shape
    output: Shape
    params: int
    weights: int = 0
    biases: int
    macs: int = 0

    @property
    def channels(self) -> int:
        """Output channels of the kernel, each with a scale of its own in int8; 0 without one."""
        if not self.weights:
            return 0
        return self.output[-1] if self.kind == "linear" else self.output[0]

    def bytes(self, precision: str) -> int:
        """Of the weights as stored in `precision`, a key of WEIGHT_BYTES."""
        scales = self.channels * SCALE_BYTES if precision == "int8" else 0
        kernel = self.weights * WEIGHT_BYTES[precision]
        return kernel + scales + self.biases * BIAS_BYTES[precision]


@dataclass(frozen=True, kw_only=True)
class Separable:
    """A depthwise separable convolution beside the standard one that it replaces.

    The standard convolution has the kernel and stride of the depthwise one, and as many channels
    in and out as the pair (arXiv 1704.04861, section 3.1).
    """

    depthwise: Layer
    pointwise: Layer

    @property
    def own(self) -> Cost:
        return Cost(
            params=self.depthwise.params + self.pointwise.params,
            macs=self.depthwise.macs + self.pointwise.macs,
        )

    @property
    def standard(self) -> Cost:
        """With the bias or batch norm that the pointwise convolution has."""
        kernel = self._taps * self.depthwise.input[0] * self.pointwise.output[0]
        beside = self.pointwise.params - self.pointwise.weights
        return Cost(params=kernel + beside, macs=kernel * math.prod(self.pointwise.output[1:]))

    @property
    def ratio(self) -> float:
        """Of the MACs, as counted."""
        return self.own.macs / self.standard.macs

    @property
    def predicted(self) -> float:
        """The same by the paper's formula: 1/N + 1/Dk^2 for N channels out and Dk x Dk kernels.

        Where the depthwise convolution makes m channels of each, m times that.
        """
        multiplier = self.depthwise.output[0] / self.depthwise.input[0]
        return multiplier * (1 / self.pointwise.output[0] + 1 / self._taps)

    @property
    def _taps(self) -> int:
        assert self.depthwise.kernel is not None
        return math.prod(self.depthwise.kernel)


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Activations at their peak, and the layer (its name, or its kind without one) it is at.

    `peak_elements` are those of all tensors that are alive at once: what a layer reads, what it
    writes, and what a later one still needs, such as a shortcut. Batch norms and activations work
    in place, as every runtime fuses them; nothing else does.
    """

    peak_elements: int
    peak_at: str

    def peak_bytes(self, precision: str) -> int:
        return self.peak_elements * WEIGHT_BYTES[precision]


@dataclass(frozen=True, kw_only=True)
class NetworkCost:
    """`layers` in the order in which they run, and the depthwise separable pairs among them."""

    layers: tuple[Layer, ...]
    separable: tuple[Separable, ...]
    memory: Memory

    @property
    def total(self) -> Cost:
        return Cost(
            params=sum(layer.params for layer in self.layers),
            macs=sum(layer.macs for layer in self.layers),
        )

    @property
    def standard(self) -> Cost:
        """The total, as if every separable convolution were the standard one."""
        params, macs = self.total.params, self.total.macs
        for pair in self.separable:
            params += pair.standard.params - pair.own.params
            macs += pair.standard.macs - pair.own.macs
        return Cost(params=params, macs=macs)

    def weight_bytes(self, precision: str) -> int:
        """Of all weights with batch norms folded; `precision` is a key of WEIGHT_BYTES.

        fp32: 4 (W + B), fp16: 2 (W + B), int8: W + 4 C + 4 B, for W kernel weights, B biases (and
        what else stays in float), C output channels, each with a float32 scale.
        """
        return sum(layer.bytes(precision) for layer in self.layers)
