"""Programs that write over their input."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from users_code import CROP

from deploy.capture.program import graph_module
from deploy.capture.simplify import simplify
from deploy.capture.user.functional import functionalize


class InPlace(nn.Module):
    """A shortcut that is written over after it was taken, as in pre-activation ResNets."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.other = nn.BatchNorm2d(8)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x))
        shortcut = x
        y = nn.functional.dropout(nn.functional.relu(x, inplace=True), training=self.training)
        y = self.other(y * 0.5)
        y += shortcut
        logits: Tensor = self.head(y.mean((2, 3)))
        return logits


def test_a_program_that_writes_over_its_input_is_made_functional() -> None:
    torch.manual_seed(0)
    network = InPlace().eval()
    x = torch.randn(1, 3, *CROP)
    program = functionalize(torch.export.export(network, (x,)))
    targets = [str(node.target) for node in program.graph.nodes]
    assert not [target for target in targets if "_." in target]
    assert targets.count("aten.batch_norm.default") == 2
    assert "aten.clone.default" not in targets
    assert torch.allclose(graph_module(simplify(program))(x), network(x), atol=1e-5)


class Shuffling(nn.Module):
    """A channel shuffle as in ShuffleNet, behind an activation in place."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 8, 3), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.relu(self.conv(x), inplace=True)
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)
        logits: Tensor = self.head((x * torch.arange(8.0).view(8, 1, 1)).mean((2, 3)))
        return logits


def test_a_copy_that_a_view_needs_may_go_all_the_same() -> None:
    torch.manual_seed(0)
    network = Shuffling().eval()
    x = torch.randn(1, 3, *CROP)
    program = functionalize(torch.export.export(network, (x,)))
    assert torch.allclose(graph_module(simplify(program))(x), network(x), atol=1e-5)


class WritingTransposed(nn.Module):
    """Writes through a transposed view, and then reads its values in their own order."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 2, 3, stride=8), nn.Linear(2 * 4 * 4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.interpolate(self.conv(x), (4, 4))
        x.transpose(2, 3)[:, :, 0].add_(1)
        logits: Tensor = self.head(x.flatten(1))
        return logits


def test_what_is_written_through_a_transposed_view_is_read_in_its_own_order() -> None:
    torch.manual_seed(0)
    network = WritingTransposed().eval()
    x = torch.randn(1, 3, *CROP)
    program = functionalize(torch.export.export(network, (x,)))
    with torch.no_grad():
        assert torch.allclose(graph_module(simplify(program))(x), network(x), atol=1e-5)


def test_a_program_that_writes_nothing_over_is_left_as_it_is() -> None:
    program = torch.export.export(nn.Conv2d(3, 8, 3).eval(), (torch.zeros(1, 3, 8, 8),))
    assert functionalize(program) is program
