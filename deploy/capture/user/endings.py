"""Logits, of a network that ends in probabilities.

Apps and the Core ML artifact apply a softmax of their own, and int8 has few steps for what lies
between 0 and 1: so what the network applies is taken off, where it can be told from its program.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.export import ExportedProgram
from torch.fx import GraphModule, Node

from deploy.capture.program import add_call, aten, filled, graph_module, input_shape, tidy
from deploy.support.errors import GateError

_MAKERS: dict[object, str] = {
    aten.softmax.int: "softmax",
    aten._softmax.default: "softmax",
    aten.log_softmax.int: "log-softmax",
    aten._log_softmax.default: "log-softmax",
    aten.sigmoid.default: "sigmoid",
    aten.sigmoid_.default: "sigmoid",
    aten.log_sigmoid.default: "log-sigmoid",
}
# What changes no number, or of probabilities none.
_IDLE = {
    getattr(aten, name).default
    for name in ("clone", "contiguous", "alias", "detach", "detach_", "nan_to_num")
}
# What moves none where all axes but one are of size 1, as those of one photo's answer are.
_VIEWS = {
    aten.flatten.using_ints,
    aten.permute.default,
    aten.reshape.default,
    aten.select.int,
    aten.slice.Tensor,
    aten.squeeze.default,
    aten.squeeze.dim,
    aten.squeeze.dims,
    aten.transpose.int,
    aten.unsqueeze.default,
    aten.view.default,
}
_CASTS = {
    aten.to.dtype,
    aten.to.dtype_layout,
    aten.to.device,
    aten._to_copy.default,
    aten.type_as.default,
}
_CLAMPS: dict[object, tuple[int | None, int | None]] = {
    aten.clamp.default: (1, 2),
    aten.clamp_.default: (1, 2),
    aten.clip.default: (1, 2),
    aten.clamp_min.default: (1, None),
    aten.clamp_max.default: (None, 1),
}
_WIDE = (torch.float32, torch.float64)
# Of probabilities: as much as a clamp or an epsilon may take or add.
CLOSE = 1e-5


@dataclass(frozen=True, kw_only=True)
class _Ending:
    """`maker` makes probabilities, or their logarithms, of its first argument; `after` are the
    names of what follows. What comes out is `scale` times the probabilities, or their logarithm."""

    maker: Node
    kind: str
    after: tuple[str, ...]
    scale: float
    log: bool


def end_in_logits(program: ExportedProgram) -> tuple[ExportedProgram, list[str]]:
    """`program`, of one output (1, classes), without what makes probabilities at its end.

    And of one output (1, 1) with two: 0 and the logit, whose softmax is the sigmoid of the logit.
    With what was done, in words, and what could not be. Raises GateError where that changes the
    probabilities.
    """
    module = copy.deepcopy(graph_module(program))
    (output,) = module.graph.find_nodes(op="output")
    (last,) = output.all_input_nodes
    ending, kept = _ending(last)
    told = [] if kept is None else [kept]
    if ending is not None:
        last = _take_off(module, output, last, ending)
        told.append(_words(ending, classes=_classes(last)))
    changed = ending is not None
    if _classes(last) == 1:
        with module.graph.inserting_before(output):
            zero = add_call(module, aten.mul.Tensor, (last, 0.0), like=last)
            both = add_call(module, aten.cat.default, ([zero, last], 1), like=last)
        output.replace_input_with(last, both)
        told.append("gives one logit: class 0 is no, class 1 is yes, whose softmax is its sigmoid")
        changed = True
    if not changed:
        return program, told
    tidy(module)
    shape = input_shape(program)
    exported = torch.export.export(module, (torch.zeros(shape),))
    photo = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    _prove(program, exported, ending, photo)
    return exported, told


def _ending(last: Node) -> tuple[_Ending | None, str | None]:
    """What makes probabilities at the end; or what is to be said where it cannot be taken off."""
    after: list[Node] = []
    node = last
    while (kind := _MAKERS.get(node.target)) is None:
        inputs = node.all_input_nodes[: 1 if node.target in _CASTS else None]
        if node.op != "call_function" or len(inputs) != 1:
            return None, None
        (before,) = inputs
        if not _is_of_one_photo(before):
            return None, None
        after.append(node)
        node = before
    if "sigmoid" not in kind and not _is_over_classes(node):
        return None, None
    after.reverse()
    scale, log = 1.0, kind.startswith("log-")
    for step in after:
        if (found := _passed(step, scale, log=log)) is None:
            return None, (
                f"ends in a {kind} and then {_name(step)}, which cannot be taken off: what it "
                "gives is judged as it is; return the logits instead, before both"
            )
        scale, log = found
    named = [_name(step) for step in after if _is_told(step)]
    return _Ending(maker=node, kind=kind, after=tuple(named), scale=scale, log=log), None


def _is_told(node: Node) -> bool:
    return node.target not in _IDLE | _VIEWS | _CASTS | {aten.dropout.default}


def _passed(node: Node, scale: float, *, log: bool) -> tuple[float, bool] | None:
    """What `scale` times a probability, or its logarithm, is behind `node`; None where it is no
    such thing any more, but for less than `CLOSE`."""
    if node.target in _IDLE or (node.target in _VIEWS and _is_of_one_photo(node)):
        return scale, log
    if node.target in _CASTS:
        return (scale, log) if node.meta["val"].dtype in _WIDE else None
    arguments = filled(node) if isinstance(node.target, OpOverload) else []
    if node.target is aten.dropout.default:
        return None if arguments[2] else (scale, log)
    if (places := _CLAMPS.get(node.target)) is not None:
        low, high = (None if place is None else arguments[place] for place in places)
        # Of logarithms the lower bound is one of probabilities that nobody tells from 0.
        least, most = (math.log(CLOSE), 0.0) if log else (CLOSE * scale, scale * (1 - CLOSE))
        within = (low is None or low <= least) and (high is None or high >= most)
        return (scale, log) if within else None
    if node.target in (aten.exp.default, aten.exp_.default):
        return (1.0, False) if log else None
    if node.target in (aten.log.default, aten.log_.default):
        return (1.0, True) if not log and scale == 1 else None
    factor = arguments[1] if len(arguments) > 1 else None
    if log or not isinstance(factor, (int, float)):
        return None
    if node.target in (aten.mul.Tensor, aten.mul_.Tensor) and factor > 0:
        return scale * factor, False
    if node.target in (aten.div.Tensor, aten.div_.Tensor) and factor > 0:
        return scale / factor, False
    if node.target in (aten.add.Tensor, aten.add_.Tensor) and 0 <= factor <= CLOSE * scale:
        return scale, False
    return None


def _take_off(module: GraphModule, output: Node, last: Node, ending: _Ending) -> Node:
    """Have `output` give what the ending's maker is given, as (1, classes), float32."""
    (logits, *_) = ending.maker.args
    assert isinstance(logits, Node)
    while logits.target in _CASTS and logits.meta["val"].dtype != torch.float32:
        logits = logits.all_input_nodes[0]
    shape = last.meta["val"].shape
    if ending.maker.target is aten.sigmoid_.default:
        ending.maker.target = aten.sigmoid.default  # It would still write over the logits.
    with module.graph.inserting_before(output):
        result = logits
        if result.meta["val"].dtype != torch.float32:
            result = add_call(module, aten.to.dtype, (result, torch.float32), like=result)
        if result.meta["val"].shape != shape:
            result = add_call(module, aten.reshape.default, (result, list(shape)), like=result)
    output.replace_input_with(last, result)
    # By us: of what writes in place the graph itself believes that it is of use.
    node = last
    while not node.users and node is not logits:
        (before, *_) = node.all_input_nodes
        module.graph.erase_node(node)
        node = before
    return result


