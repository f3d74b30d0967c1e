"""Resizing maps by constants, where a runtime's own resize means something else."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from deploy.capture.program import aten, calls, filled, names
from deploy.exporters.rewrites.forms import spatial
from deploy.exporters.rewrites.rewriting import Replaced, Writer

_NEAREST: Final = (
    aten.upsample_nearest2d.vec,
    aten.upsample_nearest2d.default,
    aten._upsample_nearest_exact2d.vec,
    aten._upsample_nearest_exact2d.default,
)
_BILINEAR: Final = (aten.upsample_bilinear2d.vec, aten.upsample_bilinear2d.default)
_OTHER_RESIZES: Final = (
    aten.upsample_bicubic2d.vec,
    aten.upsample_bicubic2d.default,
    aten._upsample_bilinear2d_aa.vec,
    aten._upsample_bilinear2d_aa.default,
    aten._upsample_bicubic2d_aa.vec,
    aten._upsample_bicubic2d_aa.default,
)
# In the names of constants, by which `coreml.count_operators` knows that no layer multiplies here.
RESIZE_MATRIX: Final = "resize_matrix"


def resize_by_constants(module: GraphModule) -> Replaced:
    """upsample_nearest(x, ...)      becomes      x[:, :, rows][:, :, :, columns]
    upsample(x, ...)              becomes      H @ x @ W^T    with constant H (out, in), W (out, in)

    where the new size is no whole multiple, or Core ML has no such resize. Its own text leaves open
    which pixel is nearest at a broken scale, and recomputes a scale that torch takes as given.
    """
    replaced: Replaced = {}
    for node in calls(module, *_NEAREST, *_BILINEAR, *_OTHER_RESIZES):
        x = node.args[0]
        assert isinstance(x, Node)
        sizes = list(zip(spatial(x), spatial(node), strict=True))
        whole = all(out % size == 0 for size, out in sizes)
        if whole and _scales_of_sizes(node, x) and node.target in (*_NEAREST[:2], *_BILINEAR):
            continue
        write = Writer(module, node)
        replaced |= write.replace(_resized(write, node, x))
    return replaced


def resize_where_scales_are_given(module: GraphModule) -> Replaced:
    """The same where a scale is not that of the sizes: 1.55 of 8 is 12, and 12 / 8 is 1.5.

    XNNPACK computes with that of the sizes, torch with what it is given.
    """
    replaced: Replaced = {}
    for node in calls(module, *_NEAREST, *_BILINEAR):
        x = node.args[0]
        assert isinstance(x, Node)
        if _scales_of_sizes(node, x):
            continue
        write = Writer(module, node)
        replaced |= write.replace(_resized(write, node, x))
    return replaced


def _scales_of_sizes(node: Node, x: Node) -> bool:
    """Whether torch resizes by new size / old size, and not by a scale that is near it."""
    given = dict(zip(names(node), filled(node), strict=True))
    factors = given.get("scale_factors")
    if "scales_h" in given:
        factors = [given["scales_h"], given["scales_w"]]
    return factors is None or all(
        factor is None or factor * size == out
        for factor, size, out in zip(factors, spatial(x), spatial(node), strict=True)
    )


def _resized(write: Writer, node: Node, x: Node) -> Node:
    by_rows, by_columns = _resize_matrices(node, *spatial(x))
    if node.target in _NEAREST:
        rows = write.constant("rows", by_rows.argmax(1))
        columns = write.constant("columns", by_columns.argmax(1))
        tall = write(aten.index.Tensor, x, [None, None, rows])
        return write(aten.index.Tensor, tall, [None, None, None, columns])
    rows = write.constant(f"rows_{RESIZE_MATRIX}", by_rows)
    columns = write.constant(f"columns_{RESIZE_MATRIX}", by_columns.T.contiguous())
    return write(aten.matmul.default, write(aten.matmul.default, rows, x), columns)


def _resize_matrices(node: Node, height: int, width: int) -> tuple[Tensor, Tensor]:
    """(out, in) for lines and for columns: what becomes of images that are 1 in one line or column
    and 0 elsewhere."""
    assert callable(node.target)
    rows = torch.eye(height).reshape(1, height, height, 1).expand(-1, -1, -1, width)
    columns = torch.eye(width).reshape(1, width, 1, width).expand(-1, -1, height, -1)
    by_rows = node.target(rows.contiguous(), *node.args[1:], **node.kwargs)
    by_columns = node.target(columns.contiguous(), *node.args[1:], **node.kwargs)
    return by_rows[0, :, :, 0].T.contiguous(), by_columns[0, :, 0, :].T.contiguous()
