"""Int8 with learned gains and ranges, where that is better than without."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import Interpreter

from deploy.capture.program import graph_module
from deploy.quantization.calibrate import run_photos
from deploy.quantization.effort import Effort
from deploy.quantization.learned_equalization import (
    equalize_as_learned,
    learn_equalization,
    prove_learned,
)
from deploy.quantization.ptq import Decisions, decide
from deploy.quantization.simulate import simulate
from deploy.support.reporter import Reporter

# Every fourth photo teaches nothing.
HELD_OUT = 4
TOO_FEW = f"effort high learns nothing from fewer than {HELD_OUT} different calibration photos"
GAINED_NOTHING = (
    "what effort high learned was no better on the calibration photos held out to tell, and was "
    "dropped"
)


def hold_out(photos: Sequence[str]) -> Tensor:
    """Which inputs only tell what learning gained, (N,) bool: all crops of every fourth photo.

    `photos` says of each input of which photo it is a crop.
    """
    number = {photo: i for i, photo in enumerate(dict.fromkeys(photos))}
    return torch.tensor([number[photo] % HELD_OUT == HELD_OUT - 1 for photo in photos])


def learn(
    program: ExportedProgram,
    start: Decisions,
    inputs: Tensor,
    *,
    apart: Tensor,
    effort: Effort,
    reporter: Reporter,
) -> tuple[ExportedProgram, Decisions]:
    """The program with learned gains, and its decisions, from calibration `inputs` (N, C, H, W).

    `start` are the decisions of the same effort for `program` as it is. Both come back, with a
    warning, unless what was learned is better on the inputs `apart` (N,), bool, which taught
    nothing: by more dB on average than that average is uncertain by.
    Raises GateError where gains change what the program computes in float.
    """
    if not apart.any():
        reporter.warn(TOO_FEW)
        return program, start
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
    wanted = torch.cat(run_photos(Interpreter(graph_module(program)), inputs[apart]))

    def errors(of: ExportedProgram, in_int8: Decisions) -> Tensor:
        logits = simulate(graph_module(of), in_int8, inputs[apart])
        return (logits - wanted).square().sum(1).clamp_min(1e-30)

    gains = (errors(program, start) / errors(equalized, decisions)).log()
    if gains.mean() > gains.std() / len(gains) ** 0.5:
        return equalized, decisions
    reporter.warn(GAINED_NOTHING)
    return program, start
