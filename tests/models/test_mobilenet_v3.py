"""MobileNetV3 against the published counts, and torchvision's names."""

from collections.abc import Callable

import pytest
import torch
from counting import count
from torch import nn

from models.mobilenet_v3 import (
    MobileNetV3,
    SqueezeExcite,
    mobilenet_v3_large,
    mobilenet_v3_large_minimalistic,
    mobilenet_v3_small,
    mobilenet_v3_small_minimalistic,
)

Constructor = Callable[..., MobileNetV3]


@pytest.mark.parametrize(
    ("constructor", "width", "params", "macs"),
    [
        (mobilenet_v3_large, 1.0, 5_483_032, 216_589_760),
        (mobilenet_v3_large, 0.75, 3_993_528, 154_560_624),
        (mobilenet_v3_large, 0.5, 2_689_904, 73_663_088),
        (mobilenet_v3_small, 1.0, 2_542_856, 56_510_400),
        (mobilenet_v3_small, 0.75, 2_041_872, 43_399_344),
        (mobilenet_v3_small, 0.5, 1_593_224, 24_188_688),
        (mobilenet_v3_large_minimalistic, 1.0, 3_924_288, 209_136_704),
        (mobilenet_v3_small_minimalistic, 1.0, 2_044_736, 52_288_448),
    ],
)
def test_counts_are_the_published_ones(
    constructor: Constructor, width: float, params: int, macs: int
) -> None:
    counts = count(constructor, width=width)
    assert (counts.params, counts.macs) == (params, macs)


@pytest.mark.parametrize(
    ("constructor", "width", "total"),
    [
        # `keras.applications.MobileNetV3Large(alpha=...).count_params()`, Keras 3.15
        (mobilenet_v3_large, 0.35, 2_141_208),
        (mobilenet_v3_large, 1.25, 8_286_760),
        (mobilenet_v3_small, 0.35, 1_354_680),
        (mobilenet_v3_small, 1.25, 3_660_640),
        (mobilenet_v3_small_minimalistic, 1.25, 2_886_208),
    ],
)
def test_totals_at_the_outermost_widths_are_keras(
    constructor: Constructor, width: float, total: int
) -> None:
    assert count(constructor, width=width).total == total


def test_names_of_tensors_are_torchvisions() -> None:
    large = mobilenet_v3_large(width=0.35).state_dict()
    small = mobilenet_v3_small(width=0.35).state_dict()
    assert (len(large), len(small)) == (312, 244)
    # Without expansion; with it; with squeeze-excite as well; last convolution; head.
    assert {
        "features.0.0.weight",
        "features.1.block.0.0.weight",
        "features.1.block.1.1.running_var",
        "features.2.block.2.0.weight",
        "features.4.block.2.fc1.bias",
        "features.4.block.2.fc2.weight",
        "features.4.block.3.1.weight",
        "features.16.1.bias",
        "classifier.0.weight",
        "classifier.3.bias",
    } <= set(large)
    assert {"features.1.block.1.fc1.weight", "features.12.0.weight"} <= set(small)
    assert not any("fc1" in name for name in small if name.startswith("features.12."))


def test_squeeze_excite_scales_channels_by_their_means() -> None:
    torch.manual_seed(0)
    layer = SqueezeExcite(16)
    x = torch.randn(2, 16, 5, 3)
    hidden = (x.mean((2, 3)) @ layer.fc1.weight.flatten(1).T + layer.fc1.bias).clamp(min=0)
    gate = hidden @ layer.fc2.weight.flatten(1).T + layer.fc2.bias
    expected = x * ((gate + 3) / 6).clamp(0, 1)[:, :, None, None]
    torch.testing.assert_close(layer(x), expected)
    assert layer.fc1.out_channels == 8  # A quarter would be 4.


@pytest.mark.parametrize(
    "constructor", [mobilenet_v3_large_minimalistic, mobilenet_v3_small_minimalistic]
)
def test_minimalistic_has_small_kernels_and_relu_alone(constructor: Constructor) -> None:
    modules = list(constructor(width=0.35).modules())
    assert {m.kernel_size for m in modules if isinstance(m, nn.Conv2d)} == {(1, 1), (3, 3)}
    unwanted = (SqueezeExcite, nn.Hardswish, nn.Hardsigmoid)
    assert not any(isinstance(m, unwanted) for m in modules)


def test_the_hidden_layer_of_the_head_grows_above_width_one_only() -> None:
    widths = (0.5, 1.0, 1.25)
    heads = [mobilenet_v3_small(width=width).classifier[0].out_features for width in widths]
    assert heads == [1024, 1024, 1280]
