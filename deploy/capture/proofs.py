"""No rewrite is trusted: each is held against the program before it, on photos.

In float32 first, which is quick. Folding a factor into weights rounds them, and a deep network may
carry such roundings far. What falls short is therefore repeated in float64, one rewrite after
another, where what is left is the rewrite's own doing; and the program that was really made must
come nearly as close to the network in float64 as the network in float32 does.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import GraphModule
from torch.fx.node import map_aggregate

from deploy.capture.program import graph_module, run_network, run_program
from deploy.capture.simplify import REWRITES, Rewrite, apply
from deploy.statistics.error_statistics import sqnr_db
from deploy.support.errors import GateError, UserError

# 1e-5 of the logits: far above what float64 rounds away, far below what any mistake leaves.
EXACT_DB = 100.0
# The same operators, but for the few that torch runs otherwise in eager mode: the order of sums.
CAPTURED_DB = 80.0
PHOTOS_CAPTURED = 8
# Where float32 rounds the network itself to less than EXACT_DB, weights that were rounded once more
# may cost so much of it.
ROUNDING_LOSS_DB = 20.0
# A mistake shows on the first ones.
PHOTOS = 32
PHOTOS_IN_FLOAT64 = 4


def prove_captured(
    network: Callable[[Tensor], Tensor],
    program: ExportedProgram,
    inputs: npt.NDArray[np.float32],
    *,
    step: str = "torch.export",
) -> None:
    """Raise GateError where `program`, which `step` made of `network`, computes another thing."""
    photos = torch.from_numpy(inputs[:PHOTOS_CAPTURED])
    expected = run_network(network, photos)
    _check_finite(expected)
    reached = _decibels(expected, run_network(graph_module(program), photos))
    if reached < CAPTURED_DB:
        raise GateError(
            f"{step} changes what this network computes: {reached:.1f} dB to the network run as "
            f"it is, required >= {CAPTURED_DB:g} dB: no bundle was written"
        )


def prove_simplified(
    captured: ExportedProgram, simplified: ExportedProgram, inputs: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """The logits (N, classes) of what was `captured`, for `inputs` (N, C, H, W).

    Raises GateError, naming the rewrite, where `simplified` is not the same network. The inputs are
    photos that no rewrite has seen.
    """
    logits = run_program(captured, inputs)
    rewrites = [(rewrite.__name__, rewrite) for rewrite in REWRITES]
    prove_rewrites(captured, simplified, rewrites, inputs, expected=logits)
    return logits


def prove_rewrites(
    before: ExportedProgram,
    after: ExportedProgram,
    rewrites: Sequence[tuple[str, Rewrite]],
    inputs: npt.NDArray[np.float32],
    *,
    expected: npt.NDArray[np.float32] | None = None,
) -> None:
    """Raise GateError unless `after`, made of `before` by the named `rewrites`, computes the same.

    `inputs` (N, C, H, W) are run, of which the first tell; `expected` are the logits of `before`
    for them, where they are known. The error names the first rewrite that is not exact.
    """
    photos = torch.from_numpy(inputs[:PHOTOS])
    logits = run_program(before, inputs[:PHOTOS]) if expected is None else expected[:PHOTOS]
    in_float32 = torch.from_numpy(logits)
    _check_finite(in_float32)
    got = run_network(graph_module(after), photos)
    reached = _decibels(in_float32, got)
    if reached >= EXACT_DB:
        return
    few = photos[:PHOTOS_IN_FLOAT64]
    try:
        exact = _in_float64(graph_module(before))
        name, rest = _first_wrong(exact, rewrites, few.double())
        truth = run_network(exact, few.double())
        rounding = _decibels(truth, in_float32[: len(few)])
        reached = _decibels(truth, got[: len(few)])
    except (RuntimeError, TypeError):  # Operators that know no float64.
        name, rest = _first_wrong(graph_module(before), rewrites, few)
        rounding = np.inf
    if name is not None:
        raise GateError(_refusal(f"the rewrite {name!r} changes", rest))
    if reached < min(EXACT_DB, rounding - ROUNDING_LOSS_DB, _one_rounding(graph_module(before))):
        raise GateError(_refusal("the rewrites together change", reached))


def _check_finite(logits: Tensor) -> None:
    """Raise UserError where the network itself answers a photo with no numbers."""
    if not bool(torch.isfinite(logits).all()):
        raise UserError(
            "this network gives infinite logits, or NaN, for some of the photos: mend it, for no "
            "answer and no error can be made of those"
        )


def _refusal(what: str, reached: float) -> str:
    return (
        f"{what} what this network computes: {reached:.1f} dB to the network before, required "
        f">= {EXACT_DB:g} dB: no bundle was written; please report the network to us"
    )


def _first_wrong(
    module: GraphModule, rewrites: Sequence[tuple[str, Rewrite]], photos: Tensor
) -> tuple[str | None, float]:
    """The first rewrite after which less than EXACT_DB is left, and how much is; else None."""
    expected = run_network(module, photos)
    reached = np.inf
    changed = copy.deepcopy(module)
    for name, rewrite in rewrites:
        apply([rewrite], changed)
        reached = _decibels(expected, run_network(changed, photos))
        if reached < EXACT_DB:
            return name, reached
    return None, reached


def constants_of(module: GraphModule) -> Iterable[Tensor]:
    """The parameters and buffers of `module`."""
    return [*module.parameters(), *module.buffers()]


def _in_float64(module: GraphModule) -> GraphModule:
    """A copy that computes in float64, tensors made on the way and conversions included."""
    wide = copy.deepcopy(module).double()

    def widen(value: Any) -> Any:
        is_float = isinstance(value, torch.dtype) and value.is_floating_point
        return torch.float64 if is_float else value

    for node in wide.graph.nodes:
        node.args = map_aggregate(node.args, widen)
        node.kwargs = map_aggregate(node.kwargs, widen)
    wide.recompile()
    return wide


def _one_rounding(module: GraphModule) -> float:
    """dB that are left of weights rounded once in the coarsest format that `module` computes in.

    144 in float32, 66 in float16, 48 in bfloat16: of folded weights that are 16 bits wide no more
    can be asked, and the error of a weight is the same at each place, where others average out.
    """
    dtypes = {tensor.dtype for tensor in constants_of(module) if tensor.is_floating_point()}
    coarsest = max((torch.finfo(dtype).eps for dtype in dtypes), default=0.0)
    return -20 * math.log10(coarsest / 2) if coarsest else math.inf


def _decibels(expected: Tensor, got: Tensor) -> float:
    signal, other = expected.double().numpy(), got.double().numpy()
    return sqnr_db(signal, other - signal) if np.isfinite(other).all() else -np.inf
