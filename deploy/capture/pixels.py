"""Pixels in: the normalization of a photo, put into the convolutions that read it.

A bitmap has four bytes a pixel, the fourth of which, alpha, is 255 everywhere. With bytes as shares
of 255, a normalized colour is x_c = a_c u_c + b_c, and so

    conv(x, W)        becomes        conv(rgba, [W_c a_c for each colour, sum over c of W_c b_c])

Inside the picture alpha is 1 and adds what the means take away; in zero padding it is 0, like all
of a normalized photo's padding. A mean folded into the bias instead is wrong along every border.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import GraphModule, Interpreter, Node
from torch.nn import functional

from deploy.capture.program import (
    add_call,
    add_constant,
    aten,
    constant,
    filled,
    graph_module,
    input_shape,
    is_constant,
    is_constant_or_none,
    per_axis,
    tidy,
)
from deploy.capture.proofs import EXACT_DB, prove_rewrites
from deploy.statistics.error_statistics import sqnr_db
from deploy.support.errors import GateError, UserError
from models.preprocessing import Preprocessing

RGBA: Final = 4
BYTES: Final = 255.0
# A rewrite of the first layer alone: a mistake shows on any photo.
_PHOTOS = 8
_REMEDY = "give --input tensor"


@dataclass(frozen=True, kw_only=True)
class Stem:
    """A convolution that reads the image, by way of `pad` where it is padded by hand."""

    conv: Node
    pad: Node | None

    @property
    def reader(self) -> Node:
        return self.pad or self.conv


def find_stems(image: Node) -> list[Stem]:
    """The convolutions that read the photo `image`, where nothing else does.

    Raises UserError that names the first reader that is none, or whose padding is not of zeros.
    """
    stems = []
    for reader in image.users:
        pad = reader if reader.target is aten.constant_pad_nd.default else None
        if pad is not None:
            _check_pad(pad)
        (conv,) = [reader] if pad is None else pad.users
        _check_convolution(conv, pad or image)
        stems.append(Stem(conv=conv, pad=pad))
    return stems


def check_takes_pixels(program: ExportedProgram) -> None:
    """Raise UserError unless convolutions alone read the image of a simplified `program`."""
    if not find_stems(_image(graph_module(program))):
        raise UserError(f"--input pixels: nothing of this network reads the image: {_REMEDY}")


def take_pixels(
    program: ExportedProgram, preprocessing: Preprocessing, rgba: npt.NDArray[np.float32]
) -> ExportedProgram:
    """A simplified `program` of normalized photos as one of (1, 4, H, W) shares of 255, proved on
    `rgba` (N, 4, H, W); nodes have the names that they had.

    Raises UserError where more than convolutions reads the image, GateError where the proof fails.
    """
    check_takes_pixels(program)
    before = with_normalization(program, preprocessing)
    module = graph_module(before)
    move_normalization(module)
    tidy(module)
    after = torch.export.export(module, (torch.zeros(_shape(program)),))
    assert _calls(after) == _calls(program), "decisions are by the names of nodes"
    few = rgba[:_PHOTOS]
    prove_rewrites(before, after, [(move_normalization.__name__, move_normalization)], few)
    _prove_borders(before, after, torch.from_numpy(few))
    return after


def with_normalization(program: ExportedProgram, preprocessing: Preprocessing) -> ExportedProgram:
    """`program` of (1, 4, H, W) shares of 255, with its normalization as operators before it."""
    module = graph_module(program)
    image = _image(module)
    readers = list(image.users)
    std = torch.tensor(preprocessing.std, dtype=torch.float64)
    gain = BYTES * preprocessing.scale / std
    offset = -torch.tensor(preprocessing.mean, dtype=torch.float64) / std
    image.meta["val"] = torch.empty(_shape(program), device="meta")
    with module.graph.inserting_before(readers[0]):
        # `b + a u`, an order that no network's own operators have.
        a = add_constant(module, "pixel_gain", gain.float().view(1, 3, 1, 1))
        b = add_constant(module, "pixel_offset", offset.float().view(1, 3, 1, 1))
        colours = add_call(module, aten.slice.Tensor, (image, 1, 0, 3), like=image)
        scaled = add_call(module, aten.mul.Tensor, (colours, a), like=image)
        normalized = add_call(module, aten.add.Tensor, (scaled, b), like=image)
    for reader in readers:
        reader.replace_input_with(image, normalized)
    tidy(module)
    return torch.export.export(module, (torch.zeros(_shape(program)),))


def move_normalization(module: GraphModule) -> None:
    """conv(pad(rgba[:, :3] * a + b), W)   becomes   conv(pad(rgba), [W_c a_c, sum_c W_c b_c])

    Computed in float64, of what `with_normalization` wrote.
    """
    image = _image(module)
    (colours,) = image.users
    (scaled,) = colours.users
    (normalized,) = scaled.users
    gain, offset = constant(module, scaled.args[1]), constant(module, normalized.args[1])
    assert gain is not None
    assert offset is not None
    for stem in find_stems(normalized):
        conv = stem.conv
        weight = constant(module, conv.args[1])
        assert weight is not None
        wide = weight.double()
        moved = torch.cat(
            [wide * gain.double(), (wide * offset.double()).sum(1, keepdim=True)], dim=1
        )
        with module.graph.inserting_before(conv):
            new = add_constant(module, f"{conv.name}_pixels_weight", moved.to(weight.dtype))
        conv.args = (conv.args[0], new, *conv.args[2:])
        stem.reader.replace_input_with(normalized, image)
        if stem.pad is not None:
            shape = list(stem.pad.meta["val"].shape)
            stem.pad.meta["val"] = torch.empty(shape[0], RGBA, *shape[2:], device="meta")


def inside(conv: Node, image: Node) -> Tensor:
    """Which positions of a stem's output (H, W) see no padding."""
    _, weight, _, strides, padding, dilation, _ = filled(conv)
    ones = torch.ones(1, 1, *image.meta["val"].shape[2:])
    (before,) = (node for node in conv.all_input_nodes if not is_constant(node))
    if before is not image:
        ones = functional.pad(ones, before.args[1])  # type: ignore[arg-type]
    kernel = torch.ones(1, 1, *weight.meta["val"].shape[2:])
    seen = functional.conv2d(ones, kernel, None, strides, padding, dilation)
    whole: Tensor = seen[0, 0] == kernel.sum()
    return whole


