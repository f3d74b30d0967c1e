import argparse
import os
import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import deploy.weights.choose
from deploy.support.errors import UserError, WeightsError
from deploy.support.reporter import Silent
from deploy.weights import (
    ChosenWeights,
    Fitted,
    choose_weights,
    find_known_file,
    find_source,
    fit_weights,
    load_weights,
    read_state_dict,
)
from models.mobilenet_v2 import mobilenet_v2
from models.pinned import Url, WheelMember
from models.registry import NETWORKS, create
from models.weights import SOURCES
from models.weights.layouts import from_ours
from models.weights.source import LayoutName


class Tiny(nn.Module):
    """Four tensors and a batch norm, named like our networks."""

    def __init__(self, *, channels: int = 4, classes: int = 3) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, channels, 3), nn.BatchNorm2d(channels))
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(channels, classes))


def save(folder: Path, content: object, name: str = "w.pth") -> Path:
    torch.save(content, folder / name)
    return folder / name


def assert_loads(path: Path) -> None:
    """The file's tensors, `Tiny`'s of `torch.manual_seed(1)`, arrive in another `Tiny`."""
    network = Tiny()
    load_weights(network, read_state_dict(path), file_name=path.name)
    wanted = trained().state_dict()
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, wanted[name]), name


def trained() -> Tiny:
    torch.manual_seed(1)
    return Tiny()


def refusal(path: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        read_state_dict(path)
    message = str(caught.value)
    assert path.name in message
    assert "\n" not in message
    return message


class Warned(Silent):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, message: str) -> None:
        self.warnings.append(message)


# Reading


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_a_state_dict_is_read(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "w.pth"
    torch.save(trained().state_dict(), path, _use_new_zipfile_serialization=zipped)
    assert_loads(path)


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_safetensors_are_known_by_content(tmp_path: Path, name: str) -> None:
    save_file(trained().state_dict(), tmp_path / name)
    assert_loads(tmp_path / name)


def prefixed(prefix: str) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in trained().state_dict().items()}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda: {"state_dict": trained().state_dict(), "epoch": 3},
        lambda: {"model": trained().state_dict(), "optimizer": {"state": {}, "param_groups": []}},
        lambda: {"model": trained().state_dict(), "args": argparse.Namespace(lr=0.1)},
        lambda: {"model_state": trained().state_dict()},
        lambda: {"model": {"state_dict": trained().state_dict()}},
        lambda: {"model": Tiny().state_dict(), "model_ema": trained().state_dict()},
        lambda: {"model_ema": {"n_averaged": torch.tensor(7), **prefixed("module.")}},
        lambda: {"ema": trained().state_dict()},
        lambda: prefixed("module."),
        lambda: {"state_dict": prefixed("model.")},
        lambda: prefixed("module._orig_mod."),
        lambda: {k: v for k, v in trained().state_dict().items() if "num_batches" not in k},
        lambda: {**trained().state_dict(), "epoch": 3},
    ],
)
def test_wrappers_of_training_scripts_are_understood(
    tmp_path: Path, wrap: Callable[[], object]
) -> None:
    assert_loads(save(tmp_path, wrap()))


