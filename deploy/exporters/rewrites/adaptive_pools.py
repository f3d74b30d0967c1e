"""Adaptive pools whose windows differ in size, for runtimes that have no such operator."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from deploy.capture.program import aten, calls
from deploy.capture.rewrites.pooling import adaptive_sizes, keeps_values_alone, use_values_alone
from deploy.exporters.rewrites.rewriting import Replaced, Writer


def adaptive_pools_by_constants(module: GraphModule) -> Replaced:
    """adaptive_avg_pool2d(x, 5) of 8 x 8      becomes      H @ x @ W^T, with 1/n in each window
    adaptive_max_pool2d(x, 5) of 8 x 8      becomes      amax(x[:, :, rows]), then of the columns

    Window i of n over a side of s goes from floor(i s / n) to ceil((i + 1) s / n).
    """
    replaced: Replaced = {}
    for node in calls(module, aten.adaptive_avg_pool2d.default):
        (height, rows), (width, columns) = adaptive_sizes(node)
        if height % rows == 0 and width % columns == 0:
            continue
        write = Writer(module, node)
        by_rows = write.constant("pool_rows", _shares(height, rows))
        by_columns = write.constant("pool_columns", _shares(width, columns).T.contiguous())
        tall = write(aten.matmul.default, by_rows, node.args[0])
        replaced |= write.replace(write(aten.matmul.default, tall, by_columns))
    for node in calls(module, aten.adaptive_max_pool2d.default):
        if not keeps_values_alone(node):
            continue
        sizes = adaptive_sizes(node)
        use_values_alone(node)
        write, result = Writer(module, node), node.args[0]
        shape = list(node.meta["val"].shape)
        for k, (size, out) in enumerate(sizes):
            axis = len(shape) - 2 + k
            rows_of = _windows(size, out)
            indices = write.constant(f"pool_axis_{axis}", rows_of.flatten())
            spread = write(aten.index_select.default, result, axis, indices)
            now = [*shape[:axis], *rows_of.shape, *[s for s, _ in sizes[k + 1 :]]]
            windows = write(aten.reshape.default, spread, now)
            result = write(aten.amax.default, windows, [axis + 1])
        assert isinstance(result, Node)
        replaced |= write.replace(result)
    return replaced


def _bounds(size: int, out: int) -> list[tuple[int, int]]:
    return [(i * size // out, -(-(i + 1) * size // out)) for i in range(out)]


def _shares(size: int, out: int) -> Tensor:
    """(out, size): what each window takes of each element."""
    shares = torch.zeros(out, size)
    for i, (start, end) in enumerate(_bounds(size, out)):
        shares[i, start:end] = 1 / (end - start)
    return shares


def _windows(size: int, out: int) -> Tensor:
    """(out, longest): the elements of each window, the last repeated in those that are shorter."""
    bounds = _bounds(size, out)
    longest = max(end - start for start, end in bounds)
    return torch.tensor(
        [[min(start + j, end - 1) for j in range(longest)] for start, end in bounds]
    )
