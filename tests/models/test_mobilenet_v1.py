"""MobileNetV1 against the paper's tables, slim's checkpoints and Keras' totals."""

import pytest
import torch
from counting import Counts, count
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from models.layers import ConvBNAct
from models.mobilenet_v1 import mobilenet_v1

# width: (parameters, with batch norm statistics as Keras counts)
PARAMETERS = {
    1.0: (4_231_976, 4_253_864),
    0.75: (2_585_560, 2_601_976),
    0.5: (1_331_592, 1_342_536),
    0.25: (470_072, 475_544),
}
MACS = {
    1.0: {224: 568_740_352, 192: 418_121_728, 160: 290_675_200, 128: 186_400_768},
    0.75: {224: 325_400_448, 192: 239_273_472, 160: 166_396_800, 128: 106_770_432},
    0.5: {224: 149_497_088, 192: 109_970_432, 160: 76_524_800, 128: 49_160_192},
    0.25: {224: 41_030_272, 192: 30_212_608, 160: 21_059_200, 128: 13_570_048},
}


@pytest.mark.parametrize("resolution", [224, 192, 160, 128])
@pytest.mark.parametrize("width", MACS)
def test_counts_are_the_published_ones(width: float, resolution: int) -> None:
    published = Counts(*PARAMETERS[width], MACS[width][resolution])
    assert count(mobilenet_v1, width=width, resolution=resolution) == published


def test_folding_the_batch_norms_leaves_the_published_count_and_the_same_logits() -> None:
    torch.manual_seed(0)
    network = mobilenet_v1().eval()
    photos = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        before = network(photos)
    for layer in [m for m in network.modules() if isinstance(m, ConvBNAct)]:
        convolution, norm = layer[0], layer[1]
        assert isinstance(convolution, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        layer[0], layer[1] = fuse_conv_bn_eval(convolution, norm), nn.Identity()
    assert sum(p.numel() for p in network.parameters()) == 4_221_032
    with torch.inference_mode():
        torch.testing.assert_close(network(photos), before)


def test_the_last_block_keeps_the_resolution_whatever_the_papers_table_says() -> None:
    network = mobilenet_v1(width=0.25).eval()
    assert network.features(torch.zeros(1, 3, 224, 224)).shape == (1, 256, 7, 7)


def test_a_tiny_width_leaves_eight_channels() -> None:
    network = mobilenet_v1(width=0.1)
    assert network.features[0][0].out_channels == 8
    # 51.2 and 102.4 are truncated, not rounded to multiples of eight.
    widths = [block[1][0].out_channels for block in network.features[1:]]
    assert widths == [8, 12, 12, 25, 25, 51, 51, 51, 51, 51, 51, 102, 102]


@pytest.mark.parametrize(("activation", "kind"), [("relu6", nn.ReLU6), ("relu", nn.ReLU)])
def test_every_activation_is_the_one_asked_for(activation: str, kind: type[nn.Module]) -> None:
    network = mobilenet_v1(width=0.25, activation=activation)
    assert [type(m) for m in network.modules() if isinstance(m, nn.ReLU | nn.ReLU6)] == 27 * [kind]


def test_names_of_tensors_are_the_documented_ones() -> None:
    names = set(mobilenet_v1(width=0.25).state_dict())
    convolutions = {"features.0"} | {f"features.{i}.{j}" for i in range(1, 14) for j in (0, 1)}
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    assert names == {
        *(f"{name}.0.weight" for name in convolutions),
        *(f"{name}.1.{tensor}" for name in convolutions for tensor in norm),
        "classifier.1.weight",
        "classifier.1.bias",
    }
