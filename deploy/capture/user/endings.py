"""Logits, of a network that ends in probabilities.

Apps and the Core ML artifact apply a softmax of their own, and int8 has few steps for what lies
between 0 and 1: so what the network applies is taken off, where it can be told from its program.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import Node

from deploy.capture.program import add_call, aten, filled, graph_module, input_shape, tidy
from deploy.support.errors import GateError

_SOFTMAXES: dict[object, str] = {
    aten.softmax.int: "softmax",
    aten._softmax.default: "softmax",
    aten.log_softmax.int: "log-softmax",
    aten._log_softmax.default: "log-softmax",
}
_SIGMOIDS = (aten.sigmoid.default, aten.sigmoid_.default)
# What may stand behind it and changes nothing.
_IDLE = (aten.clone.default, aten.contiguous.default, aten.alias.default, aten.detach.default)
CLOSE = 1e-5


def end_in_logits(program: ExportedProgram) -> tuple[ExportedProgram, list[str]]:
    """`program`, of one output (1, classes), without a softmax or sigmoid at its end.

    And of one output (1, 1) with two: 0 and the logit, whose softmax is the sigmoid of the logit.
    With what was done, in words. Raises GateError where that changes the probabilities.
    """
    module = copy.deepcopy(graph_module(program))
    (output,) = module.graph.find_nodes(op="output")
    (last,) = output.all_input_nodes
    told = []
    end = last
    while end.target in _IDLE:
        (end,) = end.all_input_nodes
    ending = _ending(end)
    if ending is not None:
        (logits, *_) = end.args
        assert isinstance(logits, Node)
        if ending == "sigmoid":
            end.target = aten.sigmoid.default  # In place it would still write over the logits.
        output.replace_input_with(last, logits)
        last = logits
        told.append(_words(ending, classes=_classes(logits)))
    if _classes(last) == 1:
        with module.graph.inserting_before(output):
            zero = add_call(module, aten.mul.Tensor, (last, 0.0), like=last)
            both = add_call(module, aten.cat.default, ([zero, last], 1), like=last)
        output.replace_input_with(last, both)
        told.append("gives one logit: class 0 is no, class 1 is yes, whose softmax is its sigmoid")
    if not told:
        return program, []
    tidy(module)
    shape = input_shape(program)
    changed = torch.export.export(module, (torch.zeros(shape),))
    _prove(program, changed, ending, torch.randn(shape, generator=torch.Generator().manual_seed(1)))
    return changed, told


def _ending(node: Node) -> str | None:
    if node.target in _SIGMOIDS:
        return "sigmoid"
    if (name := _SOFTMAXES.get(node.target)) is None:
        return None
    # Of the classes; along the photos it would be all ones.
    return name if filled(node)[1] in (1, -1) and node.meta["val"].dim() == 2 else None


def _words(ending: str, *, classes: int) -> str:
    if ending == "sigmoid" and classes > 1:
        return (
            "ends in a sigmoid, which is taken off: classes are in the same order, but apps and "
            "the Core ML artifact show a softmax, which sums to 1 over all of them"
        )
    return f"ends in a {ending}, which is taken off: apps and the Core ML artifact apply one"


def _prove(
    before: ExportedProgram, after: ExportedProgram, ending: str | None, photo: Tensor
) -> None:
    with torch.inference_mode():
        right, got = graph_module(before)(photo), graph_module(after)(photo)
    if got.shape[1] == 2 and right.shape[1] == 1:
        got = got.softmax(1)[:, 1:] if ending == "sigmoid" else got[:, 1:]
    elif ending == "sigmoid":
        got = got.sigmoid()
    elif ending is not None:
        got = got.softmax(1) if ending == "softmax" else got.log_softmax(1)
    if not torch.allclose(got, right, rtol=CLOSE, atol=CLOSE * float(right.abs().max())):
        raise GateError(
            f"taking the {ending} off this network's end changes what it computes: return the "
            "logits instead, before it"
        )


def _classes(node: Node) -> int:
    value = node.meta["val"]
    assert isinstance(value, Tensor)
    return int(value.shape[1])
