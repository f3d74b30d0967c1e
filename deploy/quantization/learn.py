"""Int8 with learned gains and ranges, where that is better than without."""

from __future__ import annotations

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
    split,
)
from deploy.quantization.ptq import Decisions, decide
from deploy.quantization.simulate import simulate
from deploy.support.reporter import Reporter

GAINED_NOTHING = (
    "--int8-effort high gained nothing on the calibration photos held out to tell: int8 is what "
    "--int8-effort normal makes"
)


def learn(
    program: ExportedProgram,
    start: Decisions,
    photos: Tensor,
    effort: Effort,
    reporter: Reporter,
) -> tuple[ExportedProgram, Decisions]:
    """The program with learned gains, and its decisions, from calibration `photos` (N, C, H, W).

    `start` are the decisions for `program` as it is. Both come back as they are, with a warning,
    where what was learned is no better on the photos held out from learning.
    Raises GateError where gains change what the program computes in float.
    """
    reporter.stage("learning")
    learned = learn_equalization(
        program,
        start,
        photos,
        steps=effort.equalization,
        progress=partial(reporter.progress, "equalization"),
    )
    equalized, ranges = equalize_as_learned(program, learned)
    prove_learned(program, equalized, learned, photos.numpy())
    reporter.stage("calibrating")
    decisions = decide(equalized, photos, effort=effort, ranges=ranges, progress=reporter.progress)
    _, held_out = split(photos)
    if len(held_out):
        wanted = torch.cat(run_photos(Interpreter(graph_module(program)), held_out))

        def error(of: ExportedProgram, in_int8: Decisions) -> float:
            logits = simulate(graph_module(of), in_int8, held_out)
            return float((logits - wanted).square().sum())

        if error(equalized, decisions) < error(program, start):
            return equalized, decisions
    reporter.warn(GAINED_NOTHING)
    return program, start