def _prove_borders(before: ExportedProgram, after: ExportedProgram, rgba: Tensor) -> None:
    """Raise GateError where the stems' outputs differ at positions that see padding, which are too
    few for the logits to tell."""
    module, moved = graph_module(before), graph_module(after)
    image = _image(moved)
    for stem in find_stems(image):
        border = ~inside(stem.conv, image)
        if not border.any():
            continue
        expected, got = (_values(graph, stem.conv.name, rgba) for graph in (module, moved))
        signal = expected[..., border].double().numpy()
        reached = sqnr_db(signal, got[..., border].double().numpy() - signal)
        if reached < EXACT_DB:
            raise GateError(
                f"the borders of {stem.conv.name} with pixels in are {reached:.1f} dB from those "
                f"of normalized photos, required >= {EXACT_DB:g} dB: {_REMEDY}, and please report "
                "the network to us"
            )


class _Until(Interpreter):
    """Runs a graph as far as the node `name`, whose value it keeps."""

    def __init__(self, module: GraphModule, name: str) -> None:
        super().__init__(module)
        self.name, self.value = name, torch.empty(0)

    def run_node(self, n: Node) -> object:
        value = super().run_node(n)
        if n.name == self.name:
            assert isinstance(value, Tensor)
            self.value = value
        return value


def _values(module: GraphModule, name: str, rgba: Tensor) -> Tensor:
    interpreter = _Until(module, name)
    values = []
    with torch.inference_mode():
        for photo in rgba:
            interpreter.run(photo[None])
            values.append(interpreter.value)
    return torch.cat(values)


def _check_pad(pad: Node) -> None:
    _, sizes, value = filled(pad)
    name = _called(pad)
    if value != 0:
        raise UserError(
            f"--input pixels: {name} pads the image with {value:g}, and pixels know padding by "
            f"zeros alone: {_REMEDY}"
        )
    if len(sizes) > 4 and any(sizes[4:]):
        raise UserError(f"--input pixels: {name} pads the image's channels: {_REMEDY}")
    if len(pad.users) != 1:
        raise UserError(
            f"--input pixels: {name} of the image is read by {len(pad.users)} operators, and the "
            f"normalization can be put into one convolution behind it: {_REMEDY}"
        )


def _check_convolution(conv: Node, before: Node) -> None:
    name = _called(conv)
    if conv.target is not aten.conv2d.default:
        raise UserError(
            f"--input pixels: the image is read by {name}, and the normalization can be put into "
            f"convolutions alone: {_REMEDY}"
        )
    x, weight, bias, _, padding, _, groups = filled(conv)
    if groups != 1:
        raise UserError(
            f"--input pixels: {name}, which reads the image, has {groups} groups, and the "
            f"normalization can be put into convolutions of all colours alone: {_REMEDY}"
        )
    plain = x is before and is_constant(weight) and is_constant_or_none(bias)
    if not plain or isinstance(padding, str) or weight.meta["val"].dtype != torch.float32:
        raise UserError(
            f"--input pixels: {name}, which reads the image, has no float32 weights of its own: "
            f"{_REMEDY}"
        )
    assert len(per_axis(padding, 2)) == 2


def _called(node: Node) -> str:
    """Such as `mul (mul_1)`: the operator, and its place in the graph."""
    if node.target is aten.pad.default:
        return f"{filled(node)[2]} padding ({node.name})"
    operator = str(getattr(node.target, "__name__", node.target)).partition(".")[0]
    return operator if operator == node.name else f"{operator} ({node.name})"


def _image(module: GraphModule) -> Node:
    image: Node
    (image,) = module.graph.find_nodes(op="placeholder")
    return image


def _shape(program: ExportedProgram) -> tuple[int, ...]:
    batch, _, *size = input_shape(program)
    return (batch, RGBA, *size)


def _calls(program: ExportedProgram) -> list[str]:
    return [node.name for node in program.graph.nodes if node.op == "call_function"]
