"""Writing the decisions into a PT2E program, in the dialect that a backend looks for."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Literal

import torch

# Registers the quantized_decomposed operators.
import torch.ao.quantization.fx._decomposed
from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import GraphModule, Node

from deploy.capture.program import add_constant, aten, graph_module, input_shape, tidy
from deploy.quantization.kernels import Kernel, only_read_by_hardswish
from deploy.quantization.ptq import Decisions, QuantizedWeights
from deploy.quantization.ranges import QParams

qd = torch.ops.quantized_decomposed

# Values only move: whatever scale they are to have, they may have it before.
_MOVED_BY_CODES = (
    aten.cat.default,
    aten.constant_pad_nd.default,
    aten.permute.default,
    aten.transpose.int,
    aten.slice.Tensor,
    aten.view.default,
    aten.reshape.default,
    aten.flatten.using_ints,
    aten.squeeze.dim,
    aten.unsqueeze.default,
)


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a backend wants the same decisions spelt.

    `unsigned`: activations as uint8 (zero point + 128) instead of int8.
    `integer_bias`: biases as int32 constants in steps of input scale * weight scale.
    `hardswish`: "kernel" between quantized tensors, "fused" to the convolution before it without
    a quantize in between, or two int8 "products".
    `one_scale_moves`: what is concatenated, padded or transposed has the result's scale before.
    """

    unsigned: bool = False
    integer_bias: bool = False
    hardswish: Literal["kernel", "fused", "products"] = "kernel"
    one_scale_moves: bool = False


# XNNPACK makes a look-up table of dequantize -> hardswish -> quantize, and a kernel that only moves
# codes of dequantize -> cat -> quantize: a file where those scales differ does not load.
XNNPACK = Dialect(one_scale_moves=True)
# Core ML computes convolution and hard-swish as one kernel, better without rounding in between.
COREML = Dialect(hardswish="fused")
# On x86 only uint8 activations with int8 weights reach onnxruntime's quick kernels, and only
# an integer bias is certain to be fused (QLinearConv keeps the integers alone).
# It has no int8 hard-swish, but int8 products.
ONNXRUNTIME = Dialect(unsigned=True, integer_bias=True, hardswish="products")


def write_program(
    program: ExportedProgram, decisions: Decisions, dialect: Dialect
) -> ExportedProgram:
    """A PT2E program: the float `program` with quantize and dequantize nodes by `decisions`.

        x -> conv(W) -> hardtanh -> y
    becomes
        x -> q -> dq -> conv(dq(W int8)) -> q -> dq -> y

    The clamp is gone where saturation does the same; it stays where it does not.
    """
    module = copy.deepcopy(graph_module(program))
    writer = _Writer(module, decisions, dialect)
    for kernel in decisions.kernels:
        writer.write_constants(kernel)
        writer.drop_clamp(kernel)
        if kernel.kind == "hardswish" and dialect.hardswish == "products":
            writer.write_products(kernel)
    for name in decisions.activations:
        writer.quantize_tensor(name)
    if dialect.one_scale_moves:
        writer.rescale_moves()
    tidy(module)
    return torch.export.export(module, (torch.zeros(input_shape(program)),))


