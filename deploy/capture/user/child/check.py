"""What a network must be for phones: one image in, one logit for each class out, no Python left."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from .blame import Mistake, a, class_of, layer_of, line_of
from .unwrap import check_named

RUNNABLE = ("aten", "prims")
# Eager and exported differ in the order of sums at most: in 1e-4 of the logits.
LARGEST_DIFFERENCE = 1e-4


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


def check_output(network: nn.Module, output: object, *, one_logit: bool = False) -> Tensor:
    """The logits (1, classes), float32, or a Mistake that says what there is instead.

    `one_logit` lets (1, 1) pass, for a network that says yes or no.
    """
    who = class_of(network)
    if not isinstance(output, Tensor):
        check_named(network, output)
        raise Mistake(
            f"{who} returns {a(output)}, not one tensor: "
            "wrap it in a module whose forward returns the logits alone"
        )
    if output.dtype != torch.float32:
        raise Mistake(
            f"{who} returns {str(output.dtype).removeprefix('torch.')}, not float32: return the "
            "logits, before any argmax, of a network in float32 (network.float())"
        )
    fewest = 1 if one_logit else 2
    if output.dim() != 2 or output.shape[0] != 1 or output.shape[1] < fewest:
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
        _check_mode(node)
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


def _check_mode(node: torch.fx.Node) -> None:
    """Refuse what eval mode should have switched off: answers that hang on chance or on a batch."""
    if not isinstance(node.target, torch._ops.OpOverload):
        return
    given = _arguments(node)
    if torch.Tag.nondeterministic_seeded in node.target.tags and not _is_switched_off(given):
        raise Mistake(
            f"{layer_of(node)} draws random numbers ({_name(node)}{line_of(node)}): for "
            f"functional dropout give training=self.training, and leave other chance out"
        )
    # One photo's own statistics are what an instance norm is for, and no batch norm.
    if "batch_norm" in _name(node) and given.get("training"):
        remedy = (
            "give training=False"
            if given.get("running_mean") is not None
            else (
                "train it with track_running_stats=True, or use an InstanceNorm2d if that is meant"
            )
        )
        raise Mistake(
            f"{layer_of(node)} is a batch norm that takes its statistics from the batch"
            f"{line_of(node)}, on a phone from one photo: {remedy}"
        )


def _arguments(node: torch.fx.Node) -> dict[str, object]:
    """What the operator is given, by its own names for it, defaults included."""
    found: dict[str, object] = {}
    schema = node.target._schema  # type: ignore[union-attr]  # It calls an operator.
    for position, argument in enumerate(schema.arguments):
        otherwise = node.kwargs.get(argument.name, argument.default_value)
        found[argument.name] = node.args[position] if position < len(node.args) else otherwise
    return found


def _is_switched_off(given: dict[str, object]) -> bool:
    """Such as dropout(p=0), dropout(train=False), attention with dropout_p=0."""
    modes = [given[name] for name in ("train", "training") if name in given]
    rates = [given[name] for name in ("p", "dropout_p") if name in given]
    return any(mode is False for mode in modes) or any(rate == 0 for rate in rates)


def _name(node: torch.fx.Node) -> str:
    """Such as `dropout` or `rand`."""
    return str(node.target).split(".")[1]


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
    """Hold the program against the network itself, run as it is, on images of several kinds."""
    who = class_of(network)
    if not _alike(network(example), logits):
        raise Mistake(
            f"{who} gives the same image another answer the second time: "
            "its forward must neither draw random numbers nor change its own state"
        )
    exported = program.module(check_guards=False)
    coarse = nn.functional.interpolate(example[:, :, ::8, ::8], example.shape[2:], mode="bilinear")
    for image in (example, 3 * coarse, example.abs(), torch.zeros_like(example)):
        expected, got = network(image), exported(image)
        if not _alike(got, expected):
            raise Mistake(
                f"{who} computes something else once it is exported (logits differ by "
                f"{float((got - expected).abs().max()):.2g} of {float(expected.abs().max()):.2g}): "
                "its forward must not depend on torch.compiler.is_exporting(), on is_tracing() "
                "or on values that it read when it was exported"
            )


def _remedy(output: Tensor) -> str:
    sizes = tuple(output.shape)
    if output.numel() == 1:
        two = "return two, no and yes, torch.cat([torch.zeros_like(z), z], 1)"
        if sizes == (1, 1):
            return f"of a single logit z that says yes or no build with --classes 2, or {two}"
        return f"of a single logit z {two}, whose softmax is the sigmoid of z"
    if output.dim() == 1:
        return "return one logit for each class, and keep the dimension of the batch"
    if output.dim() > 2 and sizes == (*sizes[:2], *(1 for _ in sizes[2:])):
        return "return one logit for each class, with its output through flatten(1)"
    return "return one logit for each class"


def _alike(got: Tensor, expected: Tensor) -> bool:
    bound = LARGEST_DIFFERENCE * float(expected.nan_to_num(0, 0, 0).abs().max())
    return bool(torch.allclose(got, expected, rtol=LARGEST_DIFFERENCE, atol=bound, equal_nan=True))


def _shape(tensor: Tensor) -> str:
    return f"({', '.join(map(str, tensor.shape))})"
