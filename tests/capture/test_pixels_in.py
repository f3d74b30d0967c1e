"""Pixels in: the network is the same on photos and along their borders, or is refused by name."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from small_network import PREPROCESSING, SIDE, Small, crops, decibels, inputs, run, small_program
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

import deploy.capture.pixels as pixels
from deploy.capture.pixels import take_pixels, with_normalization
from deploy.capture.program import capture
from deploy.capture.simplify import simplify
from deploy.photos.images import shares
from deploy.support.errors import GateError, UserError
from models.preprocessing import Preprocessing

Forward = Callable[["Net", Tensor], Tensor]
RGBA = shares(crops(6, seed=3))


class Net(nn.Module):
    """A head behind what `forward` makes of the image by these layers."""

    def __init__(self, forward: Forward) -> None:
        super().__init__()
        self.made = forward
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.other = nn.Conv2d(3, 8, 5, padding=2, stride=1, bias=False)
        self.grouped = nn.Conv2d(3, 3, 3, groups=3)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.made(self, x).relu().mean((2, 3)))
        return logits


def program(forward: Forward) -> torch.export.ExportedProgram:
    torch.manual_seed(0)
    return simplify(capture(Net(forward), (1, 3, SIDE, SIDE)))


TAKEN: dict[str, Forward] = {
    "one convolution": lambda m, x: m.conv(x),
    "two convolutions": lambda m, x: m.conv(x) + m.other(x),
    "padding of one side": lambda m, x: m.conv(pad(x, (0, 1, 0, 1))),
    "padding=same": lambda m, x: conv2d(x, m.conv.weight, None, 1, "same"),
    "dilation": lambda m, x: conv2d(x, m.conv.weight, None, 2, 2, 2),
}


@pytest.mark.parametrize("name", TAKEN)
def test_the_network_is_the_same(name: str) -> None:
    before = program(TAKEN[name])
    after = take_pixels(before, PREPROCESSING, RGBA)
    got = run(after, torch.from_numpy(RGBA))
    assert decibels(run(before, inputs(6, seed=3)), got) > 120


def test_any_scale_and_mean_are_moved() -> None:
    # Of bytes from -1 to 1, as TensorFlow's weights have them.
    signed = Preprocessing(
        resize=(36, 36), crop=(SIDE, SIDE), scale=1.0, mean=(127.5,) * 3, std=(127.5,) * 3
    )
    before = small_program(Small)
    after = take_pixels(before, signed, RGBA)
    photos = torch.from_numpy(RGBA)
    assert decibels(run(before, photos[:, :3] * 2 - 1), run(after, photos)) > 120


REFUSED: dict[str, tuple[Forward, str]] = {
    "reflect": (lambda m, x: m.conv(pad(x, (1, 1, 1, 1), mode="reflect")), "by reflect padding"),
    "replicate": (lambda m, x: m.conv(pad(x, (1, 1, 1, 1), mode="replicate")), "by replicate pad"),
    "ones around": (lambda m, x: m.conv(pad(x, (1, 1, 1, 1), value=1.0)), "constant_pad_nd pads"),
    "groups": (lambda m, x: m.conv(m.grouped(x)), "conv2d, which reads the image, has 3 groups"),
    "an operator between": (lambda m, x: m.conv(x * 2), "the image is read by mul"),
    "other order": (lambda m, x: m.conv(x.flip(1)), "the image is read by flip"),
    "read beside": (lambda m, x: m.conv(x) + x.mean(), "the image is read by mean"),
    "own weights": (lambda m, x: conv2d(x, m.conv.weight * x.mean()), "the image is read by mean"),
    "a pad read twice": (
        lambda m, x: (lambda y: m.conv(y) + conv2d(y, m.conv.weight, None, 1, 1))(pad(x, (1,) * 4)),
        "is read by 2 operators",
    ),
    "not read": (lambda m, x: m.conv(torch.full_like(x, 0.5)), "read"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_take_pixels_is_refused_by_its_operator(name: str) -> None:
    forward, named = REFUSED[name]
    with pytest.raises(UserError, match=named) as caught:
        take_pixels(program(forward), PREPROCESSING, RGBA)
    text = str(caught.value)
    assert text.startswith("--input pixels: ")
    assert text.endswith("give --input tensor")
    assert "\n" not in text


def test_a_mean_in_the_bias_is_caught_along_the_borders(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is right inside the picture: alpha's weights, all of them, whatever is padding."""

    def into_the_bias(module: torch.fx.GraphModule) -> None:
        move(module)
        (conv,) = (node for node in module.graph.nodes if node.name == "conv2d")
        weight = pixels.constant(module, conv.args[1])
        bias = pixels.constant(module, conv.args[2])
        assert weight is not None
        assert bias is not None
        bias.add_(weight[:, 3].sum((1, 2)))
        weight[:, 3] = 0

    move = pixels.move_normalization
    before = program(TAKEN["one convolution"])
    monkeypatch.setattr(pixels, "move_normalization", into_the_bias)
    with pytest.raises(GateError, match="'into_the_bias' changes"):
        take_pixels(before, PREPROCESSING, RGBA)
    monkeypatch.setattr(pixels, "prove_rewrites", lambda *_: None)
    with pytest.raises(GateError, match="borders of conv2d with pixels in are"):
        take_pixels(before, PREPROCESSING, RGBA)


def test_the_normalization_is_written_out_as_photos_have_it() -> None:
    before = small_program(Small)
    got = run(with_normalization(before, PREPROCESSING), torch.from_numpy(RGBA))
    assert decibels(run(before, inputs(6, seed=3)), got) > 120
