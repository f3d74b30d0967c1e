"""Key maps against what the other frameworks really write.

`fixtures/weights/LAYOUT/NETWORK-WIDTH.txt` lists the tensors of timm 1.0.31 and torchvision 0.28
at 7 classes: each name and shape as their `state_dict` had them. Keras writes its files here.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import places
import pytest
import torch
from torch import Tensor, nn

from deploy.support.errors import WeightsError
from deploy.weights import read_state_dict
from deploy.weights.fit import fit_weights, load_weights
from models.registry import NETWORKS, create
from models.weights.layouts import from_ours, key_map, recognize, to_ours
from models.weights.source import OF_LAYOUT, LayoutName

FIXTURES = places.FIXTURES / "weights"
LAYOUTS: tuple[LayoutName, ...] = get_args(LayoutName)
SIDE = 64


def on_meta(network: str, width: float, classes: int = 7) -> nn.Module:
    with torch.device("meta"):
        return create(network, width=width, classes=classes)


def floats(network: nn.Module) -> dict[str, Tensor]:
    return {name: t for name, t in network.state_dict().items() if t.is_floating_point()}


# Names, both ways


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("width", [1.0, 0.5, 0.35])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_tensor_goes_there_and_back(name: str, width: float, layout: LayoutName) -> None:
    network = create(name, width=width, classes=3)
    ours = floats(network)
    assert [key.ours for key in key_map(network, layout)] == list(ours)

    theirs = from_ours(ours, network, layout)
    assert len(theirs) == len(ours)
    if layout != "keras-numbered":  # Its names are complete only in a file.
        assert recognize(theirs) == layout
    back = to_ours(theirs, network, layout)
    assert (back.missing, back.left_over) == ((), ())
    assert list(back.tensors) == list(ours)
    assert all(torch.equal(back.tensors[key], tensor) for key, tensor in ours.items())


@pytest.mark.parametrize(
    "path", sorted(FIXTURES.glob("*/*.txt")), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_names_and_shapes_are_those_of_the_framework(path: Path) -> None:
    rows = [line.split() for line in path.read_text(encoding="ascii").splitlines()]
    shapes = {name: tuple(map(int, shape.split("x"))) for name, shape in rows}
    name, _, width = path.stem.rpartition("-")
    network = on_meta(name, float(width))
    layout = recognize(shapes)
    assert layout == path.parent.name
    theirs = from_ours(floats(network), network, layout)
    assert {key: tuple(tensor.shape) for key, tensor in theirs.items()} == shapes


# Files of Keras


@pytest.fixture(scope="module")
def keras(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("KERAS_BACKEND", "torch")
        # It writes its configuration into the user's home otherwise.
        environment.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
        import keras

        yield keras


def application(keras: Any, name: str, **options: Any) -> Any:
    keras.utils.set_random_seed(0)
    return getattr(keras.applications, name)(
        weights=None, input_shape=(SIDE, SIDE, 3), classes=5, **options
    )


def with_own_head(keras: Any, base: Any) -> Any:
    """As Keras' guide to transfer learning has it, the base as one layer."""
    inputs = keras.Input((SIDE, SIDE, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(base(inputs))
    return keras.Model(inputs, keras.layers.Dense(4, name="my_head")(pooled))


Make = Callable[[Any], Any]
LOGITS = {"classifier_activation": None}
V3 = {**LOGITS, "include_preprocessing": False}
KERAS_NETWORKS: dict[str, tuple[str, float, int, Make]] = {
    "V1": (
        "mobilenet_v1",
        0.25,
        5,
        lambda keras: application(keras, "MobileNet", alpha=0.25, **LOGITS),
    ),
    "V2": (
        "mobilenet_v2",
        0.35,
        5,
        lambda keras: application(keras, "MobileNetV2", alpha=0.35, **LOGITS),
    ),
    "V3-Small": (
        "mobilenet_v3_small",
        0.75,
        5,
        lambda keras: application(keras, "MobileNetV3Small", alpha=0.75, **V3),
    ),
    "V3-Small minimalistic": (
        "mobilenet_v3_small_minimalistic",
        1.0,
        5,
        lambda keras: application(keras, "MobileNetV3Small", minimalistic=True, **V3),
    ),
    "V1, own head": (
        "mobilenet_v1",
        0.25,
        4,
        lambda keras: with_own_head(
            keras, application(keras, "MobileNet", alpha=0.25, include_top=False)
        ),
    ),
    "V2, own head": (
        "mobilenet_v2",
        0.35,
        4,
        lambda keras: with_own_head(
            keras, application(keras, "MobileNetV2", alpha=0.35, include_top=False)
        ),
    ),
}
# Initial values would hide a mix-up: all means are 0 then, all variances 1.
RANGES = {
    "gamma": (0.5, 1.5),
    "beta": (-0.3, 0.3),
    "moving_mean": (-0.3, 0.3),
    "moving_variance": (0.5, 2.0),
    "bias": (-0.3, 0.3),
}


def shake(model: Any) -> None:
    random = np.random.default_rng(0)
    for variable in model.variables:
        kind = variable.path.rpartition("/")[2]
        if kind in RANGES:
            variable.assign(random.uniform(*RANGES[kind], variable.shape).astype(np.float32))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", KERAS_NETWORKS)
def test_files_that_keras_wrote_give_the_outputs_of_keras(
    keras: Any, tmp_path: Path, case: str
) -> None:
    name, width, classes, make = KERAS_NETWORKS[case]
    model = make(keras)
    shake(model)
    photos = np.random.default_rng(1).uniform(-1, 1, (2, SIDE, SIDE, 3)).astype(np.float32)
    wanted = np.asarray(model(photos, training=False).detach())
    model.save_weights(tmp_path / "a.weights.h5")
    model.save(tmp_path / "b.h5")
    model.save(tmp_path / "c.keras")
    for file_name, layout in (
        ("a.weights.h5", "keras-numbered"),
        ("b.h5", "keras"),
        ("c.keras", "keras-numbered"),
    ):
        # Known by its content: the name says nothing.
        path = (tmp_path / file_name).rename(tmp_path / f"{file_name}.bin")
        fitted = fit_weights(read_state_dict(path), name, width=width, file_name=file_name)
        assert (fitted.layout, fitted.classes) == (layout, classes)
        network = create(name, width=width, classes=classes, **OF_LAYOUT[fitted.layout].options)
        load_weights(network, fitted.state_dict, file_name=file_name)
        with torch.inference_mode():
            given = network.eval()(torch.from_numpy(photos).permute(0, 3, 1, 2)).numpy()
        assert np.abs(given - wanted).max() < 1e-4 * np.abs(wanted).max()


@pytest.mark.filterwarnings("ignore")
def test_the_state_of_training_in_a_keras_file_is_left_out(keras: Any, tmp_path: Path) -> None:
    model = application(keras, "MobileNet", alpha=0.25)
    model.compile("adam", "mse")
    model.fit(np.zeros((1, SIDE, SIDE, 3)), np.zeros((1, 5)), verbose=0)
    for name in ("a.h5", "a.keras"):
        model.save(tmp_path / name)
        tensors = read_state_dict(tmp_path / name)
        assert fit_weights(tensors, "mobilenet_v1", width=0.25, file_name=name).classes == 5


def test_names_of_tensorflows_own_keras_are_understood() -> None:
    """Before version 3: `:0`, `depthwise_kernel`, V3 in upper case with slashes."""
    old = {
        "conv_bn": "Conv/BatchNorm",
        "conv_1_bn": "Conv_1/BatchNorm",
        "logits": "Logits",
        "expanded_conv_depthwise": "expanded_conv/depthwise",
        "expanded_conv_3_squeeze_excite_conv_1": "expanded_conv_3/squeeze_excite/Conv_1",
        "expanded_conv_3_project_bn": "expanded_conv_3/project/BatchNorm",
    }
    network = create("mobilenet_v3_small", classes=3)
    ours = floats(network)
    theirs = {}
    for name, tensor in from_ours(ours, network, "keras").items():
        layer, leaf = name.split("/")
        if layer.endswith("depthwise"):
            leaf = "depthwise_kernel"
        layer = old.get(layer, layer)
        theirs[f"{layer}/{layer}/{leaf}:0"] = tensor
    assert "Conv/BatchNorm/Conv/BatchNorm/gamma:0" in theirs
    assert recognize(theirs) == "keras"
    back = to_ours(theirs, network, "keras")
    assert (back.missing, back.left_over) == ((), ())
    assert all(torch.equal(back.tensors[key], tensor) for key, tensor in ours.items())


# Files that do not fit


def refusal(network: str, width: float, tensors: dict[str, Tensor]) -> str:
    with pytest.raises(WeightsError) as caught:
        fit_weights(tensors, network, width=width, file_name="w.bin")
    message = str(caught.value)
    assert message.startswith(f"w.bin does not fit {network} at width {width:g}: ")
    assert message.isprintable()
    return message


@pytest.mark.parametrize("layout", LAYOUTS)
def test_weights_of_another_width_are_named(layout: LayoutName) -> None:
    network = create("mobilenet_v2", width=0.5, classes=7)
    tensors = from_ours(floats(network), network, layout)
    if layout == "keras-numbered":
        tensors = {f"layers/{name.replace('/', '/vars/')}": t for name, t in tensors.items()}
    message = refusal("mobilenet_v2", 1.0, tensors)
    assert "tensors have other shapes (features.0.0.weight is 16x3x3x3 in the file, 32x" in message
    assert (
        "these are the weights of mobilenet_v2 at width 0.5: use mobilenet_v2 --width 0.5"
        in message
    )


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "mobilenet_v2"])
def test_weights_of_another_network_are_named(name: str, layout: LayoutName) -> None:
    network = create(name, classes=7)
    tensors = from_ours(floats(network), network, layout)
    if layout == "keras-numbered":
        tensors = {f"layers/{name.replace('/', '/vars/')}": t for name, t in tensors.items()}
    assert f"the weights of {name} at width 1: use {name} --width 1" in refusal(
        "mobilenet_v2", 1.0, tensors
    )