class Marker:
    """Creates a file where its pickle is run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("how", ["torch", "torch legacy", "plain pickle", "named safetensors"])
def test_pickled_code_is_named_and_not_run(tmp_path: Path, how: str) -> None:
    marker = tmp_path / "was-run"
    content = {"features.0.weight": torch.ones(1), "x": Marker(marker)}
    path = tmp_path / ("w.safetensors" if how == "named safetensors" else "w.pth")
    if how == "plain pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=how != "torch legacy")
    message = refusal(path)
    assert not marker.exists()
    assert "never run" in message
    assert "state_dict()" in message
    assert how == "plain pickle" or "mkdir" in message

    # The marker is able to tell: an unsafe reader does run it.
    if how == "plain pickle":
        pickle.loads(path.read_bytes())  # noqa: S301
        assert marker.exists()


def test_a_whole_pickled_network_is_refused_by_its_class(tmp_path: Path) -> None:
    assert "pickled Python code (torch.nn.modules" in refusal(save(tmp_path, nn.ReLU()))


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_a_torchscript_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2)).save(path)
    assert "is a TorchScript program: save its tensors" in refusal(path)


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
@pytest.mark.parametrize("keep", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path: Path, kind: str, keep: float) -> None:
    path = tmp_path / "w.bin"
    if kind == "safetensors":
        save_file(trained().state_dict(), path)
    else:
        torch.save(trained().state_dict(), path, _use_new_zipfile_serialization=kind == "zip")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    message = refusal(path)
    assert "fetch or save it again" in message or "never run" in message


def test_what_is_not_weights_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.pth"
    page.write_bytes(b"<html>404</html>")
    assert "neither a PyTorch, safetensors nor Keras file" in refusal(page)
    assert "does not exist: check the path" in refusal(tmp_path / "missing.pth")
    assert "is a folder" in refusal(tmp_path)


def test_a_file_without_named_tensors_is_refused(tmp_path: Path) -> None:
    itself: dict[str, object] = {}
    itself["model"] = itself
    for content in ({"epoch": 3}, [torch.ones(1)], torch.ones(1), {1: torch.ones(1)}, itself):
        assert "holds no tensors" in refusal(save(tmp_path, content))
    save_file({}, tmp_path / "e.safetensors")
    assert "holds no tensors" in refusal(tmp_path / "e.safetensors")


# Fitting


def misfit(state: dict[str, Tensor], network: nn.Module | None = None) -> str:
    """The refusal's message; the network must be untouched."""
    network = network or Tiny()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(WeightsError) as caught:
        load_weights(network, state, file_name="w.pth")
    assert all(torch.equal(before[name], now) for name, now in network.state_dict().items())
    assert str(caught.value).startswith("w.pth")
    assert str(caught.value).isprintable()
    return str(caught.value)


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


def test_half_precision_weights_become_float32() -> None:
    network = Tiny()
    state = {name: tensor.half() for name, tensor in trained().state_dict().items()}
    load_weights(network, state, file_name="w.pth")
    assert network.features[0].weight.dtype == torch.float32
    assert torch.equal(network.features[0].weight, state["features.0.weight"].float())


def test_a_networks_own_prefix_is_kept() -> None:
    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = Tiny()

    network = Wrapped()
    load_weights(network, prefixed("module.model."), file_name="w.pth")
    assert torch.equal(network.model.features[0].weight, trained().features[0].weight)


# Checkpoints that hold more than the network


def beside(**others: Tensor) -> dict[str, Tensor]:
    return {name.replace("__", "."): tensor for name, tensor in others.items()}


def averaged(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: tensor + 1 if tensor.is_floating_point() else tensor for name, tensor in state.items()
    }


NUMBER, ROW = torch.tensor(0.5), torch.ones(3)
# What a training script leaves beside the network, and what we say is left out.
MORE: dict[str, tuple[Callable[[], object], str]] = {
    "Lightning": (
        lambda: {
            "epoch": 3,
            "state_dict": prefixed("model.") | beside(criterion__pos_weight=ROW),
            "optimizer_states": [{"state": {0: {"exp_avg": ROW}}, "param_groups": []}],
            "lr_schedulers": [],
        },
        "the 8 tensors under state_dict.model and leaves 1 out (state_dict.criterion.pos_weight)",
    ),
    "Lightning's metrics": (
        lambda: {
            "state_dict": prefixed("net.module.") | beside(train_acc__tp=ROW, **{"val/f1": NUMBER})
        },
        "under state_dict.net and leaves 2 out (state_dict.train_acc.tp, state_dict.val/f1)",
    ),
    "a loss beside plain names": (
        lambda: trained().state_dict() | beside(loss_fn__weight=ROW),
        "takes the 8 tensors and leaves 1 out (loss_fn.weight)",
    ),
    "an auxiliary head": (
        lambda: prefixed("") | beside(aux__0__weight=ROW, aux__0__bias=ROW),
        "leaves 2 out (aux.0.weight, aux.0.bias)",
    ),
    "observers of quantization-aware training": (
        lambda: prefixed("") | beside(features__0__weight_fake_quant__scale=ROW),
        "leaves 1 out (features.0.weight_fake_quant.scale)",
    ),
    "an average beside it": (
        lambda: {"model": averaged(trained().state_dict()), "model_ema": trained().state_dict()},
        "takes the 8 tensors under model_ema and leaves 8 out (model.features.0.weight, ",
    ),
    "an average that is none yet": (
        lambda: {"ema": {"decay": NUMBER}, "model": trained().state_dict()},
        "under model and leaves 1 out (ema.decay)",
    ),
    "an average without its statistics": (
        lambda: {
            "ema": {k: t for k, t in trained().state_dict().items() if "running" not in k},
            "model": trained().state_dict(),
        },
        "under model and leaves 6 out (ema.features.0.weight, ",
    ),
    "a network of another size": (
        lambda: {"teacher": Tiny(channels=8).state_dict(), "student": trained().state_dict()},
        "under student and leaves 8 out (teacher.features.0.weight, ",
    ),
    "wrappers around the parts": (
        lambda: (
            {
                f"backbone.{name.replace('features.', 'features._orig_mod.module.')}": tensor
                for name, tensor in trained().state_dict().items()
            }
            | beside(queue=ROW)
        ),
        "under backbone and leaves 1 out (queue)",
    ),
    "one module under two names": (
        lambda: prefixed("model.") | prefixed("net."),
        "under net and leaves 8 out (model.features.0.weight, ",
    ),
}


