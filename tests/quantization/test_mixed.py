"""Which parts stay in float: what each costs the answers and the time, and the greedy choice."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small_network import (
    CLASSES,
    LABELS,
    PREPROCESSING,
    SIDE,
    Small,
    SmallV3,
    decibels,
    inputs,
    run,
    small_program,
)
from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import GraphModule

from deploy.capture.program import capture, graph_module
from deploy.capture.simplify import simplify
from deploy.exporters import onnx as onnx_export
from deploy.exporters.interface import Spec
from deploy.quantization import mixed_precision as mixed
from deploy.quantization.cost_model import CostModel
from deploy.quantization.mixed_precision import expected_agreement, greedy_steps, leave_in_float
from deploy.quantization.ptq import Decisions, decide
from deploy.quantization.simulate import simulate
from deploy.quantization.write import ONNXRUNTIME, XNNPACK, Dialect, write_program
from deploy.support.errors import UserError

# The small network's kernels hardly differ in time, so that all of it is near any budget.
WHOLE = 10.0


@pytest.fixture(scope="module")
def program() -> ExportedProgram:
    return small_program()


@pytest.fixture(scope="module")
def module(program: ExportedProgram) -> GraphModule:
    return graph_module(program)


@pytest.fixture(scope="module")
def pure(program: ExportedProgram) -> Decisions:
    return decide(program, inputs(16))


def error_energy(reference: Tensor, other: Tensor) -> float:
    return float((other - reference).square().sum())


@pytest.mark.parametrize(
    "in_float",
    [[], ["conv2d"], ["conv2d_1", "conv2d_2"], ["add"], ["conv2d_3", "add"], ["mean"], ["linear"]],
)
def test_the_error_of_a_mix_is_foretold(
    program: ExportedProgram, module: GraphModule, pure: Decisions, in_float: list[str]
) -> None:
    photos = inputs(16)
    mix = pure.keep_in_float(module, in_float)
    measured = error_energy(run(program, photos), simulate(module, mix, photos))
    assert pure.sensitivity.energy(mix.kernels) == pytest.approx(measured, rel=0.5)


def test_a_tensor_that_only_some_read_in_int8_costs_less_than_one_that_all_do(
    module: GraphModule, pure: Decisions
) -> None:
    """The stem's output goes to the block and to the addition; float makes it, float adds it."""
    parts = pure.sensitivity.parts(pure.keep_in_float(module, ["conv2d", "add"]).kernels)
    assert 0 < parts["hardtanh"] < pure.sensitivity.parts(pure.kernels)["hardtanh"]


@pytest.mark.parametrize("dialect", [XNNPACK, ONNXRUNTIME])
@pytest.mark.parametrize("network", [Small, SmallV3])
def test_the_simulation_of_a_mix_is_the_program_that_is_written(
    network: type[torch.nn.Module], dialect: Dialect
) -> None:
    program, photos = small_program(network), inputs(8)
    module = graph_module(program)
    mix = decide(program, photos).keep_in_float(module, ["conv2d", "add"])
    written = run(write_program(program, mix, dialect), photos)
    # onnxruntime's hard-swish is made of two products, a rounding more.
    bound = 60 if dialect is XNNPACK or network is Small else 30
    assert decibels(written, simulate(module, mix, photos)) > bound


def test_each_step_takes_error_away_and_none_is_beyond_the_budget(
    module: GraphModule, pure: Decisions
) -> None:
    steps = list(greedy_steps(module, pure, budget=1.5))
    assert steps[0] == (frozenset(), 1.0)
    assert len(steps) > 2
    energies = [
        pure.sensitivity.energy(pure.keep_in_float(module, left).kernels) for left, _ in steps
    ]
    assert energies == sorted(energies, reverse=True)
    assert all(slowdown <= 1.5 for _, slowdown in steps)
    assert steps == list(greedy_steps(module, pure, budget=1.5))


def test_with_all_the_time_in_the_world_hardly_any_error_is_left(
    module: GraphModule, pure: Decisions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mixed, "LARGEST_FLOAT_SHARE", 1.0)
    *_, (left_out, _) = greedy_steps(module, pure, budget=WHOLE)
    rest = pure.keep_in_float(module, left_out)
    assert pure.sensitivity.energy(rest.kernels) < 0.02 * pure.sensitivity.energy(pure.kernels)


