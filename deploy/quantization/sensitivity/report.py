"""sensitivity: which parts of a network int8 hurts, and what leaving each in float would cost."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.fx import GraphModule

from deploy.capture.given import check_given
from deploy.capture.prepare import prepare
from deploy.capture.spec import NetworkSpec
from deploy.quantization.effort import DEFAULT_AGREEMENT
from deploy.quantization.int8 import quantize, warnings_of
from deploy.quantization.mixed_precision import Mix
from deploy.quantization.ptq import Decisions
from deploy.quantization.sensitivity.parts import PricedPart, predicted_db, price_parts
from deploy.quantization.simulate import simulate
from deploy.statistics.error_statistics import ErrorStatistics, compare_logits
from deploy.support.durations import price_seconds
from deploy.support.reporter import Logged, Reporter, foretell
from deploy.support.threads import one_thread


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
    parts: tuple[PricedPart, ...]
    pure: Outcome
    auto: Outcome


@one_thread()  # As in `build`, whose integers these are.
def measure_sensitivity(
    spec: NetworkSpec,
    photos: Path | None = None,
    *,
    effort: str = "normal",
    target_agreement: float = DEFAULT_AGREEMENT,
    reporter: Reporter | None = None,
) -> SensitivityReport:
    """Quantize a network as `build` does and price every part of it; nothing is written.

    `photos` is a folder, None for the bundled samples; `target_agreement` is what `--int8 auto` is
    after. Raises what `build` raises until it exports: UserError, RunError, FetchError, GateError.
    """
    reporter = reporter or Logged()
    check_given(spec, photos)
    prepared = prepare(spec, photos, reporter)
    seconds = price_seconds(prepared.cost.macs, high=effort == "high")
    foretell(reporter, "calibrating and pricing", seconds)
    float_logits = prepared.float_logits()
    quantized = quantize(
        prepared,
        effort=effort,
        target_agreement=target_agreement,
        reporter=reporter,
    )["tensor"]
    for text in warnings_of(quantized, "tensor", prepared):
        reporter.warn(text)
    assert quantized.mix is not None
    return report_sensitivity(
        spec.name,
        quantized.module,
        quantized.pure,
        quantized.mix,
        torch.from_numpy(prepared.inputs[prepared.judging]),
        torch.from_numpy(float_logits[prepared.judging]),
    )


def report_sensitivity(
    network: str,
    module: GraphModule,
    pure: Decisions,
    mix: Mix,
    photos: Tensor,
    float_logits: Tensor,
) -> SensitivityReport:
    """The report on `module`, called `network`: `pure` puts all of it into int8, `mix` less.

    `photos` (N, C, H, W), which calibration has not seen, judge, with the float network's logits
    (N, classes) for them.
    """

    def outcome(decisions: Decisions, slowdown: float, in_float: tuple[str, ...]) -> Outcome:
        logits = simulate(module, decisions, photos)
        return Outcome(
            predicted_db=predicted_db(pure.sensitivity, decisions.kernels),
            measured=compare_logits(float_logits.numpy(), logits.numpy()),
            slowdown=slowdown,
            in_float=in_float,
        )

    return SensitivityReport(
        network=network,
        parts=tuple(price_parts(module, pure, mix.decisions.kernels)),
        pure=outcome(pure, 1.0, ()),
        auto=outcome(mix.decisions, mix.slowdown, mix.in_float),
    )