@pytest.mark.parametrize(("content", "said"), MORE.values(), ids=MORE)
def test_what_fits_is_taken_and_the_rest_named(
    tmp_path: Path, content: Callable[[], object], said: str
) -> None:
    path = save(tmp_path, content())
    assert_loads(path)
    left_out = load_weights(Tiny(), read_state_dict(path), file_name=path.name)
    assert said in left_out
    assert left_out.isprintable()


TWO = {
    "student and teacher": ("student.", "teacher."),
    "DINO's, compiled": ("student._orig_mod.", "teacher._orig_mod.backbone."),
    "MoCo's": ("module.encoder_k.", "module.encoder_q."),
    "Lightning's average": ("model.", "ema_model.module."),
    "plain and under a prefix": ("", "other."),
}


@pytest.mark.parametrize("nested", [False, True], ids=["flat", "nested"])
@pytest.mark.parametrize(("one", "other"), TWO.values(), ids=TWO)
def test_two_networks_that_fit_are_asked_about_and_either_can_be_chosen(
    tmp_path: Path, one: str, other: str, nested: bool
) -> None:
    state = prefixed(one) | averaged(prefixed(other))
    path = save(tmp_path, {"state_dict": state, "epoch": 3} if nested else state)
    given = read_state_dict(path)
    message = misfit(given)
    assert message.startswith("w.pth holds 2 networks that fit, under ")
    outer = "state_dict." if nested else ""
    proposed = message.partition("--weights-prefix ")[2]
    for prefix, added in ((outer + one, 0), (outer + other, 1)):
        network = Tiny()
        load_weights(network, given, file_name="w.pth", prefix=prefix.rstrip(".") or ".")
        assert torch.equal(network.features[0].weight, trained().features[0].weight + added)
    load_weights(Tiny(), given, file_name="w.pth", prefix=proposed)


def test_a_prefix_that_is_not_there_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"under --weights-prefix pupil: they are under s, t$"):
        load_weights(Tiny(), prefixed("s.") | prefixed("t."), file_name="w", prefix="pupil")
    with pytest.raises(WeightsError, match="it has none of this network"):
        load_weights(Tiny(), {"x": ROW}, file_name="w", prefix="pupil")


@pytest.mark.parametrize(
    "name",
    [
        "norm.weight",
        "neck.bias",
        "cls_token",
        "features.1.lora_a",
        "features.2.weight",
        "classifier.1.mask",
        "classifier.2.bias",
    ],
)
def test_what_is_inside_the_network_is_never_left_out(name: str) -> None:
    """It says that the file's network computes something else."""
    for prefix in ("", "model."):
        assert f"1 are left over ({prefix}{name})" in misfit(
            prefixed(prefix) | {f"{prefix}{name}": ROW}
        )


