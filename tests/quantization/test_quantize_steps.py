"""The steps that keep answers: equalization, learned rounding, errors followed to the logits."""

import pytest
import torch
from small_network import SIDE, decibels, inputs, run, small_program
from torch import Tensor, nn
from torch.export import ExportedProgram

from deploy.capture.program import capture, constant, graph_module
from deploy.capture.simplify import simplify
from deploy.quantization import activations
from deploy.quantization.adjoint import Gradients, project, visit_gradients
from deploy.quantization.calibrate import Observer, run_photos
from deploy.quantization.cross_layer_equalization import (
    LARGEST_GAIN_CLAMPED,
    equalize,
    find_streams,
    peaks,
    reach,
)
from deploy.quantization.gptq import input_moments, round_weights
from deploy.quantization.ptq import Steps, decide
from deploy.quantization.ranges import (
    QParams,
    dequantize_weight,
    fake_quantize,
    quantize_weight,
    weight_scales,
)
from deploy.quantization.simulate import simulate
from deploy.quantization.write import XNNPACK, write_program


class Bottlenecks(nn.Module):
    """Two linear bottlenecks added, the first channel a hundred times as large as the others."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.expand = nn.Conv2d(8, 16, 1)
        self.project = nn.Conv2d(16, 8, 1)
        self.head = nn.Conv2d(8, 12, 1)
        with torch.no_grad():
            for conv in (self.first, self.project):
                conv.weight[0] *= 100
            for conv in (self.expand, self.head):
                conv.weight[:, 0] /= 100

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        x = x + self.project(torch.relu(self.expand(x)))
        return torch.relu(self.head(x)).mean((2, 3))


def uneven_program() -> ExportedProgram:
    torch.manual_seed(0)
    return simplify(capture(Bottlenecks(), (1, 3, SIDE, SIDE)))


def test_streams_run_through_residual_additions_and_end_at_convolutions() -> None:
    module = graph_module(small_program())
    streams = find_streams(module)
    joined = [s for s in streams if any(node.name == "add" for node in s.tensors)]
    assert len(joined) == 1
    assert len(joined[0].producers) == 2
    assert joined[0].consumers


def test_equalization_changes_no_answer_on_photos_like_those_it_saw() -> None:
    program, photos = small_program(), inputs(12)
    assert decibels(run(program, photos), run(equalize(program, photos), photos)) > 100


def test_equalization_evens_out_the_channels_of_a_residual_stream() -> None:
    program, photos = uneven_program(), inputs(12)

    def spread(of: ExportedProgram) -> float:
        module = graph_module(of)
        largest = peaks(module, find_streams(module), photos)["add"].amax(0)
        return float(largest.max() / largest.median())

    assert spread(equalize(program, photos)) < spread(program) / 4


class Detectors(nn.Module):
    """Four channels behind a ReLU6; the first sees red alone, but for `residue`."""

    def __init__(self, residue: float) -> None:
        super().__init__()
        self.detect, self.head = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 12, 1)
        with torch.no_grad():
            self.detect.weight[0] = torch.tensor([1.0, -2.0, -2.0]).view(3, 1, 1)
            self.detect.bias[0] = residue

    def forward(self, x: Tensor) -> Tensor:
        return self.head(nn.functional.relu6(self.detect(x))).mean((2, 3))


@pytest.mark.parametrize("residue", [0.0, 0.004])
def test_what_few_photos_show_is_not_taken_for_all_that_a_clamp_will_see(residue: float) -> None:
    """A channel that is there for one class is (nearly) silent on photos of all others."""
    torch.manual_seed(0)
    program = simplify(capture(Detectors(residue), (1, 3, SIDE, SIDE)))
    grey = torch.rand(24, 1, SIDE, SIDE).expand(-1, 3, -1, -1)
    hint, red = grey.clone(), torch.zeros(1, 3, SIDE, SIDE)
    hint[0] = torch.tensor([1.0, 0.2, 0.2]).view(3, 1, 1)
    red[:, 0] = 5.5
    for photos in (grey, hint):
        assert decibels(run(program, red), run(equalize(program, photos), red)) > 100


def test_a_channel_reaches_as_far_as_its_photos_differ() -> None:
    torch.manual_seed(0)
    steady = 1 + 0.1 * torch.rand(96)
    now_and_then = 0.2 + torch.rand(96) ** 20
    silent = torch.zeros(96)
    once = silent.clone()
    once[5] = 1.0
    seen = torch.stack([steady, now_and_then, silent, once], dim=1)
    reached = reach(seen)
    assert reached[0] == 2 * steady.max()
    assert 2.1 * now_and_then.max() < reached[1] < 5 * now_and_then.max()
    assert reached[2:].isinf().all()
    for few in (1, 2, 3):
        assert bool((reach(seen[:few])[:2] >= 2 * seen[:few].amax(0)[:2]).all())


def test_no_gain_behind_a_clamp_is_more_than_its_channels_leave_room_for() -> None:
    program, photos = small_program(), inputs(24)
    before, after = (graph_module(p) for p in (program, equalize(program, photos)))
    clamped = {node.name for stream in find_streams(before) for node in stream.bounds}
    was, now = (peaks(module, find_streams(module), photos) for module in (before, after))
    assert clamped
    for name in clamped:
        gains = now[name].amax(0) / was[name].amax(0)
        grown = gains > 1.001  # A silent channel has 0 / 0.
        assert float(gains[grown].max()) <= LARGEST_GAIN_CLAMPED + 1e-4
        assert bool((gains * reach(was[name]))[grown].le(6.001).all())


class SometimesLoud(nn.Module):
    """Nothing clips, and the first channel is a hundred times as loud, on red photos alone."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 12, 1)
        with torch.no_grad():
            self.first.weight[0] = 0
            self.first.weight[0, :, 1, 1] = torch.tensor([100.0, -60.0, -60.0])
            self.first.bias[0] = 0
            self.head.weight[:, 0] /= 100

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.first(x))).mean((2, 3))


