"""Every network of the registry, through the same tests."""

import subprocess
import sys
from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from deploy.capture.network import make_network, plan_network, settle_batch_norms
from deploy.capture.spec import PADDINGS, NetworkSpec
from deploy.support.reporter import Silent
from models.layers import Padding, SameConv2d
from models.registry import NETWORKS, create

SIZES = [(32, 32), (33, 47), (96, 96), (224, 224)]


def create_narrow(name: str, **options: object) -> nn.Module:
    torch.manual_seed(0)
    return create(name, width=0.35, classes=5, **options).eval()


def blobs(count: int, side: int) -> Tensor:
    """Smooth random photos, all different."""
    coarse = torch.randn(count, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    return nn.functional.interpolate(coarse, (side, side), mode="bilinear")


@pytest.mark.parametrize("padding", ["symmetric", "same"])
@pytest.mark.parametrize("name", NETWORKS)
def test_any_resolution_gives_logits(name: str, padding: str) -> None:
    network = create_narrow(name, padding=padding)
    with torch.inference_mode():
        for size in SIZES:
            logits = network(torch.randn(2, 3, *size))
            assert logits.shape == (2, 5)
            assert logits.isfinite().all()


@pytest.mark.parametrize("width", [0.1, 4.0])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_narrowest_and_widest_that_a_spec_takes_give_logits(name: str, width: float) -> None:
    spec = NetworkSpec(name, weights="none", width=width)
    with torch.device("meta"):
        network = create(name, width=spec.width, classes=5).eval()
        assert network(torch.empty(1, 3, 32, 32)).shape == (1, 5)
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert min(convolution.out_channels for convolution in convolutions) >= 8


def test_a_spec_knows_the_paddings_of_the_layers() -> None:
    assert get_args(Padding) == PADDINGS


@pytest.mark.parametrize("name", NETWORKS)
def test_an_untrained_network_has_the_padding_asked_for(name: str) -> None:
    spec = NetworkSpec(name, weights="none", width=0.35, padding="same")
    plan = plan_network(spec, Silent())
    network = make_network(spec, plan, blobs(8, 64).numpy())
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    spatial = [convolution for convolution in convolutions if convolution.kernel_size != (1, 1)]
    assert {type(convolution) for convolution in spatial} == {SameConv2d}


@pytest.mark.parametrize("name", NETWORKS)
def test_paddings_agree_on_odd_sizes_and_differ_on_even_ones(name: str) -> None:
    symmetric, same = create_narrow(name), create_narrow(name, padding="same")
    same.load_state_dict(symmetric.state_dict())
    with torch.inference_mode():
        # 65, 33, 17, 9, 5: odd before every stride, where SAME is symmetric too.
        odd, even = torch.randn(2, 3, 65, 65), torch.randn(2, 3, 64, 64)
        torch.testing.assert_close(same(odd), symmetric(odd))
        assert not torch.allclose(same(even), symmetric(even))


@pytest.mark.parametrize("name", NETWORKS)
def test_an_untrained_network_tells_photos_apart(name: str) -> None:
    network = create_narrow(name)
    photos = blobs(8, 64)
    settle_batch_norms(network, photos)
    with torch.inference_mode():
        logits = network(photos)
    assert logits.std(0).mean() > 0.1 * logits.square().mean().sqrt()


@pytest.mark.parametrize("name", NETWORKS)
def test_options_reach_the_layers(name: str) -> None:
    network = create(
        name, width=0.35, classes=3, in_channels=1, dropout=0.5, bn_eps=1e-4, bn_momentum=0.05
    )
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-4, 0.05)}
    assert [m.p for m in network.modules() if isinstance(m, nn.Dropout)] == [0.5]
    assert network.eval()(torch.zeros(1, 1, 32, 32)).shape == (1, 3)


@pytest.mark.parametrize(
    ("name", "eps", "momentum", "dropout"),
    [
        ("mobilenet_v1", 1e-3, 0.0003, 0.001),
        ("mobilenet_v2", 1e-5, 0.1, 0.2),
        ("mobilenet_v3_large", 1e-3, 0.01, 0.2),
        ("mobilenet_v3_small_minimalistic", 1e-3, 0.01, 0.2),
    ],
)
def test_defaults_are_those_of_the_weights_usual_publisher(
    name: str, eps: float, momentum: float, dropout: float
) -> None:
    network = create_narrow(name)
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(eps, momentum)}
    assert [m.p for m in network.modules() if isinstance(m, nn.Dropout)] == [dropout]


@pytest.mark.parametrize("name", NETWORKS)
def test_published_accuracy_falls_with_width_and_resolution(name: str) -> None:
    entry = NETWORKS[name]
    assert {row.width for row in entry.published} <= set(entry.widths)
    assert list(entry.widths) == sorted(entry.widths, reverse=True)
    for one in entry.published:
        for other in entry.published:
            comparable = (one.source, one.precision) == (other.source, other.precision)
            smaller = (other.width, other.resolution) != (one.width, one.resolution) and (
                other.width <= one.width and other.resolution <= one.resolution
            )
            if comparable and smaller:
                assert other.top1 < one.top1, (one, other)


def test_slims_grids_are_complete() -> None:
    def cells(name: str) -> int:
        return sum(row.source.startswith("slim") for row in NETWORKS[name].published)

    assert (cells("mobilenet_v1"), cells("mobilenet_v2")) == (16, 22)


def test_importing_the_registry_imports_no_torch() -> None:
    check = "import sys, models.registry; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)
