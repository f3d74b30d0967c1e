"""Which few parts stay in float: those whose int8 costs the answers most for the time it saves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.fx import GraphModule, Interpreter, Node
from torch.special import log_ndtr, ndtri

from deploy.capture.macs import node_macs
from deploy.capture.program import is_constant
from deploy.quantization.calibrate import run_photos
from deploy.quantization.cost_model import CostModel
from deploy.quantization.kernels import Kernel, without
from deploy.quantization.ptq import Decisions
from deploy.quantization.simulate import simulate

# How much slower than int8 alone the result may be, by the cost model: 1.15 as measured.
BUDGET = 1.13
# What twice the bytes are worth, in time: a file is downloaded once, and run often.
PRICE_OF_SIZE = 0.1
# Of all multiply-accumulates: more in float is no int8 network, whatever it costs.
LARGEST_FLOAT_SHARE = 0.25
# A part with less than this share of the error is not worth a conversion.
SMALLEST_SHARE = 2e-3
# Of the calibration photos, as many are simulated for each mix that is tried.
CHOOSING = 64
# Of the top class's own error, over which is averaged.
QUANTILES = 32


@dataclass(frozen=True, kw_only=True)
class Mix:
    """An int8 program with some kernels left in float.

    `in_float` are their compute nodes in graph order, with the share `macs` of all
    multiply-accumulates; `slowdown` is the latency over that of int8 alone, by the cost model;
    `agreement` the share of photos expected to keep the float network's top class.
    """

    decisions: Decisions
    in_float: tuple[str, ...]
    macs: float
    slowdown: float
    agreement: float


@dataclass(frozen=True, kw_only=True)
class _Between:
    """A convolution or linear, and the kernels before and after it; None is no kernel."""

    node: str
    source: str | None
    sinks: frozenset[str | None]

    def is_float_between_int8(self, in_int8: set[str]) -> bool:
        """Where onnxruntime would quantize its weights after all, with one scale for them."""
        return (
            self.node not in in_int8
            and self.source in in_int8
            and bool(self.sinks)
            and self.sinks <= in_int8
        )


def leave_in_float(
    module: GraphModule,
    decisions: Decisions,
    photos: Tensor,
    *,
    target: float,
    budget: float = BUDGET,
) -> Mix:
    """As little of the int8 program `decisions` in float as gives agreement `target`, in `budget`.

    `photos` (N, C, H, W) are those that calibrated, of which the first CHOOSING choose: those held
    back are left to judge. Where the target is out of reach, the best that `budget` buys.
    """
    photos = photos[:CHOOSING]
    float_logits = torch.cat(run_photos(Interpreter(module), photos))
    macs = node_macs(module)

    def try_out(left_out: frozenset[str], slowdown: float) -> Mix:
        mixed = decisions.keep_in_float(module, left_out)
        logits = simulate(module, mixed, photos)
        return Mix(
            decisions=mixed,
            in_float=tuple(kernel.node for kernel in decisions.kernels if kernel.node in left_out),
            macs=sum(macs.get(node, 0) for node in left_out) / (sum(macs.values()) or 1),
            slowdown=slowdown,
            agreement=expected_agreement(float_logits, logits),
        )

    steps = list(greedy_steps(module, decisions, budget=budget))
    best = try_out(*steps[-1])
    # Each step leaves less error than the one before: the first that is good enough is found by
    # halving.
    too_little, enough = -1, len(steps) - 1
    while best.agreement >= target and enough - too_little > 1:
        middle = (too_little + enough) // 2
        mix = try_out(*steps[middle])
        if mix.agreement >= target:
            best, enough = mix, middle
        else:
            too_little = middle
    return best


def expected_agreement(float_logits: Tensor, logits: Tensor) -> float:
    """The share of photos like these that keep their top class, both logits (N, classes).

    Counting flips would tell 25 photos with near-ties from 25 without, not one mix from the next.
    So each photo's error is taken for one draw out of many of its size: independent from class to
    class, normal, with the variance that the photo's own logits show. The top class is kept where
    no other class's error exceeds its own by more than the margin between them.
    """
    deviation = (logits - float_logits).double().std(1, correction=0).clamp_min(1e-12)
    best, *others = float_logits.double().sort(1, descending=True).values.T
    margins = (best - torch.stack(others)) / deviation
    own = ndtri((torch.arange(QUANTILES, dtype=torch.float64) + 0.5) / QUANTILES)
    kept = [log_ndtr(margins + error).sum(0).exp() for error in own]
    return float(torch.stack(kept).mean())


def greedy_steps(
    module: GraphModule, decisions: Decisions, *, budget: float = BUDGET
) -> Iterator[tuple[frozenset[str], float]]:
    """Ever more compute nodes to leave in float, with the slowdown; first none.

    Each step is the one that takes most error out of the logits, to first order, for the time and
    bytes it costs, of those that `budget` still allows.
    """
    sensitivity, given = decisions.sensitivity, decisions.given
    cost = CostModel(module, decisions.kernels, given=given)
    moves, between = _moves(decisions.kernels), _between(module, decisions.kernels, given)
    left_out: frozenset[str] = frozenset()
    whole = error = sensitivity.energy(decisions.kernels)
    slowdown = paid = 1.0
    while True:
        yield left_out, slowdown
        options = []
        for move in moves:
            if move <= left_out:
                continue
            kernels = without(decisions.kernels, left_out | move)
            saved, new = error - sensitivity.energy(kernels), cost.slowdown(kernels)
            if saved < SMALLEST_SHARE * whole or new > budget:
                continue
            if cost.float_share(kernels) > LARGEST_FLOAT_SHARE:
                continue
            in_int8 = {kernel.node for kernel in kernels} | given
            if any(product.is_float_between_int8(in_int8) for product in between):
                continue
            price = new + PRICE_OF_SIZE * (cost.growth(kernels) - 1)
            # What a move saves by sparing conversions makes it no better than free.
            options.append((saved / max(price - paid, 1e-4), saved, new, price, move))
        if not options:
            return
        _, saved, slowdown, paid, move = max(options, key=lambda option: option[:2])
        error -= saved
        left_out |= move


def _between(
    module: GraphModule, kernels: Iterable[Kernel], given: frozenset[str]
) -> list[_Between]:
    """Of each convolution and linear, which kernel's values it reads and which kernels read its
    own, by way of whatever is no kernel: transposes and the like. `given` are int8 by themselves.
    """
    makers = {kernel.output: kernel.node for kernel in kernels}
    readers: dict[tuple[str, str], str] = {
        (name, kernel.reader): kernel.node for kernel in kernels for name in kernel.inputs
    }
    nodes = {node.name: node for node in module.graph.nodes}

    def source(node: Node) -> str | None:
        while node.name not in makers:
            if node.name in given:
                return node.name
            data = [argument for argument in node.all_input_nodes if not is_constant(argument)]
            if len(data) != 1:
                return None
            (node,) = data
        return makers[node.name]

    def sinks(node: Node) -> frozenset[str | None]:
        found: set[str | None] = set()
        waiting, seen = [node], {node}
        while waiting:
            node = waiting.pop()
            for user in node.users:
                if kernel := readers.get((node.name, user.name)):
                    found.add(kernel)
                elif user.op == "output":
                    found.add(None)
                elif user not in seen:
                    seen.add(user)
                    waiting.append(user)
        return frozenset(found)

    return [
        _Between(
            node=kernel.node,
            source=source(nodes[kernel.inputs[0]]),
            sinks=sinks(nodes[kernel.output]),
        )
        for kernel in kernels
        if kernel.kind in ("conv", "linear")
    ]


def _moves(kernels: Sequence[Kernel]) -> list[frozenset[str]]:
    """What may go to float at once: a kernel; the readers of a tensor; its maker and readers.

    A tensor stays quantized as long as an int8 kernel makes or reads it.
    """
    computing = [kernel for kernel in kernels if kernel.kind != "pass"]
    moves = [frozenset({kernel.node}) for kernel in computing]
    for tensor in dict.fromkeys(name for kernel in computing for name in kernel.tensors):
        readers = frozenset(kernel.node for kernel in computing if tensor in kernel.inputs)
        makers = frozenset(kernel.node for kernel in computing if kernel.output == tensor)
        moves += [readers, makers | readers]
    return list(dict.fromkeys(move for move in moves if move))
