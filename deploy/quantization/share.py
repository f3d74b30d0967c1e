"""How much of a network's work int8 covers, and why not the rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from torch import Tensor
from torch.fx import GraphModule, Node

from deploy.capture.macs import node_macs
from deploy.capture.program import aten, is_constant
from deploy.quantization.kernels import KERNELS, Kernel

# Of the multiply-accumulates: what is left then hardly shows in the latency.
ENOUGH = 0.9
# One reason with less than this is not worth a line's room.
NOTABLE = 0.01

_TRANSPOSED = (
    aten.conv_transpose1d.default,
    aten.conv_transpose2d.input,
    aten.conv_transpose3d.input,
)


def int8_share(module: GraphModule, kernels: Iterable[Kernel]) -> tuple[float, dict[str, float]]:
    """The share of the multiply-accumulates of `module` in int8, and that of each reason why not.

    `kernels` are those in int8. A network without products is covered.
    """
    macs = node_macs(module)
    total = sum(macs.values())
    in_int8 = {kernel.node for kernel in kernels}
    reasons: dict[str, float] = defaultdict(float)
    for node in module.graph.nodes:
        if node.name in macs and node.name not in in_int8:
            reasons[_reason(node)] += macs[node.name] / total
    return 1 - sum(reasons.values()), dict(reasons)


def short_of_int8(module: GraphModule, kernels: Iterable[Kernel]) -> list[str]:
    """A warning where int8 could cover less than ENOUGH of the work; `kernels` are all of it."""
    share, reasons = int8_share(module, kernels)
    if share >= ENOUGH:
        return []
    told = sorted(reasons.items(), key=lambda reason: -reason[1])
    why = "; ".join(f"{100 * part:.0f} % {text}" for text, part in told if part >= NOTABLE)
    return [
        f"int8 covers {100 * share:.0f} % of the multiply-accumulates, so that it saves less time "
        f"and size than it could; in float stay {why}"
    ]


def _reason(node: Node) -> str:
    name = str(node.target).split(".")[1]
    if node.target in _TRANSPOSED:
        return "in transposed convolutions, which not every runtime has in int8"
    value = node.meta["val"]
    if isinstance(value, Tensor) and value.dtype.itemsize > 4:
        return f"in {name} of float64"
    if node.target not in KERNELS:
        return f"in {name}, which not every runtime has in int8"
    if not is_constant(node.args[1]):
        return f"in {name} with weights that are computed from the photo"
    return f"in {name}"
