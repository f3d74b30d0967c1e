"""Biases learned by gradient: what roundings shift is taken back, on photos not seen too."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from small_network import decibels, every_fourth, inputs, run, small_program
from test_quantize_steps import uneven_program

from deploy.capture.program import graph_module
from deploy.quantization.effort import EFFORTS
from deploy.quantization.learn import with_learned_biases
from deploy.quantization.learned_biases import learn_biases
from deploy.quantization.ptq import Decisions, decide
from deploy.quantization.simulate import simulate
from deploy.quantization.train import hold_out
from deploy.support.reporter import Silent


def with_shifted_biases(decisions: Decisions, steps: float) -> Decisions:
    """As if roundings had shifted what each layer makes by so many of its steps."""
    made = {kernel.node: kernel.output for kernel in decisions.kernels}
    weights = {
        name: replace(chosen, bias=chosen.bias + steps * decisions.activations[made[name]].scale)
        for name, chosen in decisions.weights.items()
    }
    return replace(decisions, weights=weights)


def test_a_shift_is_taken_back_on_photos_not_seen() -> None:
    program, photos, unseen = uneven_program(), inputs(24), inputs(24, seed=1)
    module = graph_module(program)
    shifted = with_shifted_biases(decide(program, photos), 0.2)
    learned = learn_biases(module, shifted, photos, apart=every_fourth(photos), steps=48)
    logits = run(program, unseen)
    before, after = (decibels(logits, simulate(module, d, unseen)) for d in (shifted, learned))
    assert after > before + 3
    for name, chosen in learned.weights.items():
        assert (chosen.codes == shifted.weights[name].codes).all()
        assert (chosen.scales == shifted.weights[name].scales).all()


def test_they_are_the_same_every_time_and_only_the_best_moment_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program, photos = small_program(), inputs(12)
    module, start = graph_module(program), decide(program, photos)
    apart = every_fourth(photos)
    once, again = (learn_biases(module, start, photos, apart=apart, steps=8) for _ in range(2))
    for name, chosen in once.weights.items():
        assert (chosen.bias == again.weights[name].bias).all()
    monkeypatch.setattr("deploy.quantization.learned_biases.RATE", 10.0)
    wild = learn_biases(module, start, photos, apart=apart, steps=8)
    for name, chosen in wild.weights.items():
        assert (chosen.bias == start.weights[name].bias).all()


def test_they_are_taken_only_where_they_are_better(monkeypatch: pytest.MonkeyPatch) -> None:
    program, photos = uneven_program(), inputs(24)
    module, start = graph_module(program), decide(program, photos)
    effort = replace(EFFORTS["high"], biases=48)

    def taken(given: Decisions) -> Decisions:
        return with_learned_biases(
            module,
            given,
            photos,
            apart=every_fourth(photos),
            effort=effort,
            reporter=Silent(),
        )

    shifted = with_shifted_biases(start, 0.2)
    assert taken(shifted) is not shifted

    def learn_nonsense(*_: object, **__: object) -> Decisions:
        return with_shifted_biases(start, 5.0)

    monkeypatch.setattr("deploy.quantization.learn.learn_biases", learn_nonsense)
    assert taken(start) is start


def test_no_crop_of_a_photo_that_teaches_is_held_out() -> None:
    photos = [f"photo {i % 6}" for i in range(20)]
    held = {photo for photo, apart in zip(photos, hold_out(photos), strict=True) if apart}
    assert held == {"photo 3"}
    assert not torch.any(hold_out(["a", "b", "c"] * 4))
