"""sensitivity: which parts of a network int8 hurts, and what leaving each in float would cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.fx import GraphModule

from deploy.build.make import run_program
from deploy.build.recipe import Recipe
from deploy.capture.prepare import capture_plan, make_plan
from deploy.capture.program import graph_module
from deploy.capture.proofs import prove_equalized, prove_simplified
from deploy.capture.simplify import simplify
from deploy.photos import load_photos
from deploy.photos.images import normalize
from deploy.quantize.calibration_check import judge_calibration
from deploy.quantize.cross_layer_equalization import equalize
from deploy.quantize.mixed_precision import leave_in_float
from deploy.quantize.ptq import EFFORTS, Decisions, decide
from deploy.quantize.sensitivity.parts import Part, predicted_db, price_parts
from deploy.quantize.simulate import simulate
from deploy.statistics.error_statistics import ErrorStatistics, compare_logits
from deploy.support.reporter import Reporter, Silent


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A whole network in int8, but for the compute nodes `in_float`.

    `predicted_db` is signal to error of the logits, to first order, on calibration photos;
    `measured` are the simulated network's figures on photos held back; `slowdown` is the latency
    over that of int8 alone, by the cost model.
    """

    predicted_db: float
    measured: ErrorStatistics
    slowdown: float
    in_float: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SensitivityReport:
    """`parts`, worst first; `pure` is int8 alone, `auto` what `build --int8 auto` leaves of it."""

    network: str
    parts: tuple[Part, ...]
    pure: Outcome
    auto: Outcome


def measure_sensitivity(recipe: Recipe, reporter: Reporter | None = None) -> SensitivityReport:
    """Quantize the network of `recipe` as `build` does and price every part; nothing is written.

    Raises what `build` raises until it exports: UserError, RunError, FetchError, StorageError.
    """
    reporter = reporter or Silent()
    # As in `build`, whose integers these are.
    torch.set_num_threads(1)
    reporter.stage("reading weights and photos")
    plan = make_plan(recipe, reporter)
    photos = load_photos(recipe.photos, plan.preprocessing, progress=reporter.progress)
    for text in photos.warnings:
        reporter.warn(text)
    calibration, held_back = (
        normalize(np.stack([sample.crop for sample in side]), plan.preprocessing)
        for side in (photos.calibration, photos.held_back)
    )

    reporter.stage("capturing the network")
    captured, _ = capture_plan(recipe, plan, calibration, reporter)
    program = simplify(captured)
    float_logits = run_program(captured, held_back)
    prove_simplified(captured, program, held_back)

    reporter.stage("calibrating")
    equalized = equalize(program, torch.from_numpy(calibration))
    prove_equalized(program, equalized, calibration, held_back)
    pure = decide(
        equalized,
        torch.from_numpy(calibration),
        effort=EFFORTS[recipe.int8_effort],
        progress=reporter.progress,
    )
    for text in judge_calibration(equalized, pure, photos, plan.preprocessing):
        reporter.warn(text)

    reporter.stage("mixing int8 and float")
    return report_sensitivity(
        recipe.network,
        graph_module(equalized),
        pure,
        torch.from_numpy(held_back),
        torch.from_numpy(float_logits),
        target=recipe.target_agreement,
    )


def report_sensitivity(
    network: str,
    module: GraphModule,
    pure: Decisions,
    photos: Tensor,
    float_logits: Tensor,
    *,
    target: float,
) -> SensitivityReport:
    """The report on `module`, called `network`, which `pure` puts into int8 as a whole.

    `photos` (N, C, H, W), which calibration has not seen, judge, with the float network's logits
    (N, classes) for them; `target` is the agreement that `--int8 auto` is after.
    """
    mix = leave_in_float(module, pure, photos, float_logits, target=target)

    def outcome(decisions: Decisions, slowdown: float, in_float: tuple[str, ...]) -> Outcome:
        logits = simulate(module, decisions, photos)
        return Outcome(
            predicted_db=predicted_db(pure.sensitivity, decisions.units),
            measured=compare_logits(float_logits.numpy(), logits.numpy()),
            slowdown=slowdown,
            in_float=in_float,
        )

    return SensitivityReport(
        network=network,
        parts=tuple(price_parts(module, pure, mix.decisions.units)),
        pure=outcome(pure, 1.0, ()),
        auto=outcome(mix.decisions, mix.slowdown, mix.in_float),
    )
