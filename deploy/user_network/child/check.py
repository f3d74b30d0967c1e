"""What a network must be for phones: one image in, one logit for each class out, no Python left."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from .blame import Mistake, a, class_of, layer_of, line_of

RUNNABLE = ("aten", "prims")


def check_inputs(network: nn.Module, example: Tensor) -> None:
    signature = inspect.signature(network.forward)
    try:
        signature.bind(example)
    except TypeError as error:
        names = [p.name for p in signature.parameters.values() if p.default is p.empty]
        raise Mistake(
            f"forward of {class_of(network)} takes {len(names)} inputs ({', '.join(names)}), "
            "not one image: wrap it in a module whose forward takes the image alone"
        ) from error


def check_output(network: nn.Module, output: object) -> Tensor:
    """The logits (1, classes), float32, or a Mistake that says what there is instead."""
    who = class_of(network)
    if not isinstance(output, Tensor):
        fields = [str(key) for key in output] if isinstance(output, dict) else []
        inside = f" with {', '.join(fields)}" if fields else ""
        if isinstance(output, (tuple, list)):
            inside = f" of {len(output)}"
        raise Mistake(
            f"{who} returns {a(output)}{inside}, not one tensor: "
            "wrap it in a module whose forward returns the logits alone"
        )
    if output.dtype != torch.float32:
        raise Mistake(
            f"{who} returns {str(output.dtype).removeprefix('torch.')}, not float32: return the "
            "logits, before any argmax, of a network in float32 (network.float())"
        )
    if output.dim() != 2 or output.shape[0] != 1 or output.shape[1] < 2:
        raise Mistake(
            f"{who} returns a tensor of shape {_shape(output)} for one image, not "
            f"(1, classes): {_remedy(output)}"
        )
    if not torch.isfinite(output).all():
        raise Mistake(f"{who} returns NaN or infinity for a random image: check its weights")
    return output


def check_program(program: ExportedProgram) -> None:
    """Refuse what only Python can compute: operators of the user's own, values read into it."""
    for node in program.graph.nodes:
        if node.op != "call_function":
            continue
        if any(not isinstance(size, int) for size in _sizes(node.meta.get("val"))):
            raise Mistake(
                f"{layer_of(node)} computes with numbers read from its input"
                f"{line_of(node)}, which no phone's runtime can: keep every shape constant and "
                "every value a tensor"
            )
        namespace = getattr(node.target, "namespace", None)
        if namespace is not None and namespace not in RUNNABLE:
            raise Mistake(
                f"{layer_of(node)} uses the operator {node.target}{line_of(node)}, which no "
                "phone's runtime has: write it in torch's own operators"
            )


def _sizes(value: object) -> Iterable[object]:
    """What must be plain integers in what a node computes."""
    if isinstance(value, Tensor):
        return value.shape
    if isinstance(value, (tuple, list)):
        return [size for part in value for size in _sizes(part)]
    # A symbol stands for a number that is known only when the network runs.
    return [value] if isinstance(value, (torch.SymInt, torch.SymFloat, torch.SymBool)) else []


def check_same(
    network: nn.Module, program: ExportedProgram, example: Tensor, logits: Tensor
) -> None:
    exported = program.module(check_guards=False)
    for again in (network(example), exported(example)):
        if not torch.allclose(again, logits, rtol=1e-3, atol=1e-3 * float(logits.abs().max())):
            raise Mistake(
                f"{class_of(network)} gives the same image another answer the second time: "
                "its forward must neither draw random numbers nor change its own state"
            )


def _remedy(output: Tensor) -> str:
    sizes = tuple(output.shape)
    if output.numel() == 1:
        return (
            "of a single logit z return two, no and yes, torch.cat([torch.zeros_like(z), z], 1), "
            "whose softmax is the sigmoid of z"
        )
    if output.dim() == 1:
        return "return one logit for each class, and keep the dimension of the batch"
    if output.dim() > 2 and sizes == (*sizes[:2], *(1 for _ in sizes[2:])):
        return "return one logit for each class, with its output through flatten(1)"
    return "return one logit for each class"


def _shape(tensor: Tensor) -> str:
    return f"({', '.join(map(str, tensor.shape))})"