def test_one_more_layer_of_a_sequence_is_never_left_out() -> None:
    longer = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    message = misfit(dict(longer.state_dict()), nn.Sequential(nn.Linear(2, 2)))
    assert "2 are left over (1.weight, 1.bias)" in message
    bias = misfit(dict(nn.Linear(2, 2).state_dict()), nn.Linear(2, 2, bias=False))
    assert "1 are left over (bias)" in bias


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


# HDF5, as Keras writes it


def write_hdf5(path: Path, **arrays: object) -> Path:
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name.replace("__", "/")] = array
    return path


def test_only_numbers_and_no_training_state_are_taken_from_hdf5(tmp_path: Path) -> None:
    path = write_hdf5(
        tmp_path / "w.bin",
        conv__kernel=np.ones((1, 1, 2, 3), np.float32),
        seeds__state=np.ones(2, np.int64),
        text=b"no tensor",
        optimizer__vars__0=np.ones(2, np.float32),
    )
    tensors = read_state_dict(path)
    assert {name: tuple(tensor.shape) for name, tensor in tensors.items()} == {
        "conv/kernel": (1, 1, 2, 3)
    }


def test_hdf5_without_weights_is_refused(tmp_path: Path) -> None:
    assert "HDF5 file without weights" in refusal(write_hdf5(tmp_path / "w.h5", step=np.int64(1)))


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.99])
def test_truncated_hdf5_is_refused(tmp_path: Path, keep: float) -> None:
    path = write_hdf5(tmp_path / "w.h5", conv__kernel=np.ones((64, 64), np.float32))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    assert "damaged or truncated Keras file" in refusal(path)


def test_hdf5_cannot_reach_into_other_files(tmp_path: Path) -> None:
    secret = write_hdf5(tmp_path / "secret.h5", x=np.ones(4, np.float32))
    raw = tmp_path / "raw"
    raw.write_bytes(bytes(16))
    path = tmp_path / "w.h5"
    with h5py.File(path, "w") as file:
        file["linked"] = h5py.ExternalLink(str(secret), "/x")
        file["model_weights"] = h5py.ExternalLink(str(secret), "/")
    assert "without weights" in refusal(path)
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (4,), np.float32, external=[(str(raw), 0, 16)])
    assert "keeps 'x' in another file" in refusal(path)
    with h5py.File(path, "w") as file:
        layout = h5py.VirtualLayout((4,), np.float32)
        layout[:] = h5py.VirtualSource(str(secret), "x", (4,))
        file.create_virtual_dataset("x", layout)
    assert "keeps 'x' in another file" in refusal(path)


def test_a_size_that_no_mobilenet_has_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "w.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (1 << 40,), np.float32, chunks=(1024,), compression="gzip")
    assert path.stat().st_size < 100_000
    assert "more than 1 GiB of weights" in refusal(path)


def test_a_damaged_keras_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.weights.h5", b"\x89HDF\r\n\x1a\n and no more")
    assert "damaged or truncated Keras file" in refusal(path)


# From what --weights says to weights


RESOLUTION = (96, 128)


def test_a_files_layout_tells_what_it_needs(tmp_path: Path) -> None:
    network = create("mobilenet_v2", width=0.35, classes=4)
    floats = {k: t for k, t in network.state_dict().items() if t.is_floating_point()}
    imagenet = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    half = ((0.5,) * 3, (0.5,) * 3)
    for layout, (mean, std), options in (
        ("torchvision", imagenet, {}),
        ("timm", imagenet, {"padding": "symmetric", "bn_eps": 1e-5}),
        ("keras", half, {"padding": "same", "bn_eps": 1e-3}),
    ):
        theirs = {k: t.contiguous() for k, t in from_ours(floats, network, layout).items()}
        path = tmp_path / layout
        if layout == "keras":
            write_hdf5(path, **{k.replace("/", "__"): t.numpy() for k, t in theirs.items()})
        else:
            save_file(theirs, path)
        chosen = choose_weights(
            "mobilenet_v2", str(path), width=0.35, resolution=RESOLUTION, reporter=Silent()
        )
        assert chosen.source == f"file, {layout} layout"
        assert (chosen.layout, chosen.classes, chosen.options) == (layout, 4, options)
        assert (chosen.preprocessing.mean, chosen.preprocessing.std) == (mean, std)
        assert (chosen.preprocessing.crop, chosen.preprocessing.resize) == (RESOLUTION, (109, 146))
        assert all(torch.equal(chosen.state_dict[k], t) for k, t in floats.items())