def test_where_nothing_clips_all_channels_are_evened_out_whoever_drives_them() -> None:
    torch.manual_seed(0)
    program = simplify(capture(SometimesLoud(), (1, 3, SIDE, SIDE)))
    photos = torch.rand(40, 1, SIDE, SIDE).repeat(1, 3, 1, 1)
    photos[torch.arange(40) % 5 < 2, 1:] *= 0.3
    largest = [
        peaks(module, find_streams(module), photos)["relu"].amax(0)
        for module in map(graph_module, (program, equalize(program, photos)))
    ]
    before, after = (float(seen.max() / seen.median()) for seen in largest)
    assert after < before / 8


class ClampedTwice(nn.Module):
    """One clamp reads another, and the convolutions are as `dtype` has them."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3).to(dtype)
        self.second = nn.Conv2d(8, 12, 1).to(dtype)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x.to(self.first.weight.dtype))
        x = torch.clamp(nn.functional.relu6(x), 0, 3)
        return self.second(x).float().mean((2, 3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_clamps_in_a_row_and_weights_of_other_types_are_equalized(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    photos = inputs(12)
    program = capture(ClampedTwice(dtype), (1, 3, SIDE, SIDE))
    equalized = equalize(program, photos)
    assert {p.dtype for p in (*equalized.state_dict.values(), *equalized.constants.values())} == {
        dtype
    }
    assert decibels(run(program, photos), run(equalized, photos)) > (
        40 if dtype == torch.bfloat16 else 100
    )


def test_learned_rounding_leaves_less_error_in_a_layer_than_the_nearest_codes() -> None:
    torch.manual_seed(0)
    mixing = torch.randn(16, 16)
    x = torch.relu(torch.randn(400, 16) @ mixing)
    weight, bias = torch.randn(8, 16) / 4, torch.randn(8)
    augmented = torch.cat([x, torch.ones(400, 1)], dim=1).double()
    scales = weight_scales(weight) * 16  # As coarse as four bits, so that rounding matters.
    codes, new_bias = round_weights(weight, bias, scales, (augmented.T @ augmented)[None] / 400)
    wanted = x @ weight.T + bias
    learned = x @ dequantize_weight(codes, scales).T + new_bias
    nearest = x @ dequantize_weight(quantize_weight(weight, scales), scales).T + bias
    assert decibels(wanted, learned) > decibels(wanted, nearest) + 2


@pytest.mark.parametrize("name", ["conv2d", "conv2d_1", "linear"])
def test_input_moments_are_those_of_what_the_weights_multiply(name: str) -> None:
    """Seen from the mean output, which the last row of the moments and the weights give."""
    module, photos = graph_module(small_program()), inputs(6)
    moments = input_moments(module, [name], photos)[name]
    (node,) = (node for node in module.graph.nodes if node.name == name)
    weight, bias = constant(module, node.args[1]), constant(module, node.args[2])
    assert weight is not None
    assert bias is not None
    rows = weight.flatten(1).double().reshape(len(moments), -1, weight[0].numel())
    means = (rows @ moments[:, -1, :-1, None]).flatten() + bias
    seen: list[Tensor] = []
    observer = Observer(module, lambda at, value: seen.append(value) if at == name else None)
    with torch.inference_mode():
        for photo in photos:
            observer.run(photo[None])
    expected = torch.cat(seen).transpose(0, 1).flatten(1).mean(1)
    torch.testing.assert_close(means.float(), expected, rtol=1e-4, atol=1e-5)


def test_a_small_error_moves_the_logits_as_its_projection_foretells() -> None:
    program, photos = small_program(), inputs(24)
    module = graph_module(program)
    total, generator = [], torch.Generator().manual_seed(1)
    noise = {"conv2d_1": None}

    def visit(values: dict[str, Tensor], gradients: Gradients) -> None:
        for name in noise:
            error = torch.randn(values[name].shape, generator=generator) * 1e-3
            by_all = torch.stack(list(gradients[name].values())).sum(0)
            total.append(float(project(error, by_all).square().mean()))

    visit_gradients(module, noise, photos, visit)
    generator.manual_seed(1)

    class Noisy(Observer):
        def run_node(self, n: torch.fx.Node) -> object:
            value = super().run_node(n)
            if n.name in noise:
                assert isinstance(value, Tensor)
                value = value + torch.randn(value.shape, generator=generator) * 1e-3
            return value

    noisy = Noisy(module, lambda name, value: None)
    with torch.inference_mode():
        moved = torch.cat([noisy.run(photo[None]) for photo in photos]) - run(program, photos)
    assert sum(total) == pytest.approx(float(moved.square().sum()), rel=0.35)


def test_the_simulation_is_the_program_that_is_written() -> None:
    program, photos = small_program(), inputs(8)
    decisions = decide(program, photos)
    simulated = simulate(graph_module(program), decisions, photos)
    assert decibels(run(write_program(program, decisions, XNNPACK), photos), simulated) > 60


def test_what_is_relieved_is_no_longer_quantized() -> None:
    program, photos = small_program(), inputs(8)
    module = graph_module(program)
    decisions = decide(program, photos)
    assert decisions.keep_in_float(module, ["conv2d_1"]).in_float == {"conv2d_1": "conv"}
    everything = [kernel.node for kernel in decisions.kernels]
    none_left = decisions.keep_in_float(module, everything)
    assert none_left.activations == {}
    assert decibels(run(program, photos), simulate(module, none_left, photos)) > 100


def test_all_steps_together_beat_none_on_photos_not_seen() -> None:
    program, photos, unseen = uneven_program(), inputs(16), inputs(24, seed=1)
    plain = Steps(ranges="min-max", learned_rounding=False)
    reference = run(program, unseen)

    def quality(of: ExportedProgram, steps: Steps) -> float:
        return decibels(
            reference, simulate(graph_module(of), decide(of, photos, steps=steps), unseen)
        )

    assert quality(equalize(program, photos), Steps()) > quality(program, plain) + 2


def test_errors_of_many_candidates_are_those_of_fake_quantization(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(activations, "CHUNK", 64)
    generator = torch.Generator().manual_seed(0)
    value = torch.randn(1, 5, 7, 9, generator=generator)
    gradients = torch.randn(2, 4, *value.shape, generator=generator)
    candidates = [QParams.from_range(-3, 4), QParams.from_range(-0.3, 2), QParams.from_range(0, 9)]
    expected = [project(fake_quantize(value, q) - value, gradients) for q in candidates]
    seen, clipped = activations._project_each(value, candidates, gradients)
    torch.testing.assert_close(seen, torch.stack(expected), rtol=1e-4, atol=1e-4)
    expected = [project(clip(value, q) - value, gradients) for q in candidates]
    torch.testing.assert_close(clipped, torch.stack(expected), rtol=1e-4, atol=1e-4)


def clip(value: Tensor, q: QParams) -> Tensor:
    return value.clamp((-128 - q.zero_point) * q.scale, (127 - q.zero_point) * q.scale)


def test_clipping_counts_more_than_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    program, photos = uneven_program(), inputs(16)

    def clipped() -> float:
        found = decide(program, photos).activations
        lost: list[float] = []

        def observe(name: str, value: Tensor) -> None:
            if name in found:
                off = clip(value, found[name]) - value
                lost.append(float(off.square().sum() / value.square().sum()))

        run_photos(Observer(graph_module(program), observe), photos)
        return sum(lost)

    counted = clipped()
    monkeypatch.setattr(activations, "CLIPPING", 1.0)
    assert counted < 0.9 * clipped()


def test_logits_may_be_larger_than_any_that_was_seen() -> None:
    program, photos = uneven_program(), inputs(16)
    (output,) = program.graph_signature.user_outputs
    seen = run(program, photos)
    q = decide(program, photos).activations[output]
    largest = (127 - q.zero_point) * q.scale
    assert 1.35 * seen.max() < largest < 1.45 * seen.max()


def test_what_was_always_zero_gets_a_scale_that_float16_can_hold() -> None:
    """As behind a head that starts at zero: Core ML would lose the quantize of a smaller scale."""
    q = QParams.from_range(0.0, 0.0)
    assert torch.tensor(q.scale).half().item() == q.scale > 0
    assert torch.equal(fake_quantize(torch.zeros(3), q), torch.zeros(3))