class Padded(torch.nn.Module):
    """A convolution in float would read int8 values by way of a pad that no kernel takes along."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Conv2d(3, 8, 3)
        self.second = torch.nn.Conv2d(8, 8, 3)
        self.last = torch.nn.Conv2d(8, CLASSES, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.nn.functional.pad(self.first(x).relu(), (1, 1, 1, 1), value=0.25)
        return self.last(self.second(x).relu()).mean((2, 3))


@pytest.mark.parametrize("network", [Small, Padded])
def test_no_convolution_is_in_float_between_int8_ones(
    network: type[torch.nn.Module], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """onnxruntime would make it int8 again, by a recipe of its own."""
    monkeypatch.setattr(mixed, "LARGEST_FLOAT_SHARE", 1.0)
    program = small_program(network)
    module = graph_module(program)
    pure = decide(program, inputs(8))
    spec = Spec(precision="int8", preprocessing=PREPROCESSING, labels=LABELS)
    for left_out, _ in greedy_steps(module, pure, budget=WHOLE):
        mix = pure.keep_in_float(module, left_out)
        path = tmp_path / "mix.onnx"
        onnx_export.export(write_program(program, mix, onnx_export.DIALECT), path, spec)
        in_float = onnx_export.count_operators(path).heavy_in_float()
        assert in_float == mix.heavy_in_float(), left_out


def test_at_most_a_quarter_of_the_work_is_in_float(module: GraphModule, pure: Decisions) -> None:
    cost = CostModel(module, pure.kernels)
    for left_out, _ in greedy_steps(module, pure, budget=WHOLE):
        assert cost.float_share(pure.keep_in_float(module, left_out).kernels) <= 0.25


def test_nothing_goes_to_float_where_int8_reaches_the_target(
    module: GraphModule, pure: Decisions
) -> None:
    mix = leave_in_float(module, pure, inputs(16), target=0.1)
    assert (mix.in_float, mix.slowdown, mix.decisions) == ((), 1.0, pure)


def test_all_that_the_budget_buys_where_the_target_is_out_of_reach(
    module: GraphModule, pure: Decisions
) -> None:
    mix = leave_in_float(module, pure, inputs(16), target=1.1, budget=1.5)
    *_, (left_out, slowdown) = greedy_steps(module, pure, budget=1.5)
    assert (set(mix.in_float), mix.slowdown) == (left_out, slowdown)


@pytest.mark.parametrize("noise", [0.05, 0.3, 1.0])
def test_the_agreement_that_is_expected_is_the_one_that_many_draws_give(noise: float) -> None:
    generator = torch.Generator().manual_seed(0)
    float_logits = torch.randn(60, 40, generator=generator)
    counted = 0.0
    for _ in range(200):
        drawn = float_logits + noise * torch.randn(float_logits.shape, generator=generator)
        counted += float((drawn.argmax(1) == float_logits.argmax(1)).float().mean()) / 200
    assert expected_agreement(float_logits, drawn) == pytest.approx(counted, abs=0.03)


def test_logits_without_an_error_are_expected_to_agree() -> None:
    float_logits = torch.randn(8, 5, generator=torch.Generator().manual_seed(0))
    assert expected_agreement(float_logits, float_logits) == 1


def test_float_costs_time_and_so_does_going_back_and_forth(
    module: GraphModule, pure: Decisions
) -> None:
    cost = CostModel(module, pure.kernels)

    def slowdown(*in_float: str) -> float:
        return cost.slowdown(pure.keep_in_float(module, in_float).kernels)

    assert slowdown() == 1
    assert slowdown("conv2d_1") > 1
    # Apart they convert what lies between them, together they do not.
    apart = slowdown("conv2d_1") - 1 + slowdown("conv2d_2") - 1
    assert slowdown("conv2d_1", "conv2d_2") - 1 < apart


def test_a_tensor_read_by_way_of_a_flatten_costs_what_it_does_without(
    module: GraphModule, pure: Decisions
) -> None:
    """The linear reads the mean's integers though a float operator makes the mean."""
    parts = pure.sensitivity.parts(pure.keep_in_float(module, ["mean"]).kernels)
    assert parts["mean"] == pytest.approx(pure.sensitivity.parts(pure.kernels)["mean"])


def test_a_network_without_an_int8_kernel_is_refused_in_one_line() -> None:
    class Transposed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.ConvTranspose2d(3, 5, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x).amax((2, 3)).softmax(1)

    program = simplify(capture(Transposed(), (1, 3, SIDE, SIDE)))
    with pytest.raises(UserError, match="has an int8 kernel"):
        decide(program, inputs(2))
