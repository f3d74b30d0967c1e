"""MobileNetV2 against the published counts (paper Table 4, slim's README, Keras' totals)."""

import pytest
import torch
from counting import Counts, count

from models.mobilenet_v2 import mobilenet_v2

# width: (parameters, with batch norm statistics as Keras counts, MACs at 224)
PUBLISHED = {
    1.4: Counts(6_108_776, 6_156_712, 582_195_824),
    1.3: Counts(5_386_792, 5_431_048, 509_374_560),
    1.0: Counts(3_504_872, 3_538_984, 300_774_272),
    0.75: Counts(2_636_424, 2_663_064, 209_069_792),
    0.5: Counts(1_968_680, 1_987_224, 97_131_840),
    0.35: Counts(1_677_128, 1_691_208, 59_285_808),
}
# width: slim's MACs in millions, which it truncates, at 224, 192, 160, 128 and 96
SLIM = {
    1.0: (300, 221, 154, 99, 56),
    0.75: (209, 153, 107, 69, 39),
    0.5: (97, 71, 50, 32, 18),
    0.35: (59, 43, 30, 20, 11),
}


@pytest.mark.parametrize("width", PUBLISHED)
def test_counts_are_the_published_ones(width: float) -> None:
    assert count(mobilenet_v2, width=width) == PUBLISHED[width]


@pytest.mark.parametrize("width", SLIM)
def test_macs_at_each_resolution_are_slims(width: float) -> None:
    resolutions = (224, 192, 160, 128, 96)
    macs = [count(mobilenet_v2, width=width, resolution=side).macs for side in resolutions]
    assert tuple(int(n / 1e6) for n in macs) == SLIM[width]


def test_classes_set_the_output_and_keep_the_rest() -> None:
    network = mobilenet_v2(width=0.35, classes=7).eval()
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 7)
    assert sum(p.numel() for p in network.features.parameters()) == 1_677_128 - 1281 * 1000


def test_names_of_tensors_are_torchvisions() -> None:
    names = list(mobilenet_v2(width=0.35).state_dict())
    assert len(names) == 314
    # One of each kind: stem, block without expansion, block with one, last convolution, head.
    assert {
        "features.0.0.weight",
        "features.0.1.running_mean",
        "features.1.conv.0.0.weight",
        "features.1.conv.1.weight",
        "features.1.conv.2.running_var",
        "features.17.conv.0.0.weight",
        "features.17.conv.1.1.bias",
        "features.17.conv.2.weight",
        "features.17.conv.3.weight",
        "features.18.1.num_batches_tracked",
        "classifier.1.weight",
        "classifier.1.bias",
    } <= set(names)
