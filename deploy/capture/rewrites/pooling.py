"""Pools in the one form of each that every backend reads: two numbers for each argument, in full.

What pools to a size that does not divide the map has windows of several sizes, and none of these
forms: see `deploy.exporters.rewrites.adaptive_pools`.
"""

from __future__ import annotations

import operator
from typing import Any

from torch.fx import GraphModule, Node

from deploy.capture.program import add_call, aten, calls, filled, per_axis, rank

_ADAPTIVE = (aten.adaptive_avg_pool2d.default, aten.adaptive_max_pool2d.default)


def pools_by_images(module: GraphModule) -> None:
    """max_pool1d(x, 2)        becomes        view(max_pool2d(view(x), [1, 2]))

    and so the other pools of a sequence. coremltools wants arguments that torch leaves out, and the
    adaptive ones are known to nobody.
    """
    for node in calls(module, *_OF_SEQUENCES):
        is_maximum = node.target is aten.adaptive_max_pool1d.default
        if is_maximum and not keeps_values_alone(node):
            continue
        if is_maximum:
            use_values_alone(node)
        x, *given = filled(node)
        *_, channels, length = x.meta["val"].shape
        result = list(node.meta["val"].shape)
        arguments = []
        for neutral, value in zip(_ALONG_HEIGHT[node.target], given, strict=False):
            arguments.append([neutral, *value] if neutral is not None else value)
        if node.target in (aten.max_pool1d.default, aten.avg_pool1d.default) and not given[1]:
            arguments[1] = arguments[0]
        with module.graph.inserting_before(node):
            image = add_call(module, aten.view.default, (x, [-1, channels, 1, length]), like=node)
            target = _OF_SEQUENCES[node.target]
            pooled = module.graph.call_function(target, (image, *arguments))
            pooled.meta = {**node.meta, "val": target(image.meta["val"], *arguments)}
            if is_maximum:
                both = pooled
                pooled = module.graph.call_function(operator.getitem, (both, 0))
                pooled.meta = {**node.meta, "val": both.meta["val"][0]}
        node.target, node.args, node.kwargs = aten.view.default, (pooled, result), {}


_OF_SEQUENCES: dict[object, Any] = {
    aten.max_pool1d.default: aten.max_pool2d.default,
    aten.avg_pool1d.default: aten.avg_pool2d.default,
    aten.adaptive_avg_pool1d.default: aten.adaptive_avg_pool2d.default,
    aten.adaptive_max_pool1d.default: aten.adaptive_max_pool2d.default,
}
# What each argument behind the input is along the height; None where it has no axes.
_ALONG_HEIGHT: dict[object, tuple[int | None, ...]] = {
    aten.max_pool1d.default: (1, 1, 0, 1, None),
    aten.avg_pool1d.default: (1, 1, 0, None, None),
    aten.adaptive_avg_pool1d.default: (1,),
    aten.adaptive_max_pool1d.default: (1,),
}


def window_adaptive_pools(module: GraphModule) -> None:
    """adaptive_max_pool2d(x, 4) of 8 x 8        becomes        max_pool2d(x, 2, 2)
    adaptive_avg_pool2d(x, 4) of 8 x 8        becomes        avg_pool2d(x, 2, 2)

    Neither ONNX nor ExecuTorch has the first. A pool to one number stays for `pool_by_mean`.
    """
    for node in calls(module, *_ADAPTIVE):
        x = node.args[0]
        is_max = node.target is aten.adaptive_max_pool2d.default
        sizes = adaptive_sizes(node)
        if rank(x) != 4 or any(size % out for size, out in sizes):
            continue
        if is_max and not keeps_values_alone(node):
            continue
        if not is_max and all(out == 1 for _, out in sizes):
            continue
        kernel = [size // out for size, out in sizes]
        if is_max:
            use_values_alone(node)
            node.target = aten.max_pool2d.default
        else:
            node.target = aten.avg_pool2d.default
        node.args = (x, kernel, kernel)


def adaptive_sizes(node: Node) -> list[tuple[int, int]]:
    """Of height and width: the size before, and after."""
    x, wanted = filled(node)
    after = per_axis(wanted, 2)
    return [(int(a), int(b)) for a, b in zip(x.meta["val"].shape[-2:], after, strict=True)]


def keeps_values_alone(node: Node) -> bool:
    """Whether nothing reads the second output of `node`: where each maximum was."""
    return all(
        user.target is operator.getitem and (user.args[1] == 0 or not user.users)
        for user in node.users
    )


def use_values_alone(node: Node) -> None:
    """Have the readers of the first output read `node` itself."""
    node.meta["val"] = node.meta["val"][0]
    for user in list(node.users):
        if user.args[1] == 0:
            user.replace_all_uses_with(node)
        node.graph.erase_node(user)
