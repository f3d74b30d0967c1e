"""A program of shares of 255 as one of bytes: what an app has, and the first kernel reads.

Nothing is left before the first convolution in int8. In float one dequantize makes the shares.
"""

from __future__ import annotations

import torch

# Registers the quantized_decomposed operators.
import torch.ao.quantization.fx._decomposed
from torch.export import ExportedProgram

from deploy.capture.program import aten, graph_module, input_shape, tidy
from deploy.quantization.pixels import PIXEL

qd = torch.ops.quantized_decomposed


def take_bytes(program: ExportedProgram, *, unsigned: bool, rows_first: bool) -> ExportedProgram:
    """`program`, float or PT2E, of (1, 4, H, W) shares of 255, with 8-bit codes as its input.

    `unsigned`: the bytes themselves as uint8; else int8, less 128. `rows_first`: of shape
    (1, H, W, 4), with a permute behind it; else (1, 4, H, W) in channels-last memory. The bytes lie
    in the same order in both.
    """
    module = graph_module(program)
    (image,) = module.graph.find_nodes(op="placeholder")
    dtype = torch.uint8 if unsigned else torch.int8
    zero_point = PIXEL.zero_point + 128 if unsigned else PIXEL.zero_point
    info = torch.iinfo(dtype)
    args = (PIXEL.scale, zero_point, info.min, info.max, dtype)
    readers = list(image.users)
    codes = image
    if rows_first:
        with module.graph.inserting_after(image):
            codes = module.graph.call_function(aten.permute.default, (image, [0, 3, 1, 2]))
    value = None
    for reader in readers:
        if reader.target is qd.quantize_per_tensor.default:
            assert reader.args[1:] == args, "the image has no scale but a byte's"
            reader.replace_all_uses_with(codes)
            continue
        if value is None:
            with module.graph.inserting_after(codes):
                value = module.graph.call_function(qd.dequantize_per_tensor.default, (codes, *args))
        reader.replace_input_with(image, value)
    tidy(module)
    example = torch.zeros(input_shape(program), dtype=dtype)
    example = example.to(memory_format=torch.channels_last)
    if rows_first:
        example = example.permute(0, 2, 3, 1)
    image.meta["val"] = example.to("meta")  # What an export holds its example against.
    return torch.export.export(module, (example,))
