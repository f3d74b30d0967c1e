"""From a prepared network to the decisions of int8: equalize, calibrate, mix with float."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch.export import ExportedProgram
from torch.fx import GraphModule

from deploy.backends import InputForm, Precision
from deploy.capture.pixels import take_pixels
from deploy.capture.prepare import Prepared
from deploy.capture.program import graph_module
from deploy.photos.images import shares
from deploy.quantization.calibration_check import check_calibration
from deploy.quantization.cross_layer_equalization import equalize, prove_equalized
from deploy.quantization.effort import EFFORTS
from deploy.quantization.kernels import find_kernels
from deploy.quantization.learn import hold_out, learn
from deploy.quantization.mixed_precision import Mix, leave_in_float
from deploy.quantization.pixels import take_pixels_in_int8
from deploy.quantization.ptq import Decisions, decide
from deploy.quantization.share import short_of_int8
from deploy.support.reporter import Reporter


@dataclass(frozen=True, kw_only=True)
class InForm:
    """Int8 of the network with one form of input.

    `program` is the float program with its channels equalized, which all decisions are about, and
    `module` the same to be called. `pure` puts all of it into int8 that has a kernel, `mix` leaves
    a few parts in float; None where that was not asked for.
    """

    program: ExportedProgram
    module: GraphModule
    pure: Decisions
    mix: Mix | None = None

    @cached_property
    def decisions(self) -> dict[Precision, Decisions]:
        """What each quantized precision is."""
        return {
            "int8": self.mix.decisions if self.mix else self.pure,
            "w8": self.pure.weights_only(self.module),
        }


Quantized = Mapping[InputForm, InForm]
"""The same for each form of input that was asked for."""


TENSOR_ALONE: tuple[InputForm, ...] = ("tensor",)


def quantize(
    prepared: Prepared,
    *,
    effort: str,
    target_agreement: float | None,
    reporter: Reporter,
    forms: Sequence[InputForm] = TENSOR_ALONE,
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
    pure = decide(program, photos, effort=EFFORTS[effort], progress=reporter.progress)
    if EFFORTS[effort].equalization:
        program, pure = learn(
            program,
            pure,
            photos,
            apart=hold_out([sample.photo_sha256 for sample in prepared.photos.calibration]),
            effort=EFFORTS[effort],
            reporter=reporter,
        )
    tensor = InForm(program=program, module=graph_module(program), pure=pure)
    # Everything but the first layer is decided on normalized photos.
    made = {
        form: tensor if form == "tensor" else _of_pixels(prepared, tensor, effort) for form in forms
    }
    if target_agreement is None:
        return made
    reporter.stage("mixing int8 and float")
    return {
        form: replace(
            one,
            mix=leave_in_float(
                one.module,
                one.pure,
                torch.from_numpy(_calibration(prepared, form)),
                target=target_agreement,
            ),
        )
        for form, one in made.items()
    }


def _of_pixels(prepared: Prepared, tensor: InForm, effort: str) -> InForm:
    program = take_pixels(tensor.program, prepared.plan.preprocessing, prepared.fed("pixels"))
    pure = take_pixels_in_int8(
        program,
        tensor.pure,
        torch.from_numpy(_calibration(prepared, "pixels")),
        effort=EFFORTS[effort],
    )
    return InForm(program=program, module=graph_module(program), pure=pure)


def _calibration(prepared: Prepared, form: InputForm) -> npt.NDArray[np.float32]:
    """The calibration photos as a network of `form` takes them."""
    return prepared.calibration if form == "tensor" else shares(prepared.calibration_crops)


def warnings_of(one: InForm, form: InputForm, prepared: Prepared) -> list[str]:
    """What int8 does not cover of the network, and what the photos do not cover for int8."""
    return [
        *short_of_int8(one.module, find_kernels(one.module)),
        *check_calibration(
            one.program,
            one.decisions["int8"],
            prepared.photos,
            prepared.plan.preprocessing,
            form,
        ),
    ]
