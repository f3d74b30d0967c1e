"""What each tensor and each weight in int8 does to the answers, and what float would cost there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from torch.fx import GraphModule, Node

from deploy.quantization.cost_model import CostModel
from deploy.quantization.kernels import Kernel, without
from deploy.quantization.ptq import Decisions
from deploy.quantization.sensitivity.energies import Sensitivity
from deploy.statistics.error_statistics import power_ratio_db

Kind = Literal["tensor", "weight"]


@dataclass(frozen=True, kw_only=True)
class InFloat:
    """A part left in float, for which all `kernels` (compute nodes) go that make or read it.

    `db`, signal to error of the logits, and `slowdown`, the latency over that of int8 alone, are
    the whole network's then. Both are estimates: to first order, and by the cost model.
    """

    kernels: tuple[str, ...]
    db: float
    slowdown: float


@dataclass(frozen=True, kw_only=True)
class PricedPart:
    """A tensor, or a weight with its bias, in int8.

    `node` names it in the graph, a weight by the node that computes with it; `layer` is the module
    of the network that it belongs to, or `node` where that is unknown. `operator` makes the tensor
    or computes with the weight. `shape` is that of one photo's tensor, (C, H, W), or the weight's.
    `share` is that of all the error that int8 adds to the logits; `left_in_float` says that the
    mix asked about has the part in float.
    """

    kind: Kind
    node: str
    layer: str
    operator: str
    shape: tuple[int, ...]
    share: float
    in_float: InFloat
    left_in_float: bool


def price_parts(module: GraphModule, pure: Decisions, mix: Sequence[Kernel]) -> list[PricedPart]:
    """Every part that `pure` has in int8, worst first; `mix` are the kernels that stay in int8."""
    nodes = {node.name: node for node in module.graph.nodes}
    kernels = {kernel.node: kernel for kernel in pure.kernels}
    makers = {kernel.output: kernel for kernel in pure.kernels}
    in_int8 = {kernel.node for kernel in mix}
    cost = CostModel(module, pure.kernels, given=pure.given)
    sensitivity = pure.sensitivity
    whole = sensitivity.energy(pure.kernels)

    def part(kind: Kind, name: str, energy: float) -> PricedPart:
        if kind == "weight":
            kernel, holding = kernels.get(name), {name}
            shape = pure.weights[name].codes.shape
        else:
            kernel, holding = makers.get(name), _holding(pure, name)
            shape = tuple(nodes[name].meta["val"].shape[1:])
        rest = without(pure.kernels, holding)
        return PricedPart(
            kind=kind,
            node=name,
            layer=_layer(nodes[name]),
            operator=_operator(nodes, kernel) if kernel else _made_by(nodes[name]),
            shape=shape,
            share=energy / whole if whole else 0.0,
            in_float=InFloat(
                kernels=tuple(kernel.node for kernel in pure.kernels if kernel.node in holding),
                db=predicted_db(sensitivity, rest),
                slowdown=cost.slowdown(rest),
            ),
            left_in_float=in_int8.isdisjoint(holding),
        )

    # Asked for apart: a convolution without a clamp gives weight and output one name.
    tensors = replace(sensitivity, weights={}).parts(pure.kernels)
    weights = replace(sensitivity, tensors={}).parts(pure.kernels)
    parts = [part("tensor", name, energy) for name, energy in tensors.items()]
    parts += [part("weight", name, energy) for name, energy in weights.items()]
    return sorted(parts, key=lambda part: -part.share)


def predicted_db(sensitivity: Sensitivity, kernels: Iterable[Kernel]) -> float:
    """Signal to error of the logits, to first order, where `kernels` are in int8; inf for none."""
    return power_ratio_db(sensitivity.logits, sensitivity.energy(kernels))


def _holding(pure: Decisions, tensor: str) -> set[str]:
    """The kernels that make or read `tensor`, as it is or flattened and the like."""
    moved = pure.sensitivity.moved
    names = {tensor, *(name for name, (source, _) in moved.items() if source == tensor)}
    return {u.node for u in pure.kernels if u.kind != "pass" and names & set(u.tensors)}


def _operator(nodes: dict[str, Node], kernel: Kernel) -> str:
    if kernel.kind != "conv":
        return kernel.kind
    weight = nodes[kernel.node].args[1]
    assert isinstance(weight, Node)
    return "depthwise" if weight.meta["val"].shape[1] == 1 else "conv"


def _made_by(node: Node) -> str:
    """What makes a tensor that no int8 kernel makes, such as `input` or `softmax`."""
    return "input" if node.op == "placeholder" else str(node.target).split(".")[1]


def _layer(node: Node) -> str:
    stack = list(node.meta.get("nn_module_stack", {}).values())
    return (stack[-1][0] if stack else "") or node.name
