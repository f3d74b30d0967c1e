"""Gains and ranges learned by gradient: exact in float, better in int8, the same every time."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from small_network import SmallV3, decibels, every_fourth, inputs, run, small_program
from test_quantize_steps import uneven_program
from torch import Tensor
from torch.export import ExportedProgram

from deploy.capture.program import graph_module
from deploy.quantization.cross_layer_equalization import find_streams
from deploy.quantization.effort import EFFORTS
from deploy.quantization.learn import with_learned_gains
from deploy.quantization.learned_equalization import (
    Learned,
    equalize_as_learned,
    learn_equalization,
    prove_learned,
)
from deploy.quantization.ptq import Decisions, decide
from deploy.quantization.ranges import INT8_MIN, STEPS, QParams
from deploy.quantization.simulate import simulate
from deploy.support.errors import GateError
from deploy.support.reporter import Silent


def learn_gains(program: ExportedProgram, photos: Tensor, *, steps: int) -> Learned:
    return learn_equalization(
        program, decide(program, photos), photos, apart=every_fourth(photos), steps=steps
    )


def test_what_is_learned_beats_where_it_started_on_photos_not_seen() -> None:
    """A residual stream with one channel a hundred times as large as the others."""
    photos, unseen = inputs(32), inputs(48, seed=1)
    program = uneven_program()
    start = decide(program, photos)
    better, ranges = equalize_as_learned(
        program, learn_equalization(program, start, photos, apart=every_fourth(photos), steps=48)
    )
    float_logits = run(program, unseen)

    def quality(of: ExportedProgram, decisions: Decisions) -> float:
        return decibels(float_logits, simulate(graph_module(of), decisions, unseen))

    learned = quality(better, decide(better, photos, ranges=ranges))
    assert learned > quality(program, start) + 1


@pytest.mark.parametrize("program", [uneven_program(), small_program(SmallV3)])
def test_gains_change_no_answer_in_float_and_are_the_same_every_time(
    program: ExportedProgram,
) -> None:
    photos = inputs(12)
    learned, again = (learn_gains(program, photos, steps=8) for _ in range(2))
    after, ranges = equalize_as_learned(program, learned)
    prove_learned(program, after, learned, photos.numpy())
    assert decibels(run(program, photos), run(after, photos)) > 100
    assert ranges == equalize_as_learned(program, again)[1]
    assert all(torch.equal(a, b) for a, b in zip(learned.gains, again.gains, strict=True))


def test_a_clamp_that_cost_nothing_still_does() -> None:
    """Where codes go on beyond the clamp, onnxruntime leaves the whole convolution in float."""
    program, photos = small_program(), inputs(8)
    start = decide(program, photos)
    clamped = {kernel.output: kernel.bounds for kernel in start.kernels if kernel.clamp}
    largest = {name: 6 / STEPS if high == 6 else 1.0 for name, (_, high) in clamped.items()}
    at_most = {name: QParams(largest[name], INT8_MIN) for name in clamped}
    wide = replace(start, activations={**start.activations, **at_most})
    apart = every_fourth(photos)
    ranges = learn_equalization(program, wide, photos, apart=apart, steps=8).ranges
    assert clamped
    assert all(ranges[name].saturates(bounds) for name, bounds in clamped.items())


def test_a_gain_that_reaches_a_clamp_is_refused() -> None:
    program, photos = small_program(), inputs(8)
    learned = learn_gains(program, photos, steps=1)
    reckless = replace(learned, gains=tuple(gains * 50 for gains in learned.gains))
    after, _ = equalize_as_learned(program, reckless)
    with pytest.raises(GateError, match="learned equalization"):
        prove_learned(program, after, reckless, photos.numpy())


def test_gains_are_taken_where_they_are_better_and_only_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program, photos = uneven_program(), inputs(32)
    effort = replace(EFFORTS["high"], equalization=48)
    start = decide(program, photos, effort=effort)

    def learned() -> tuple[ExportedProgram, Decisions]:
        apart = every_fourth(photos)
        return with_learned_gains(
            program, start, photos, apart=apart, effort=effort, reporter=Silent()
        )

    better, decisions = learned()
    assert better is not program
    assert decisions.activations != start.activations

    def learn_nonsense(program: ExportedProgram, *_: object, **__: object) -> Learned:
        gains = tuple(torch.ones(s.channels) for s in find_streams(graph_module(program)))
        coarse = {n: replace(q, scale=8 * q.scale) for n, q in start.activations.items()}
        return Learned(gains=gains, ranges=coarse)

    monkeypatch.setattr("deploy.quantization.learn.learn_equalization", learn_nonsense)
    assert learned() == (program, start)


def test_ranges_that_a_rule_sets_are_not_learned() -> None:
    program, photos = small_program(SmallV3), inputs(8)
    decisions = decide(program, photos)
    apart = every_fourth(photos)
    ranges = learn_equalization(program, decisions, photos, apart=apart, steps=4).ranges
    ruled = decisions.activations.keys() - ranges.keys() - decisions.sensitivity.moved.keys()
    assert "linear_1" in ruled  # The logits.
    assert any("hardsigmoid" in name or "hardtanh" in name or "clamp" in name for name in ruled)