def test_a_published_file_is_known_wherever_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """timm's converted files bear the names of its others: only the hash tells their padding."""
    network = create("mobilenet_v3_small", width=0.75, classes=1000)
    floats = {k: t for k, t in network.state_dict().items() if t.is_floating_point()}
    theirs = from_ours(floats, network, "timm")
    save_file({k: t.contiguous() for k, t in theirs.items()}, tmp_path / "mine")
    row = find_source("mobilenet_v3_small", "timm-tf", 0.75)

    def choose() -> deploy.weights.ChosenWeights:
        return choose_weights(
            "mobilenet_v3_small",
            str(tmp_path / "mine"),
            width=0.75,
            resolution=(224, 224),
            reporter=Silent(),
        )

    assert choose().options["padding"] == "symmetric"
    monkeypatch.setattr(
        deploy.weights.choose, "sha256_file", lambda _: row.file.sha256.ljust(64, "0")
    )
    assert choose().options["padding"] == "same"
    assert choose().preprocessing.mean == (0.5, 0.5, 0.5)


def choose_timm(
    folder: Path, network_name: str, padding: str | None = None
) -> tuple[ChosenWeights, list[str]]:
    """What a fine-tuned file in timm's layout is taken for, and the warnings about it."""
    network = create(network_name, width=0.35, classes=2)
    theirs = from_ours(network.state_dict(), network, "timm")
    path = save(folder, theirs, "mine.pth")
    reporter = Warned()
    chosen = choose_weights(
        network_name,
        str(path),
        width=0.35,
        resolution=RESOLUTION,
        padding=padding,
        reporter=reporter,
    )
    return chosen, reporter.warnings


@pytest.mark.parametrize("network", ["mobilenet_v3_large", "mobilenet_v3_small"])
def test_padding_tells_which_of_timms_twins_a_file_is_of(tmp_path: Path, network: str) -> None:
    own = {"padding": "symmetric", "bn_eps": 1e-5}
    guessed, (warning,) = choose_timm(tmp_path, network)
    assert guessed.options == own
    assert warning == (
        f"mine.pth has the names of timm's {network} and of its tf_ twin alike: taken for the "
        "first, --padding symmetric; if it is of the twin give --padding same"
    )
    symmetric, warnings = choose_timm(tmp_path, network, "symmetric")
    assert (symmetric.options, symmetric.preprocessing, warnings) == (
        own,
        guessed.preprocessing,
        [],
    )
    same, warnings = choose_timm(tmp_path, network, "same")
    assert (same.options, warnings) == ({"padding": "same", "bn_eps": 1e-3}, [])
    assert same.preprocessing.mean == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("network", "options"),
    [
        ("mobilenet_v1", {"padding": "symmetric", "bn_eps": 1e-5}),
        ("mobilenet_v2", {"padding": "symmetric", "bn_eps": 1e-5}),
        ("mobilenet_v3_large_minimalistic", {"padding": "same", "bn_eps": 1e-3}),
        ("mobilenet_v3_small_minimalistic", {"padding": "same", "bn_eps": 1e-3}),
    ],
)
def test_where_timm_has_no_twins_nothing_is_asked_and_padding_is_only_that(
    tmp_path: Path, network: str, options: dict[str, str | float]
) -> None:
    chosen, warnings = choose_timm(tmp_path, network)
    assert (chosen.options, warnings) == (options, [])
    for padding in ("symmetric", "same"):
        other, warnings = choose_timm(tmp_path, network, padding)
        assert (other.options, warnings) == (options | {"padding": padding}, [])
        assert other.preprocessing == chosen.preprocessing


def test_padding_goes_before_that_of_a_layout_without_twins(tmp_path: Path) -> None:
    path = save(tmp_path, mobilenet_v2(width=0.35, classes=2).state_dict())
    chosen = choose_weights(
        "mobilenet_v2",
        str(path),
        width=0.35,
        resolution=RESOLUTION,
        padding="same",
        reporter=Silent(),
    )
    assert chosen.options == {"padding": "same"}
    assert chosen.preprocessing.mean == (0.485, 0.456, 0.406)


