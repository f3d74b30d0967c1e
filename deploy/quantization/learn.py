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
    before = _errors(graph_module(program), start, inputs[apart])
    after = _errors(graph_module(equalized), decisions, inputs[apart])
    return (equalized, decisions) if _is_better(after, before) else (program, start)


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
    before, after = (_errors(module, one, inputs[apart]) for one in (start, learned))
    return learned if _is_better(after, before) else start


def _errors(module: GraphModule, decisions: Decisions, inputs: Tensor) -> Tensor:
    """The energy (N,) of what int8 adds to the logits of each of `inputs`, simulated."""
    wanted = torch.cat(run_photos(Interpreter(module), inputs))
    return (simulate(module, decisions, inputs) - wanted).square().sum(1).clamp_min(1e-30)


def _is_better(after: Tensor, before: Tensor) -> bool:
    """Whether errors (N,) shrink by more, on average in dB, than that average is uncertain by."""
    gains = (before / after).log()
    return bool(gains.mean() > gains.std() / len(gains) ** 0.5)
