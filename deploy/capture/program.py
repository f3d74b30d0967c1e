"""The float program: a network captured by torch.export, and how its graph is read and changed.

Everything downstream (quantization, exporters, verification) works on this one graph; node names
are its vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.export import ExportedProgram
from torch.fx import GraphModule, Node
from torch.fx.node import map_arg

aten = torch.ops.aten


def capture(network: nn.Module, input_shape: tuple[int, ...]) -> ExportedProgram:
    """Export `network` in eval mode for inputs of `input_shape` (N, C, H, W), float32.

    The program is as the network wrote it; `deploy.capture.simplify` makes it ready for the stages.
    """
    return torch.export.export(network.eval(), (torch.zeros(input_shape),))


def graph_module(program: ExportedProgram) -> GraphModule:
    """The program as a module to call or to rewrite, without run-time input guards."""
    module = program.module(check_guards=False)
    assert isinstance(module, GraphModule)
    return module


def input_shape(program: ExportedProgram) -> tuple[int, ...]:
    """(N, C, H, W) of the program's one input."""
    (name,) = program.graph_signature.user_inputs
    (node,) = (node for node in program.graph.nodes if node.name == name)
    return tuple(node.meta["val"].shape)


def calls(module: GraphModule, *targets: object) -> Iterator[Node]:
    """The nodes of `module` that call one of `targets`, in graph order."""
    wanted = set(targets)
    for node in list(module.graph.nodes):
        if node.op == "call_function" and node.target in wanted:
            yield node


def run_network(network: Callable[[Tensor], Tensor], photos: Tensor) -> Tensor:
    """Logits (N, classes) for inputs (N, C, H, W), one photo at a time, as programs take them."""
    with torch.inference_mode():
        return torch.cat([network(photo[None]) for photo in photos])


def run_program(
    program: ExportedProgram, inputs: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Logits (N, classes) of a float or PT2E program in torch for inputs (N, C, H, W)."""
    logits: npt.NDArray[np.float32] = run_network(
        graph_module(program), torch.from_numpy(inputs)
    ).numpy()
    return logits


def filled(node: Node) -> list[Any]:
    """All arguments of a call by position, the operator's defaults where none is given."""
    assert isinstance(node.target, OpOverload)
    rest = node.target._schema.arguments[len(node.args) :]
    return [
        *node.args,
        *(node.kwargs.get(argument.name, argument.default_value) for argument in rest),
    ]


def names(node: Node) -> list[str]:
    """What the arguments that `filled` gives are called."""
    assert isinstance(node.target, OpOverload)
    return [argument.name for argument in node.target._schema.arguments]


def constant(module: GraphModule, node: object) -> Tensor | None:
    """The parameter or buffer that a `get_attr` node reads; None for None (no bias)."""
    if node is None:
        return None
    assert isinstance(node, Node), f"expected a get_attr node, not {node!r}"
    assert node.op == "get_attr", f"{node.name} is computed, not a constant"
    value: object = module
    for part in str(node.target).split("."):
        value = getattr(value, part)
    assert isinstance(value, Tensor)
    return value.detach()


def is_constant(node: object) -> bool:
    return isinstance(node, Node) and node.op == "get_attr"


def is_constant_or_none(node: object) -> bool:
    return node is None or is_constant(node)


def add_constant(module: GraphModule, name: str, value: Tensor) -> Node:
    """Register `value` as a buffer and read it at the graph's insertion point."""
    name = name.replace(".", "_")
    while hasattr(module, name):
        name += "_"
    module.register_buffer(name, value)
    node = module.graph.get_attr(name)
    node.meta["val"] = torch.empty_like(value, device="meta")
    return node


def add_call(
    module: GraphModule, target: Callable[..., Any], args: tuple[Any, ...], *, like: Node
) -> Node:
    """Call `target` at the graph's insertion point, as part of the layer that `like` is of."""
    node = module.graph.call_function(target, args)
    node.meta = dict(like.meta)
    node.meta["val"] = target(*map_arg(args, _shapes_alone))
    return node


def _shapes_alone(node: Node) -> Tensor:
    value = node.meta["val"]
    return torch.empty(value.shape, dtype=value.dtype, device="meta")


def per_axis(value: int | Sequence[int], axes: int) -> list[int]:
    """An argument with a number for each axis, of which one alone stands for all.

    >>> per_axis(3, 2), per_axis([3], 2), per_axis((3, 4), 2)
    ([3, 3], [3, 3], [3, 4])
    """
    given = [value] if isinstance(value, int) else list(value)
    return given * axes if len(given) == 1 else given


def rank(node: object) -> int:
    """How many axes the tensor has that `node` makes."""
    assert isinstance(node, Node)
    return int(node.meta["val"].dim())


def tidy(module: GraphModule) -> None:
    """Remove dead nodes, and constants that nothing reads: an export would still carry them."""
    module.graph.eliminate_dead_code()
    module.delete_all_unused_submodules()
    read = {str(node.target) for node in module.graph.nodes if node.op == "get_attr"}
    constants = [name for name, _ in [*module.named_parameters(), *module.named_buffers()]]
    for name in constants:
        if name not in read:
            owner, _, attribute = name.rpartition(".")
            delattr(module.get_submodule(owner), attribute)
    module.recompile()
