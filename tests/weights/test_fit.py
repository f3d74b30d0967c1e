"""Tensors arrive in a network whole, or the refusal says what does not fit."""

import re

import pytest
import torch
from torch import Tensor, nn
from weight_files import ROW, Tiny, averaged, beside, misfit, prefixed, trained

from deploy.support.errors import WeightsError
from deploy.weights.fit import Fitted, fit_weights, load_weights
from models.mobilenet_v2 import mobilenet_v2
from models.registry import create
from models.weights.layouts import from_ours
from models.weights.source import LayoutName


def test_missing_and_left_over_tensors_are_named() -> None:
    state = trained().state_dict()
    del state["classifier.1.bias"]
    state["head.weight"] = torch.ones(1)
    message = misfit(state)
    assert "1 of 8 tensors are missing (classifier.1.bias)" in message
    assert "1 are left over (head.weight)" in message
    assert "features.1.weight, ..." in misfit({})


def test_a_tensors_name_cannot_break_the_line_or_the_terminal() -> None:
    state = {**trained().state_dict(), "loss.a\nb\x1b[31m": torch.ones(1)}
    assert r"a\nb\x1b[31m" in load_weights(Tiny(), state, file_name="w.pth")
    del state["features.0.bias"]
    assert r"a\nb\x1b[31m" in misfit(state)


def test_other_shapes_are_named() -> None:
    message = misfit(dict(Tiny(channels=8).state_dict()))
    assert "features.0.weight is 8x3x3x3 in the file, 4x3x3x3 in the network" in message
    assert "check the network, its width and classes" in message


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(value: float) -> None:
    state = trained().state_dict()
    state["features.1.running_var"][2] = value
    assert "features.1.running_var holds NaN or infinity" in misfit(state)


def test_integers_and_tensors_without_data_are_refused() -> None:
    state = trained().state_dict()
    assert "features.0.weight is int8" in misfit(
        state | {"features.0.weight": torch.ones(4, 3, 3, 3, dtype=torch.int8)}
    )
    assert "on meta" in misfit(state | {"features.0.weight": torch.ones(4, 3, 3, 3, device="meta")})


