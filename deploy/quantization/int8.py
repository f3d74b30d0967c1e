"""From a prepared network to the decisions of int8: equalize, calibrate, mix with float."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial

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
from deploy.quantization.learned_equalization import (
    equalize_as_learned,
    learn_equalization,
    prove_learned,
)
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
    *,
    effort: str,
    target_agreement: float | None,
    reporter: Reporter,
) -> Quantized:
    """Calibrate int8; leave as little of it in float as `target_agreement` needs (None: nothing).

    The held-back photos take no part in any choice: they judge what comes out.
    Raises UserError where nothing has an int8 kernel, GateError where equalization is not exact.
    """
    calibration = prepared.calibration
    reporter.stage("calibrating")
    photos = torch.from_numpy(calibration)
    program = equalize(prepared.program, photos)
    prove_equalized(prepared.program, program, calibration, prepared.inputs)
    ranges = None
    if steps := EFFORTS[effort].equalization:
        start = decide(program, photos, progress=reporter.progress)
        reporter.stage("learning")
        learned = learn_equalization(
            program, start, photos, steps=steps, progress=partial(reporter.progress, "equalization")
        )
        equalized, ranges = equalize_as_learned(program, learned)
        prove_learned(program, equalized, learned, calibration)
        program = equalized
        reporter.stage("calibrating")
    pure = decide(
        program, photos, effort=EFFORTS[effort], ranges=ranges, progress=reporter.progress
    )
    module, mix = graph_module(program), None
    if target_agreement is not None:
        reporter.stage("mixing int8 and float")
        mix = leave_in_float(
            module,
            pure,
            photos,
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
