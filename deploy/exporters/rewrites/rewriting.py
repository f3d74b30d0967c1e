"""Replacing operators of a graph by others, and the proof that each computes the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor
from torch.fx import GraphModule, Interpreter, Node
from torch.nn import functional

from deploy.capture.program import add_constant, aten, calls, filled
from deploy.exporters.rewrites.forms import spatial, window_arguments
from deploy.statistics.error_statistics import power_ratio_db
from deploy.support.errors import ExportError

EXACT_DB: Final = 100.0

Replaced: TypeAlias = dict[str, str]
"""What a rewrite replaced: the names of the new nodes, and of the old."""


def noise(shape: Sequence[int]) -> Tensor:
    """The same normal numbers for one shape, (1, C, H, W), each time: an input to prove on."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def prove(
    original: GraphModule, rewritten: GraphModule, replaced: Replaced, examples: Tensor
) -> None:
    """Compare each replaced operator with the original's own value, given the original's inputs.

    On each of `examples` (N, C, H, W) by itself. Raises ExportError that names the operator, as the
    network has it, below EXACT_DB.
    """
    if replaced:
        for example in examples:
            _prove(original, rewritten, replaced, example[None])


def _prove(
    original: GraphModule, rewritten: GraphModule, replaced: Replaced, example: Tensor
) -> None:
    expected = _Values(original, names=set(replaced.values()))
    expected.run(example)
    compared = _Compared(rewritten, replaced, expected.values)
    compared.run(example)
    # Not raised on the way: torch adds a page to what is raised within an interpreter.
    for name, reached in compared.reached.items():
        if not reached >= EXACT_DB:
            raise ExportError(
                f"{name} as rewritten for this format is {reached:.1f} dB from the network's own, "
                f"required >= {EXACT_DB:g} dB: leave the format out with --formats"
            )


class _Values(Interpreter):
    """Runs a graph and keeps the values of some nodes."""

    def __init__(self, module: GraphModule, names: set[str]) -> None:
        super().__init__(module)
        self.names, self.values = names, dict[str, Tensor]()

    def run_node(self, n: Node) -> Any:
        value = super().run_node(n)
        if n.name in self.names:
            # Of an operator with two results we keep the first: the second has no reader.
            self.values[n.name] = value[0] if isinstance(value, tuple) else value
        return value


class _Compared(Interpreter):
    """Runs a graph, and goes on with the right values: so that no error hides another."""

    def __init__(self, module: GraphModule, replaced: Replaced, right: dict[str, Tensor]) -> None:
        super().__init__(module)
        self.replaced, self.right = replaced, right
        self.reached: dict[str, float] = {}

    def run_node(self, n: Node) -> Any:
        value = super().run_node(n)
        if (old := self.replaced.get(n.name)) is None:
            return value
        right = self.right[old]
        noise = (value.double() - right.double()).square().sum().item()
        self.reached[old] = power_ratio_db(right.double().square().sum().item(), noise)
        return right


class Writer:
    """Writes a chain of operators in place of `node`."""

    def __init__(self, module: GraphModule, node: Node) -> None:
        self.module, self.node = module, node

    def __call__(self, target: Callable[..., Any], *args: Any) -> Node:
        with self.module.graph.inserting_before(self.node):
            return self.module.graph.call_function(target, args)

    def constant(self, name: str, value: Tensor) -> Node:
        with self.module.graph.inserting_before(self.node):
            return add_constant(self.module, f"{self.node.name}_{name}", value)

    def replace(self, result: Node) -> Replaced:
        self.node.replace_all_uses_with(result)
        if "val" in self.node.meta:  # A node that another rewrite wrote has none.
            result.meta["val"] = self.node.meta["val"]
        return {result.name: self.node.name}


# Padding, ceil mode and whether padding counts, of an avg_pool2d.
UNPADDED: Final = ([0, 0], False, False)


