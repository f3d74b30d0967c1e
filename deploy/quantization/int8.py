"""From a prepared network to the decisions of int8: equalize, calibrate, mix with float."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch.export import ExportedProgram
from torch.fx import GraphModule

from deploy.backends import Precision
from deploy.capture.prepare import Prepared
from deploy.capture.program import graph_module
from deploy.quantization.calibration_check import check_calibration
from deploy.quantization.cross_layer_equalization import equalize, prove_equalized
from deploy.quantization.effort import EFFORTS
from deploy.quantization.kernels import find_kernels
from deploy.quantization.mixed_precision import Mix, leave_in_float
from deploy.quantization.ptq import Decisions, decide
from deploy.quantization.share import short_of_int8
from deploy.support.reporter import Reporter


@dataclass(frozen=True, kw_only=True)
class Quantized:
    """`program` is the float program with its channels equalized, which all decisions are about,
    and `module` the same to be called.

    `pure` puts all of it into int8 that has a kernel, `mix` leaves a few parts in float; None where
    that was not asked for.
    """

    program: ExportedProgram
    module: GraphModule
    pure: Decisions
    mix: Mix | None

    @cached_property
    def decisions(self) -> dict[Precision, Decisions]:
        """What each quantized precision is."""
        return {
            "int8": self.mix.decisions if self.mix else self.pure,
            "w8": self.pure.weights_only(self.module),
        }


def quantize(
    prepared: Prepared,
    float_logits: npt.NDArray[np.float32],
    *,
    effort: str,
    target_agreement: float | None,
    reporter: Reporter,
) -> Quantized:
    """Calibrate int8; leave as little of it in float as `target_agreement` needs (None: nothing).

    `float_logits` (M, classes) are those for `prepared.crops`, of which the held-back ones judge.
    Raises UserError where nothing has an int8 kernel, GateError where equalization is not exact.
    """
    calibration, judging = prepared.calibration, prepared.judging
    reporter.stage("calibrating")
    program = equalize(prepared.program, torch.from_numpy(calibration))
    prove_equalized(prepared.program, program, calibration, prepared.inputs)
    pure = decide(
        program,
        torch.from_numpy(calibration),
        effort=EFFORTS[effort],
        progress=reporter.progress,
    )
    module, mix = graph_module(program), None
    if target_agreement is not None:
        reporter.stage("mixing int8 and float")
        mix = leave_in_float(
            module,
            pure,
            torch.from_numpy(prepared.inputs[judging]),
            torch.from_numpy(float_logits[judging]),
            target=target_agreement,
        )
    return Quantized(program=program, module=module, pure=pure, mix=mix)


def warnings_of(quantized: Quantized, prepared: Prepared) -> list[str]:
    """What int8 does not cover of the network, and what the photos do not cover for int8."""
    return [
        *short_of_int8(quantized.module, find_kernels(quantized.module)),
        *check_calibration(
            quantized.program,
            quantized.decisions["int8"],
            prepared.photos,
            prepared.plan.preprocessing,
        ),
    ]