def test_the_digest_is_shown_where_none_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = create("mobilenet_v1", width=0.25)
    floats = {k: t for k, t in network.state_dict().items() if t.is_floating_point()}
    theirs = from_ours(floats, network, "keras")
    arrays = {k.replace("/", "__"): t.numpy() for k, t in theirs.items()}
    path = write_hdf5(tmp_path / "mobilenet_2_5_160_tf.h5", **arrays)
    monkeypatch.setattr(deploy.weights.choose, "fetch_weights", lambda *_, **__: path)
    reporter = Warned()
    chosen = choose_weights(
        "mobilenet_v1", "keras-160", width=0.25, resolution=(224, 224), reporter=reporter
    )
    (warning,) = reporter.warnings
    assert chosen.sha256 in warning
    assert chosen.source == "Keras mobilenet_2_5_160_tf"
    assert chosen.preprocessing.crop == (160, 160)
    assert chosen.options == {"padding": "same", "bn_eps": 1e-3}


# The table of sources


def test_a_name_leads_to_its_source() -> None:
    source = find_source("mobilenet_v2", "imagenet", 1.0)
    assert source.file.name == "mobilenet_v2-b0353104.pth"
    assert [type(address) for address in source.file.addresses] == [Url, WheelMember]
    assert source.preprocessing.resize == (256, 256)


@pytest.mark.parametrize(
    ("network", "name", "width", "message"),
    [
        ("mobilenet_v2", "imagnet", 1.0, "no weights named 'imagnet'.* did you mean imagenet"),
        ("mobilenet_v2", "imagenet-v2", 0.5, "at width 1, not 0.5: choose that width, or"),
        ("mobilenet_v1", "imagenet", 0.3, r"at width 1, 0\.75, 0\.5, 0\.25, 1\.25, not 0\.3"),
        ("my_net", "imagenet", 1.0, "no published weights are known for my_net: give --weights"),
    ],
)
def test_a_name_without_a_source_gets_the_alternatives(
    network: str, name: str, width: float, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        find_source(network, name, width)


@pytest.mark.parametrize(
    ("network", "width", "publisher"),
    [
        ("mobilenet_v1", 0.25, "Keras"),
        ("mobilenet_v1", 1.25, "timm"),
        ("mobilenet_v2", 1.0, "torchvision"),
        ("mobilenet_v2", 0.35, "Keras"),
        ("mobilenet_v3_large", 1.0, "torchvision"),
        ("mobilenet_v3_small", 0.5, "timm"),
        ("mobilenet_v3_large_minimalistic", 1.0, "Keras"),
    ],
)
def test_imagenet_names_the_first_source_of_any_network_and_width(
    network: str, width: float, publisher: str
) -> None:
    assert find_source(network, "imagenet", width).publisher == publisher


def test_a_file_is_known_by_its_published_hash_only() -> None:
    known = find_known_file("7ebf99e0".ljust(64, "0"))
    assert known is not None
    assert known.name == "imagenet-v2"
    assert find_known_file("0" * 64) is None


def test_each_source_is_distinct_and_complete() -> None:
    keys = [(source.network, source.name, source.width) for source in SOURCES]
    assert len(set(keys)) == len(keys)
    files = [source.file.name for source in SOURCES]
    assert len(set(files)) == len(files)
    assert {source.network for source in SOURCES} == set(NETWORKS)
    for source in SOURCES:
        assert isinstance(source.file.addresses[0], Url)
        assert source.file.addresses[0].url.startswith("https://")
        assert source.preprocessing.mean == source.convention.mean
        assert source.file.sha256 == "" or source.file.sha256[:8] in source.file.name
        for address in source.file.addresses:
            if isinstance(address, WheelMember):
                assert "==" in address.requirement


@pytest.mark.parametrize("network", NETWORKS)
def test_the_table_asks_only_for_what_its_network_takes(network: str) -> None:
    for source in SOURCES:
        if source.network == network:
            with torch.device("meta"):
                create(network, width=source.width, classes=2, **source.convention.options)