def pad_before_avg_pool(module: GraphModule, *, plain_padding: bool = True) -> Replaced:
    """avg_pool2d(x, k, s, padding, ceil_mode, count_include_pad, divisor_override)
    becomes
    constant_pad_nd(x, ...) -> avg_pool2d(.., k, s) -> mul(.., torch's divisor in Core ML's place)

    Core ML counts what lies beyond the input as padding: at its default of count_include_pad=True
    each window that ceil mode adds is divided by all of the kernel, 4.75 where torch gives 9.5
    (coremltools#2772, #2844); divisor_override is refused (#2745); and padding of 3 in a kernel
    of 7 at a stride of 4 was seen to go wrong (#1901). Without padding there is one reading.

    onnxruntime too divided by all of the kernel before 1.21, in int8 it still does in 1.31, and
    divisor_override is lost on the way there. `plain_padding=False` leaves pools be that only pad.
    """
    replaced: Replaced = {}
    for node in calls(module, aten.avg_pool2d.default):
        x, *given = filled(node)
        kernel, strides, padding = window_arguments(given[:3])
        ceil_mode, _, divisor = given[3:]
        if not plain_padding and any(padding) and not ceil_mode and not divisor:
            continue
        write = Writer(module, node)
        shape, out = spatial(x), spatial(node)
        pads = [
            (p, (o - 1) * s + k - size - p)
            for size, o, k, s, p in zip(shape, out, kernel, strides, padding, strict=True)
        ]
        # What floor mode leaves over at the end is dropped by the pool itself.
        pads = [(before, max(after, 0)) for before, after in pads]
        ones = torch.ones(1, 1, *shape, dtype=torch.float64)
        flat = [n for pair in reversed(pads) for n in pair]
        plain = functional.avg_pool2d(functional.pad(ones, flat), kernel, strides)
        ratio = aten.avg_pool2d(ones, *given) / plain
        if not any(flat) and torch.equal(ratio, torch.ones_like(ratio)):
            node.args, node.kwargs = (x, kernel, strides, *UNPADDED), {}
            continue
        padded = write(aten.constant_pad_nd.default, x, flat, 0.0) if any(flat) else x
        result = write(aten.avg_pool2d.default, padded, kernel, strides, *UNPADDED)
        if not torch.equal(ratio, torch.ones_like(ratio)):
            result = write(aten.mul.Tensor, result, write.constant("ratio", ratio.float()))
        replaced |= write.replace(result)
    return replaced


def concat_before_avg_pool(module: GraphModule) -> Replaced:
    """constant_pad_nd(x, ...) -> avg_pool2d      becomes      cat(zeros, x, zeros) -> avg_pool2d

    onnxruntime makes one operator of a pad and a pool, and gets it wrong: 1.21 and 1.22 forget the
    padding at the end (onnxruntime#24681, 49 to 67 dB), 1.19 and 1.20 do not count it.
    """
    replaced: Replaced = {}
    for node in calls(module, aten.constant_pad_nd.default):
        x, sizes, *value = node.args
        assert isinstance(x, Node)
        assert isinstance(sizes, list | tuple)
        pooled = any(user.target is aten.avg_pool2d.default for user in node.users)
        if not pooled or any(value) or min(sizes) < 0:
            continue
        write, result = Writer(module, node), x
        shape = list(x.meta["val"].shape)
        for k, (before, after) in enumerate(zip(sizes[::2], sizes[1::2], strict=True)):
            axis = len(shape) - 1 - k
            zeros = [
                write.constant(f"{side}_{axis}", torch.zeros(*shape[:axis], n, *shape[axis + 1 :]))
                if n
                else None
                for side, n in (("before", before), ("after", after))
            ]
            parts = [part for part in (zeros[0], result, zeros[1]) if part is not None]
            if len(parts) > 1:
                result = write(aten.cat.default, parts, axis)
            shape[axis] += before + after
        replaced |= write.replace(result)
    return replaced