def test_what_is_missing_and_left_over_is_said_in_the_files_own_names() -> None:
    network = create("mobilenet_v2", width=0.35, classes=7)
    tensors = from_ours(floats(network), network, "timm")
    del tensors["blocks.3.0.bn2.bias"]
    tensors["neck.weight"] = torch.ones(3)
    message = refusal("mobilenet_v2", 0.35, tensors)
    assert "1 of 262 tensors are missing (blocks.3.0.bn2.bias)" in message
    assert "1 are left over (neck.weight)" in message
    assert "the nearest is mobilenet_v2 at width 0.35, 99% of its tensors fit" in message


def test_what_is_no_mobilenet_is_said() -> None:
    message = refusal("mobilenet_v2", 1.0, {"fc.weight": torch.ones(2, 2), "x.y": torch.ones(1)})
    assert "262 of 262 tensors are missing" in message
    assert "no network of ours is near (mobilenet_v1, mobilenet_v2, " in message


@pytest.mark.parametrize("prefix", ["module.", "model.", "net.backbone.", "module._orig_mod."])
def test_a_common_prefix_and_counters_are_dropped(prefix: str) -> None:
    network = create("mobilenet_v3_small", width=0.5, classes=6)
    state = {prefix + name: tensor for name, tensor in network.state_dict().items()}
    fitted = fit_weights(state, "mobilenet_v3_small", width=0.5, file_name="w.pth")
    assert (fitted.layout, fitted.classes) == ("torchvision", 6)
    assert list(fitted.state_dict) == list(floats(network))
