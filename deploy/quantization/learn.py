"""What effort high learns by gradient, each where it is better than without."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import GraphModule, Interpreter

from deploy.capture.program import graph_module
from deploy.quantization.calibrate import run_photos
from deploy.quantization.effort import Effort
from deploy.quantization.learned_biases import learn_biases
from deploy.quantization.learned_equalization import (
    equalize_as_learned,
    learn_equalization,
    prove_learned,
)
from deploy.quantization.ptq import Decisions, decide
from deploy.quantization.simulate import simulate
from deploy.support.reporter import Reporter


def with_learned_gains(
    program: ExportedProgram,
    start: Decisions,
    inputs: Tensor,
    *,
    apart: Tensor,
    effort: Effort,
    reporter: Reporter,
) -> tuple[ExportedProgram, Decisions]:
    """The program with learned gains, and its decisions, from calibration `inputs` (N, C, H, W).

    `start` are the decisions of the same `effort` for `program` as it is. Both come back unless
    what was learned is better on the inputs `apart` (N,), bool, which taught nothing.
    Raises GateError where gains change what the program computes in float.
    """
    reporter.stage("learning")
    learned = learn_equalization(
        program,
        start,
        inputs,
        apart=apart,
        steps=effort.equalization,
        progress=partial(reporter.progress, "equalization"),
    )
    equalized, ranges = equalize_as_learned(program, learned)
    prove_learned(program, equalized, learned, inputs.numpy())
    reporter.stage("calibrating")
    decisions = decide(equalized, inputs, effort=effort, ranges=ranges, progress=reporter.progress)
    module, held_out = graph_module(program), inputs[apart]
    before = simulate(module, start, held_out)
    after = simulate(graph_module(equalized), decisions, held_out)
    is_better = _is_better(after, before, _in_float(module, held_out))
    return (equalized, decisions) if is_better else (program, start)


def with_learned_biases(
    module: GraphModule,
    start: Decisions,
    inputs: Tensor,
    *,
    apart: Tensor,
    effort: Effort,
    reporter: Reporter,
) -> Decisions:
    """`start` with learned biases, from calibration `inputs` (N, C, H, W); itself unless those are
    better on the inputs `apart` (N,), bool, which taught nothing."""
    reporter.stage("learning")
    learned = learn_biases(
        module,
        start,
        inputs,
        apart=apart,
        steps=effort.biases,
        progress=partial(reporter.progress, "biases"),
    )
    held_out = inputs[apart]
    before, after = (simulate(module, one, held_out) for one in (start, learned))
    return learned if _is_better(after, before, _in_float(module, held_out)) else start


def _in_float(module: GraphModule, inputs: Tensor) -> Tensor:
    return torch.cat(run_photos(Interpreter(module), inputs))


def _is_better(after: Tensor, before: Tensor, wanted: Tensor) -> bool:
    """Whether logits (N, classes) come closer to those `wanted`, on average in dB, by more than
    that average is uncertain by."""
    errors = [(one - wanted).square().sum(1).clamp_min(1e-30) for one in (before, after)]
    gains = (errors[0] / errors[1]).log()
    return bool(gains.mean() > gains.std() / len(gains) ** 0.5)
