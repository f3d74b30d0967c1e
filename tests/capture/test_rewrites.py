"""A rewrite that changes an answer ends the build and is named; rounding does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from deploy.capture import proofs
from deploy.capture.program import aten, calls, capture
from deploy.capture.proofs import EXACT_DB, prove_captured, prove_simplified
from deploy.capture.simplify import REWRITES, rewritten, simplify
from deploy.quantization.cross_layer_equalization import equalize, prove_equalized
from deploy.support.errors import GateError

SHAPE = (1, 3, 8, 8)
INPUTS = np.random.default_rng(0).normal(size=(6, *SHAPE[1:])).astype(np.float32)


class Net(nn.Module):
    """`offset` is added before the batch norm, which takes it away: what is left has rounded."""

    def __init__(self, offset: float = 0.0, activation: type[nn.Module] = nn.ReLU) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)
        self.activation, self.other = activation(), nn.Conv2d(8, 8, 3)
        self.head = nn.Linear(8, 4)
        assert self.norm.running_var is not None
        assert self.norm.running_mean is not None
        assert self.conv.bias is not None
        self.norm.running_var.uniform_(0.5, 2)
        self.norm.running_mean.fill_(offset)
        self.conv.bias.data += offset

    def forward(self, x: Tensor) -> Tensor:
        x = self.activation(self.norm(self.conv(x)))
        logits: Tensor = self.head(self.other(x).mean((2, 3)))
        return logits


def lose_bias(module: GraphModule) -> None:
    """A rewrite with a mistake."""
    for node in calls(module, aten.linear.default):
        node.args = node.args[:2]


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_a_wrong_rewrite_is_named_however_the_network_rounds(
    offset: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    captured = capture(Net(offset), SHAPE)
    wrong = (*REWRITES[:3], lose_bias, *REWRITES[3:])
    monkeypatch.setattr(proofs, "REWRITES", wrong)
    with pytest.raises(GateError, match=r"'lose_bias' changes .* \d.* dB .*>= 100 dB"):
        prove_simplified(captured, rewritten(captured, wrong), INPUTS)


def test_rounding_alone_is_no_mistake() -> None:
    captured = capture(Net(1e4), SHAPE)
    simplified = simplify(captured)
    expected, got = (
        np.concatenate([program.module()(torch.from_numpy(x[None])).detach() for x in INPUTS])
        for program in (captured, simplified)
    )
    apart = proofs.sqnr_db(expected.astype(float), (got - expected).astype(float))
    assert apart < EXACT_DB
    prove_simplified(captured, simplified, INPUTS)


class InSixteenBits(nn.Module):
    """A convolution and its batch norm between a conversion to 16 bits and one back."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net, self.dtype = Net(), dtype
        self.net.other = nn.Sequential(nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8)).to(dtype)

    def forward(self, x: Tensor) -> Tensor:
        x = self.net.activation(self.net.norm(self.net.conv(x)))
        logits: Tensor = self.net.head(self.net.other(x.to(self.dtype)).float().mean((2, 3)))
        return logits


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_parts_in_16_bits_are_judged_by_their_own_rounding(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    captured = capture(InSixteenBits(dtype), SHAPE)
    prove_simplified(captured, simplify(captured), INPUTS)
    wrong = (*REWRITES[:3], lose_bias, *REWRITES[3:])
    monkeypatch.setattr(proofs, "REWRITES", wrong)
    with pytest.raises(GateError, match=r"'lose_bias' changes"):
        prove_simplified(captured, rewritten(captured, wrong), INPUTS)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.ReLU6])
def test_equalization_is_exact_where_it_says_so(activation: type[nn.Module]) -> None:
    simplified = simplify(capture(Net(activation=activation), SHAPE))
    equalized = equalize(simplified, torch.from_numpy(INPUTS))
    prove_equalized(simplified, equalized, INPUTS, INPUTS)
    # Brighter than it saw: a ReLU6 that clips is beyond its claim, a ReLU is not.
    prove_equalized(simplified, equalized, INPUTS, 30 * INPUTS)


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_right_rewrites_that_made_the_wrong_program_are_found_too(offset: float) -> None:
    captured = capture(Net(offset), SHAPE)
    wrong = simplify(capture(nn.Sequential(Net(offset), nn.Linear(4, 4)), SHAPE))
    with pytest.raises(GateError, match=r"the rewrites together change .*>= 100 dB"):
        prove_simplified(captured, wrong, INPUTS)


def test_a_capture_of_another_network_is_refused() -> None:
    network = Net().eval()
    prove_captured(network, capture(Net(), SHAPE), INPUTS)
    program = capture(Net(), SHAPE)
    network.head.bias.data += 1e-3
    with pytest.raises(GateError, match=r"torch.export changes .* dB .*required >= 80 dB"):
        prove_captured(network, program, INPUTS)