def test_a_networks_own_prefix_is_kept() -> None:
    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = Tiny()

    network = Wrapped()
    load_weights(network, prefixed("module.model."), file_name="w.pth")
    assert torch.equal(network.model.features[0].weight, trained().features[0].weight)


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.complex64, torch.int32, torch.bool])
def test_numbers_that_are_no_weights_are_refused(dtype: torch.dtype) -> None:
    state = trained().state_dict() | {"classifier.1.bias": torch.ones(3).to(dtype)}
    assert f"classifier.1.bias is {str(dtype).removeprefix('torch.')}, not floating" in misfit(
        state
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floating_points_become_float32(dtype: torch.dtype) -> None:
    network, state = Tiny(), {k: t.to(dtype) for k, t in trained().state_dict().items()}
    load_weights(network, state, file_name="w.pth")
    assert network.features[0].weight.dtype == torch.float32
    assert torch.equal(network.features[0].weight, state["features.0.weight"].float())


def test_doubles_beyond_float32_are_refused() -> None:
    state = trained().state_dict()
    state["classifier.1.bias"] = torch.tensor([1e300, 0, 0], dtype=torch.float64)
    assert "classifier.1.bias holds NaN or infinity" in misfit(state)


# MobileNetV2


def test_a_fine_tuned_head_sets_the_classes() -> None:
    state = mobilenet_v2(width=0.35, classes=7).state_dict()
    for prefix in ("", "module."):
        given = {prefix + name: tensor for name, tensor in state.items()}
        fitted = fit_weights(given, "mobilenet_v2", width=0.35, file_name="w.pth")
        assert fitted.classes == 7


@pytest.fixture(scope="module")
def v2() -> dict[str, Tensor]:
    return mobilenet_v2(width=0.1, classes=3).state_dict()


def fit_v2(state: dict[str, Tensor], prefix: str | None = None) -> Fitted:
    return fit_weights(state, "mobilenet_v2", width=0.1, file_name="w.pth", prefix=prefix)


@pytest.mark.parametrize("layout", ["torchvision", "timm"])
def test_strangers_beside_mobilenet_are_named(v2: dict[str, Tensor], layout: LayoutName) -> None:
    theirs = from_ours(v2, create("mobilenet_v2", width=0.1, classes=3), layout)
    state = {f"model.{name}": tensor for name, tensor in theirs.items()}
    fitted = fit_v2(state | beside(criterion__pos_weight=ROW, model__aux__weight=ROW))
    assert (fitted.layout, fitted.classes) == (layout, 3)
    assert fitted.left_out == (
        "takes the 262 tensors under model and leaves 2 out "
        "(model.aux.weight, criterion.pos_weight)"
    )
    assert fit_v2(state).left_out == ""
    assert all(torch.equal(fitted.state_dict[name], v2[name]) for name in fitted.state_dict)

    inside = next(iter(theirs)).rpartition(".")[0] + ".lora_a"
    with pytest.raises(WeightsError, match=rf"1 are left over \({re.escape(inside)}\)"):
        fit_v2(theirs | {inside: ROW})


def test_a_student_and_a_teacher_of_mobilenet_are_asked_about(v2: dict[str, Tensor]) -> None:
    state = {f"student.{k}": t for k, t in v2.items()}
    state |= {f"teacher.{k}": t for k, t in averaged(v2).items()}
    with pytest.raises(
        WeightsError,
        match=r"holds 2 networks that fit, under student and teacher: choose one, such as "
        r"--weights-prefix teacher$",
    ):
        fit_v2(state)
    for prefix, added in (("student", 0), ("teacher.", 1)):
        name = "features.0.0.weight"
        assert torch.equal(fit_v2(state, prefix).state_dict[name], v2[name] + added)


def test_a_backbone_under_a_head_of_ones_own_is_refused(v2: dict[str, Tensor]) -> None:
    state = {f"backbone.{k}": t for k, t in v2.items() if not k.startswith("classifier.")}
    with pytest.raises(WeightsError) as caught:
        fit_v2(state | beside(head__weight=torch.ones(3, 1280), head__bias=ROW))
    assert "2 of 262 tensors are missing (classifier.1.weight, classifier.1.bias)" in str(
        caught.value
    )
    assert "2 are left over (head.weight, head.bias)" in str(caught.value)


@pytest.mark.parametrize(
    ("classes", "said"),
    [(0, "classifier.1.weight is 0x1280 in the file"), (1, "its head has 1 output, and an app")],
)
def test_a_head_of_fewer_than_two_outputs_is_refused_by_what_to_do(
    v2: dict[str, Tensor], classes: int, said: str
) -> None:
    head = {k: t[:classes] for k, t in v2.items() if k.startswith("classifier.")}
    with pytest.raises(WeightsError, match=said):
        fit_v2(v2 | head)


def test_what_is_said_to_do_about_a_single_output_is_right(v2: dict[str, Tensor]) -> None:
    head = {k: t[:1] for k, t in v2.items() if k.startswith("classifier.")}
    two = {k: torch.cat([torch.zeros_like(t), t]) for k, t in head.items()}
    assert fit_v2(v2 | two).classes == 2
    x = torch.randn(4, 1280)
    z = nn.functional.linear(x, head["classifier.1.weight"], head["classifier.1.bias"])
    logits = nn.functional.linear(x, two["classifier.1.weight"], two["classifier.1.bias"])
    torch.testing.assert_close(logits.softmax(1)[:, 1:], z.sigmoid())


def test_values_that_are_not_finite_are_named_as_in_the_file(v2: dict[str, Tensor]) -> None:
    theirs = from_ours(v2, create("mobilenet_v2", width=0.1, classes=3), "timm")
    theirs["blocks.3.0.bn2.bias"] = theirs["blocks.3.0.bn2.bias"] / 0
    with pytest.raises(WeightsError, match=r"m\.blocks\.3\.0\.bn2\.bias holds NaN or infinity"):
        fit_v2({f"m.{name}": tensor for name, tensor in theirs.items()})


def test_weights_without_a_classifier_are_refused() -> None:
    state = mobilenet_v2(width=0.35).features.state_dict(prefix="features.")
    with pytest.raises(WeightsError, match=r"2 of 262 tensors are missing \(classifier\.1\.w"):
        fit_weights(state, "mobilenet_v2", width=0.35, file_name="w.pth")


@pytest.mark.parametrize("channels", ["1 channel", "4 channels"])
@pytest.mark.parametrize(
    ("layout", "stem"),
    [
        ("torchvision", "features.0.0.weight"),
        ("timm", "conv_stem.weight"),
        ("keras", "conv1/kernel"),
    ],
)
def test_weights_for_other_than_colour_photos_are_refused_by_their_stem(
    layout: LayoutName, stem: str, channels: str
) -> None:
    network = mobilenet_v2(width=0.35, classes=2, in_channels=int(channels[0]))
    floats = {k: t for k, t in network.state_dict().items() if t.is_floating_point()}
    theirs = from_ours(floats, network, layout)
    message = f"w: the first convolution, {stem}, takes {channels} where photos have 3 (RGB): "
    with pytest.raises(WeightsError, match=f"^{re.escape(message)}give weights trained on RGB"):
        fit_weights(theirs, "mobilenet_v2", width=0.35, file_name="w")
