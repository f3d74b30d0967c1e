"""MobileNetV2 against the published counts (paper Table 4, slim's README, Keras' totals)."""

import pytest
import torch

from deploy.program import capture
from models.cost import measure_cost
from models.mobilenet_v2 import mobilenet_v2

# width: (parameters, with batch norm statistics as Keras counts, MACs at 224)
PUBLISHED = {
    1.4: (6_108_776, 6_156_712, 582_195_824),
    1.3: (5_386_792, 5_431_048, 509_374_560),
    1.0: (3_504_872, 3_538_984, 300_774_272),
    0.75: (2_636_424, 2_663_064, 209_069_792),
    0.5: (1_968_680, 1_987_224, 97_131_840),
    0.35: (1_677_128, 1_691_208, 59_285_808),
}


@pytest.mark.parametrize("width", PUBLISHED)
def test_counts_are_the_published_ones(width: float) -> None:
    params, with_statistics, macs = PUBLISHED[width]
    network = mobilenet_v2(width=width)
    cost = measure_cost(network, capture(network, (1, 3, 224, 224)))
    statistics = sum(
        buffer.numel() for name, buffer in network.named_buffers() if "running" in name
    )
    assert (cost.params, cost.params + statistics, cost.macs) == (params, with_statistics, macs)


@pytest.mark.parametrize(
    ("resolution", "millions"), [(224, 300), (192, 221), (160, 154), (128, 99), (96, 56)]
)
def test_macs_at_each_resolution_are_slims(resolution: int, millions: int) -> None:
    network = mobilenet_v2()
    macs = measure_cost(network, capture(network, (1, 3, resolution, resolution))).macs
    assert int(macs / 1e6) == millions


def test_classes_set_the_output_and_keep_the_rest() -> None:
    network = mobilenet_v2(width=0.35, classes=7).eval()
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 7)
    assert sum(p.numel() for p in network.features.parameters()) == 1_677_128 - 1281 * 1000