def _is_of_one_photo(node: Node) -> bool:
    """Whether all axes but one are of size 1."""
    value = node.meta.get("val")
    return isinstance(value, Tensor) and value.numel() == max(value.shape, default=1)


def _is_over_classes(node: Node) -> bool:
    value, axis = node.meta["val"], filled(node)[1]
    return _is_of_one_photo(node) and value.shape[axis] == value.numel() > 1


def _name(node: Node) -> str:
    return str(node.target).removeprefix("aten.").partition(".")[0].strip("_")


def _words(ending: _Ending, *, classes: int) -> str:
    kind = " and ".join(dict.fromkeys([ending.kind, *ending.after]))
    if "sigmoid" in ending.kind and classes > 1:
        return (
            f"ends in a {kind}, which is taken off: classes are in the same order, but apps and "
            "the Core ML artifact show a softmax, which sums to 1 over all of them"
        )
    return f"ends in a {kind}, which is taken off: apps and the Core ML artifact apply a softmax"


def _prove(
    before: ExportedProgram, after: ExportedProgram, ending: _Ending | None, photo: Tensor
) -> None:
    with torch.inference_mode():
        right, got = graph_module(before)(photo), graph_module(after)(photo)
    if got.shape[1] == 2 and right.shape[1] == 1:
        got = got[:, 1:]
    if ending is not None:
        # As probabilities: the logarithm of what nobody tells from 0 may be anything.
        got = got.sigmoid() if "sigmoid" in ending.kind else got.softmax(1)
        right = right.exp() if ending.log else right / ending.scale
    if not torch.allclose(got, right, rtol=CLOSE, atol=CLOSE * max(1.0, float(right.abs().max()))):
        raise GateError(
            "taking what makes probabilities off this network's end changes what it computes: "
            "return the logits instead, before it"
        )


def _classes(node: Node) -> int:
    value = node.meta["val"]
    assert isinstance(value, Tensor)
    return int(value.shape[1])
