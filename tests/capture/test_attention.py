"""Attention as its products: the same numbers, and all that is heavy a node that is counted."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from deploy.capture.program import aten, calls, capture, graph_module
from deploy.capture.proofs import prove_simplified
from deploy.capture.simplify import simplify
from deploy.quantization.kernels import find_kernels
from deploy.quantization.ptq import decide

SHAPE = (1, 3, 8, 8)


class Attends(nn.Module):
    """(1, 3, 8, 8) as 3 tokens of 2 heads, attended by `how`."""

    def __init__(self, how: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.how, self.qkv, self.head = how, nn.Linear(64, 48), nn.Linear(16, 5)
        self.register_buffer("seen", torch.ones(3, 3, dtype=torch.bool).triu())
        self.bias = nn.Parameter(torch.randn(2, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x.flatten(2)).reshape(1, 3, 3, 2, 8).permute(2, 0, 3, 1, 4).unbind(0)
        options = {
            "plain": {},
            "scale": {"scale": 0.7},
            "causal": {"is_causal": True},
            "truths": {"attn_mask": self.seen},
            "numbers": {"attn_mask": self.bias},
        }
        y = functional.scaled_dot_product_attention(q, k, v, **options[self.how])
        logits: Tensor = self.head(y.transpose(1, 2).reshape(1, 3, 16).mean(1))
        return logits


@pytest.mark.parametrize("how", ["plain", "scale", "causal", "truths", "numbers"])
def test_attention_keeps_its_numbers_as_two_products(how: str) -> None:
    captured = capture(Attends(how), SHAPE)
    program = simplify(captured)
    photos = torch.randn(4, *SHAPE[1:], generator=torch.Generator().manual_seed(1))
    prove_simplified(captured, program, photos.numpy())
    module = graph_module(program)
    assert not list(calls(module, aten.scaled_dot_product_attention.default))
    assert [node.name for node in calls(module, aten.bmm.default)] == ["bmm", "bmm_1"]
    kernels = find_kernels(module)
    assert [kernel.kind for kernel in kernels if kernel.kind != "pass"] == ["linear", "linear"]
    if how == "plain":
        assert decide(program, photos).heavy_in_float() == {"matmul": 2}


def test_a_row_that_sees_nothing_is_left_to_torch() -> None:
    network = Attends("truths")
    network.seen[1] = False
    program = simplify(capture(network, SHAPE))
    assert list(calls(graph_module(program), aten.scaled_dot_product_attention.default))
