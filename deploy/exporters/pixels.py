"""A program of shares of 255 as one of bytes: what an app has, and the first kernel reads.

Nothing is left before the first convolution in int8. In float one dequantize makes the shares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import torch

# Registers the quantized_decomposed operators.
import torch.ao.quantization.fx._decomposed
from torch.export import ExportedProgram

from deploy.bundle.manifest import ArtifactInput, Pixels
from deploy.capture.program import aten, graph_module, input_shape, tidy
from deploy.exporters.interface import Spec
from deploy.quantization.pixels import PIXEL

qd = torch.ops.quantized_decomposed


@dataclass(frozen=True, kw_only=True)
class Bytes:
    """How a runtime takes the bytes, which lie pixel by pixel in all of them.

    `rows_first`: of shape (1, H, W, 4), with a permute behind it; else (1, 4, H, W) channels-last.
    """

    dtype: Literal["uint8", "int8"]
    rows_first: bool


# onnxruntime's int8 kernels are channels-last, and its optimizer takes the permute away. On x86 it
# has quick ones for uint8 alone.
UNSIGNED_ROWS: Final = Bytes(dtype="uint8", rows_first=True)
# XNNPACK knows no uint8. Of any other shape the delegate transposes it.
SIGNED_CHANNELS_LAST: Final = Bytes(dtype="int8", rows_first=False)


def artifact_input(spec: Spec, name: str, taken: Bytes) -> ArtifactInput:
    """The record of an input called `name`: of floats, or of pixels as `taken` says."""
    if spec.input == "tensor":
        return ArtifactInput(kind="tensor", name=name, shape=spec.input_shape)
    height, width = spec.preprocessing.crop
    return ArtifactInput(
        kind="pixels",
        name=name,
        shape=(1, height, width, 4) if taken.rows_first else (1, 4, height, width),
        pixels=Pixels.of(taken.dtype),
    )


def take_bytes(program: ExportedProgram, taken: Bytes) -> ExportedProgram:
    """`program`, float or PT2E, of (1, 4, H, W) shares of 255, with 8-bit codes as its input."""
    module = graph_module(program)
    (image,) = module.graph.find_nodes(op="placeholder")
    dtype = getattr(torch, taken.dtype)
    info = torch.iinfo(dtype)
    args = (PIXEL.scale, info.min, info.min, info.max, dtype)
    readers = list(image.users)
    codes = image
    if taken.rows_first:
        with module.graph.inserting_after(image):
            codes = module.graph.call_function(aten.permute.default, (image, [0, 3, 1, 2]))
    shares = None
    for reader in readers:
        if reader.target is qd.quantize_per_tensor.default:
            assert reader.args[1:] == args, "the image has no scale but a byte's"
            reader.replace_all_uses_with(codes)
            continue
        if shares is None:
            with module.graph.inserting_after(codes):
                shares = module.graph.call_function(
                    qd.dequantize_per_tensor.default, (codes, *args)
                )
        reader.replace_input_with(image, shares)
    tidy(module)
    example = torch.zeros(input_shape(program), dtype=dtype)
    example = example.to(memory_format=torch.channels_last)
    if taken.rows_first:
        example = example.permute(0, 2, 3, 1)
    image.meta["val"] = example.to("meta")  # What an export holds its example against.
    return torch.export.export(module, (example,))
