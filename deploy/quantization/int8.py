"""From a prepared network to the decisions of int8: equalize, calibrate, mix with float."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import GraphModule

from deploy.backends import InputForm, Precision
from deploy.capture.pixels import take_pixels
from deploy.capture.prepare import Prepared
from deploy.capture.program import graph_module
from deploy.photos.images import shares
from deploy.quantization.calibration_check import check_calibration
from deploy.quantization.cross_layer_equalization import equalize, prove_equalized
from deploy.quantization.effort import EFFORTS, Effort
from deploy.quantization.kernels import find_kernels
from deploy.quantization.learn import with_learned_biases, with_learned_gains
from deploy.quantization.mixed_precision import Mix, leave_in_float
from deploy.quantization.pixels import take_pixels_in_int8
from deploy.quantization.ptq import Decisions, decide
from deploy.quantization.share import short_of_int8
from deploy.quantization.train import HELD_OUT, hold_out
from deploy.support.reporter import Reporter

TOO_FEW = f"effort high learns nothing from fewer than {HELD_OUT} different calibration photos"
GAINED_NOTHING = (
    "what effort high learned was no better on the calibration photos held out to tell, and was "
    "dropped"
)


@dataclass(frozen=True, kw_only=True)
class InForm:
    """Int8 of the network with one form of input.

    `program` is the float program with its channels equalized, which all decisions are about, and
    `module` the same to be called. `pure` puts all of it into int8 that has a kernel, `mix` leaves
    a few parts in float; None where that was not asked for. `tuned` is the one of the two that was
    asked for with learned biases; None where those were not.
    """

    program: ExportedProgram
    module: GraphModule
    pure: Decisions
    mix: Mix | None = None
    tuned: Decisions | None = None

    @property
    def untuned(self) -> Decisions:
        """What was asked for, without learned biases."""
        return self.mix.decisions if self.mix else self.pure

    @cached_property
    def decisions(self) -> dict[Precision, Decisions]:
        """What each quantized precision is."""
        return {
            "int8": self.tuned or self.untuned,
            # Learned biases take back what rounding activations does.
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
    calibration, how = prepared.calibration, EFFORTS[effort]
    photos = torch.from_numpy(calibration)
    apart = hold_out([sample.photo_sha256 for sample in prepared.photos.calibration])
    learns = how.learns and bool(apart.any())
    reporter.stage("calibrating")
    equalized = program = equalize(prepared.program, photos)
    prove_equalized(prepared.program, equalized, calibration, prepared.inputs)
    pure = decide(program, photos, effort=how, progress=reporter.progress)
    if learns:
        program, pure = with_learned_gains(
            equalized, pure, photos, apart=apart, effort=how, reporter=reporter
        )
    tensor = InForm(program=program, module=graph_module(program), pure=pure)
    inputs = {form: torch.from_numpy(_calibration(prepared, form)) for form in forms}
    # Everything but the first layer is decided on normalized photos.
    made = {
        form: tensor if form == "tensor" else _of_pixels(prepared, tensor, inputs[form], how)
        for form in forms
    }
    if target_agreement is not None:
        reporter.stage("mixing int8 and float")
        for form, one in made.items():
            mix = leave_in_float(one.module, one.pure, inputs[form], target=target_agreement)
            made[form] = replace(one, mix=mix)
    if learns:
        for form, one in made.items():
            tuned = with_learned_biases(
                one.module, one.untuned, inputs[form], apart=apart, effort=how, reporter=reporter
            )
            made[form] = replace(one, tuned=tuned)
        if program is equalized and all(one.tuned is one.untuned for one in made.values()):
            reporter.warn(GAINED_NOTHING)
    elif how.learns:
        reporter.warn(TOO_FEW)
    return made


def _of_pixels(prepared: Prepared, tensor: InForm, calibration: Tensor, effort: Effort) -> InForm:
    program = take_pixels(tensor.program, prepared.plan.preprocessing, prepared.fed("pixels"))
    pure = take_pixels_in_int8(program, tensor.pure, calibration, effort=effort)
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