class _Writer:
    def __init__(self, module: GraphModule, decisions: Decisions, dialect: Dialect) -> None:
        self.module = module
        self.decisions = decisions
        self.dialect = dialect
        self.nodes = {node.name: node for node in module.graph.nodes}
        # The kernels by the nodes that read their inputs.
        self.kernels = {kernel.reader: kernel for kernel in decisions.kernels}
        self.outputs = {kernel.output for kernel in decisions.kernels}
        # Where a tensor is produced, once its clamp may have been dropped.
        self.producers = dict(self.nodes)
        self.before_hardswish = only_read_by_hardswish(module)

    def write_constants(self, kernel: Kernel) -> None:
        """Replace the float weight (and bias) by integer constants behind a dequantize."""
        if (weights := self.decisions.weights.get(kernel.node)) is None:
            return
        node = self.nodes[kernel.node]
        codes, scales = torch.from_numpy(weights.codes), torch.from_numpy(weights.scales)
        with self.module.graph.inserting_before(node):
            bias = self._bias(kernel, scales, weights)
            zeros = torch.zeros_like(scales, dtype=torch.int64)
            zero_points = add_constant(self.module, f"{kernel.node}_weight_zero_points", zeros)
            weight = self._per_channel(f"{kernel.node}_weight", codes, scales, zero_points)
        node.args = (node.args[0], weight, bias, *node.args[3:])

    def _bias(self, kernel: Kernel, weight_scales: Tensor, weights: QuantizedWeights) -> Node:
        name, bias = f"{kernel.node}_bias", torch.from_numpy(weights.bias)
        if not self.dialect.integer_bias:
            return add_constant(self.module, name, bias)
        scales = weight_scales * self.decisions.activations[kernel.inputs[0]].scale
        codes = (bias.double() / scales.double()).round().to(torch.int32)
        return self._per_channel(name, codes, scales, None)

    def _per_channel(
        self, name: str, codes: Tensor, scales: Tensor, zero_points: Node | None
    ) -> Node:
        info = torch.iinfo(codes.dtype)
        return self.module.graph.call_function(
            qd.dequantize_per_channel.default,
            (
                add_constant(self.module, f"{name}_codes", codes),
                add_constant(self.module, f"{name}_scales", scales),
                zero_points,
                0,
                info.min,
                info.max,
                codes.dtype,
            ),
        )

    def drop_clamp(self, kernel: Kernel) -> None:
        q = self.decisions.activations.get(kernel.output)
        if kernel.clamp is None or q is None or not q.saturates(kernel.bounds):
            return
        clamp, node = self.nodes[kernel.clamp], self.nodes[kernel.node]
        clamp.replace_all_uses_with(node)
        self.producers[kernel.output] = node
        self.module.graph.erase_node(clamp)

    def write_products(self, kernel: Kernel) -> None:
        """y = hardswish(x)        becomes        gate = dq(q(x * 1/6)), y = x * gate

        The gate hardsigmoid(x) = clamp(x / 6 + 1/2, 0, 1) costs no operator: the quantize has
        zero point 128, and the dequantize reads the same codes with another zero point, which adds
        the half. With 254 steps and zero point 1 that is exactly a half, and x > 3 saturates at 1;
        below -3 the gate would be -1/254, but what only a hard-swish reads starts there. Where x
        goes on below, 255 steps and zero point 0 saturate at both ends, half a step too high.
        """
        node, graph = self.nodes[kernel.node], self.module.graph
        x = node.args[0]
        steps, zero_point = (254, 1) if kernel.inputs[0] in self.before_hardswish else (255, 0)
        with graph.inserting_before(node):
            one = add_constant(self.module, f"{node.name}_one", torch.tensor(1, dtype=torch.uint8))
            sixth = graph.call_function(
                qd.dequantize_per_tensor.default, (one, 1 / 6, 0, 0, 255, torch.uint8)
            )
            scaled = graph.call_function(aten.mul.Tensor, (x, sixth))
            codes = graph.call_function(
                qd.quantize_per_tensor.default, (scaled, 1 / steps, 128, 0, 255, torch.uint8)
            )
            gate = graph.call_function(
                qd.dequantize_per_tensor.default,
                (codes, 1 / steps, zero_point, 0, 255, torch.uint8),
            )
            product = graph.call_function(aten.mul.Tensor, (x, gate))
        node.replace_all_uses_with(product)
        graph.erase_node(node)
        self.producers[kernel.output] = product
        # Both read the tensor that the kernel did.
        self.kernels |= {scaled.name: kernel, product.name: kernel}

    def quantize_tensor(self, name: str) -> None:
        """Quantize a tensor once, and give each of its int8 consumers a dequantize of its own.

        A float consumer reads the integers too if an int8 kernel produced them (there is nothing
        else to read), and the float value if a float operator did.
        """
        if self.dialect.hardswish == "fused" and name in self.before_hardswish:
            return
        producer = self.producers[name]
        users = [
            user for user in producer.users if name in self.outputs or self._reads(user.name, name)
        ]
        args = self._quantization_args(self.decisions.activations[name])
        graph = self.module.graph
        with graph.inserting_after(producer):
            codes = graph.call_function(qd.quantize_per_tensor.default, (producer, *args))
        for user in users:
            with graph.inserting_before(user):
                value = graph.call_function(qd.dequantize_per_tensor.default, (codes, *args))
            user.replace_input_with(producer, value)

    def rescale_moves(self) -> None:
        """cat(a, b) -> q        becomes        cat(dq(q(a)), dq(q(b))) -> q

        with the scale of the last q in all of the new ones, and so on before a and b: the same
        codes, rounded before the values move instead of behind.
        """
        graph = self.module.graph
        for move in [node for node in reversed(graph.nodes) if node.target in _MOVED_BY_CODES]:
            if [user.target for user in move.users] != [qd.quantize_per_tensor.default]:
                continue
            (quantize,) = move.users
            args = quantize.args[1:]
            for value in move.all_input_nodes:
                if value.target is qd.dequantize_per_tensor.default and value.args[1:] == args:
                    continue
                with graph.inserting_before(move):
                    codes = graph.call_function(qd.quantize_per_tensor.default, (value, *args))
                    rescaled = graph.call_function(qd.dequantize_per_tensor.default, (codes, *args))
                move.replace_input_with(value, rescaled)

    def _reads(self, consumer: str, tensor: str) -> bool:
        kernel = self.kernels.get(consumer)
        return kernel is not None and tensor in kernel.inputs

    def _quantization_args(self, q: QParams) -> tuple[float, int, int, int, torch.dtype]:
        if self.dialect.unsigned:
            return (q.scale, q.zero_point + 128, 0, 255, torch.uint8)
        return (q.scale, q.zero_point, -128, 127, torch.int8)
