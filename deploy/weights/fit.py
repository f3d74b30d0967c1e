"""Fitting tensors to a network: every one that it has, out of all that a file holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.support.errors import WeightsError
from deploy.weights.copies import (
    Copy,
    Shape,
    choose_copy,
    find_copies,
    of_the_network,
    show,
    some,
    without_counters,
    without_wrappers,
)
from deploy.weights.nearest import meta_network, nearest_advice
from models.weights.layouts import Renamed, from_ours, key_map, recognize, to_ours
from models.weights.source import LayoutName

if TYPE_CHECKING:
    from torch import Tensor, nn

_COLOURS = 3
_STEM_KERNEL = (3, 3)
_KERAS: tuple[LayoutName, ...] = ("keras", "keras-numbered")
_TORCH: tuple[LayoutName, ...] = ("torchvision", "timm")


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A file's tensors under the names of our network, and what the file says by its form.

    `left_out` says in words what else the file holds, "" where it is nothing.
    """

    state_dict: dict[str, Tensor]
    layout: LayoutName
    classes: int
    left_out: str


def fit_weights(
    tensors: Mapping[str, Tensor],
    network_name: str,
    *,
    width: float,
    file_name: str,
    prefix: str | None = None,
) -> Fitted:
    """Recognize the layout of a file's tensors and rename them for a network of the registry.

    The head's size sets the classes. `prefix` says which copy of the network to take where the
    file has several. Raises WeightsError when the tensors are not that network's at that width:
    what is missing, what is left over, and whose weights they are.
    """
    network = meta_network(network_name, width=width)
    layout, copy, outside = _find(tensors, network, prefix, file_name)
    renamed = to_ours(copy.tensors, network, layout)
    strangers = [] if layout in _KERAS else _strangers(renamed, network, layout)
    left_over = [name for name in renamed.left_over if name not in strangers]
    classes = _classes(renamed)
    expected = meta_network(network_name, width=width, classes=classes or 1).state_dict()
    different = _different_shapes(renamed.tensors, expected)
    others = [*(f"{copy.prefix}{name}" for name in strangers), *outside]
    if renamed.missing or left_over or different:
        _check_stem(renamed, network_name, layout, file_name)
        own = {name: t for name, t in copy.tensors.items() if name not in strangers}
        raise WeightsError(
            f"{file_name} does not fit {network_name} at width {width:g}: "
            f"{nearest_advice(own, layout)} ({_misfit(renamed, [*left_over, *others], different)})"
        )
    if classes < 2:
        raise WeightsError(
            f"{file_name}: its head has 1 output, and an app compares at least 2: save one that "
            "has no and yes, by torch.cat([torch.zeros_like(t), t]) of its weight and of "
            "its bias; their softmax is the sigmoid of the one"
        )
    names = {key.ours: f"{copy.prefix}{key.theirs}" for key in key_map(network, layout)}
    _check_values(renamed.tensors, expected, names, file_name)
    return Fitted(
        state_dict=renamed.tensors,
        layout=layout,
        classes=classes,
        left_out=_said(copy, len(renamed.tensors), others),
    )


def load_weights(
    network: nn.Module,
    state_dict: Mapping[str, Tensor],
    *,
    file_name: str,
    prefix: str | None = None,
) -> str:
    """Copy tensors into the network, every one that it has; say in words what is left out, or "".

    What stands before all of the network's names is dropped; `prefix` says which copy to take
    where there are several. Raises WeightsError, the network untouched, when names or shapes
    differ, or when a tensor is not made of finite floating-point numbers.
    """
    expected = without_counters(network.state_dict())
    tensors = without_wrappers(without_counters(state_dict), expected)
    copy = choose_copy(
        tensors,
        {name: tuple(tensor.shape) for name, tensor in expected.items()},
        prefix=prefix,
        file_name=file_name,
    )
    given = {name: tensor for name, tensor in copy.tensors.items() if name in expected}
    missing = tuple(name for name in expected if name not in given)
    left_over = [name for name in copy.tensors if name not in expected]
    renamed = Renamed(tensors=given, missing=missing, left_over=tuple(left_over))
    different = _different_shapes(given, expected)
    others = [
        name
        for name in tensors
        if name.removeprefix(copy.prefix) not in expected or not name.startswith(copy.prefix)
    ]
    if missing or different or of_the_network(left_over, expected):
        raise WeightsError(
            f"{file_name} is of another network: check the network, its width and classes "
            f"({_misfit(renamed, others, different)})"
        )
    names = {name: f"{copy.prefix}{name}" for name in expected}
    _check_values(given, expected, names, file_name)
    network.load_state_dict(given, strict=False)  # Names are checked; counters may lack.
    return _said(copy, len(expected), others)


def _find(
    tensors: Mapping[str, Tensor], network: nn.Module, prefix: str | None, file_name: str
) -> tuple[LayoutName, Copy, list[str]]:
    """The layout, the copy of the network to take, and the names of what is outside of it."""
    tensors = without_counters(tensors)
    layout = recognize(tensors)
    if layout in _KERAS:
        if prefix is not None:
            raise WeightsError(
                f"{file_name} is Keras' and holds one network: leave --weights-prefix out"
            )
        return layout, Copy(prefix="", tensors=tensors, found=0, fits=False), []
    layout = max(_TORCH, key=lambda name: _found(tensors, _wanted(network, name)))
    wanted = _wanted(network, layout)
    tensors = without_wrappers(tensors, wanted)
    copy = choose_copy(tensors, wanted, prefix=prefix, file_name=file_name)
    return layout, copy, [name for name in tensors if not name.startswith(copy.prefix)]


def _found(tensors: Mapping[str, Tensor], wanted: Mapping[str, Shape]) -> int:
    """How many of the wanted there are in the fullest copy."""
    return max(
        (copy.found for copy in find_copies(without_wrappers(tensors, wanted), wanted)), default=0
    )


def _wanted(network: nn.Module, layout: LayoutName) -> dict[str, Shape]:
    """Names and shapes in the layout, the number of classes left open."""
    theirs = from_ours(network.state_dict(), network, layout)
    return {
        key.theirs: (None, *shape[1:]) if key.part.role == "classifier" else shape
        for key in key_map(network, layout)
        for shape in [tuple(theirs[key.theirs].shape)]
    }


def _strangers(renamed: Renamed, network: nn.Module, layout: LayoutName) -> list[str]:
    wanted = _wanted(network, layout)
    mine = set(of_the_network(renamed.left_over, wanted))
    return [name for name in renamed.left_over if name not in mine]


def _classes(renamed: Renamed) -> int:
    """The outputs of the head; 1000 where there is none to tell."""
    heads = [tensor for name, tensor in renamed.tensors.items() if name.startswith("classifier.")]
    return heads[-1].shape[0] if heads and heads[-1].dim() else 1000


def _said(copy: Copy, count: int, others: Collection[str]) -> str:
    if not others:
        return ""
    where = f" under {show(copy.prefix.removesuffix('.'))}" if copy.prefix else ""
    return f"takes the {count} tensors{where} and leaves {len(others)} out ({some(others)})"


def _check_stem(renamed: Renamed, network_name: str, layout: LayoutName, file_name: str) -> None:
    stem = key_map(meta_network(network_name, width=1.0), layout)[0]
    shape = renamed.tensors[stem.ours].shape if stem.ours in renamed.tensors else ()
    if len(shape) == 4 and shape[1] != _COLOURS and shape[2:] == _STEM_KERNEL:
        takes = "1 channel" if shape[1] == 1 else f"{shape[1]} channels"
        raise WeightsError(
            f"{file_name}: the first convolution, {stem.theirs}, takes {takes} where photos "
            f"have {_COLOURS} (RGB): give weights trained on RGB photos"
        )


def _different_shapes(given: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> list[str]:
    return [
        f"{name} is {_shape(given[name])} in the file, {_shape(tensor)} in the network"
        for name, tensor in expected.items()
        if name in given and given[name].shape != tensor.shape
    ]


def _misfit(renamed: Renamed, left_over: Collection[str], different: Collection[str]) -> str:
    parts = []
    if renamed.missing:
        of = len(renamed.missing) + len(renamed.tensors)
        parts.append(
            f"{len(renamed.missing)} of {of} tensors are missing ({some(renamed.missing)})"
        )
    if left_over:
        parts.append(f"{len(left_over)} are left over ({some(left_over)})")
    if different:
        shown = some(different, separator="; ")
        parts.append(f"{len(different)} tensors have other shapes ({shown})")
    return " and ".join(parts)


def _check_values(
    given: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    names: Mapping[str, str],
    file_name: str,
) -> None:
    """`names` are the file's own."""
    import torch

    floats = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
    for name, wanted in without_counters(expected).items():
        tensor, theirs = given[name], f"{file_name}: {show(names[name])}"
        if wanted.is_floating_point() and tensor.dtype not in floats:
            raise WeightsError(
                f"{theirs} is {str(tensor.dtype).removeprefix('torch.')}, not "
                "floating point of 16 bits or more: give the float weights, from before "
                "quantization"
            )
        if tensor.layout != torch.strided or tensor.device.type != "cpu":
            raise WeightsError(
                f"{theirs} is {tensor.layout} on {tensor.device}: save dense tensors"
            )
        # As it will be: a double may be too large for float32.
        stored = tensor.to(wanted.dtype)
        if not torch.isfinite(stored).all():
            raise WeightsError(
                f"{theirs} holds NaN or infinity: the training diverged, give an earlier checkpoint"
            )
        if not wanted.is_floating_point() and not torch.equal(stored.to(tensor.dtype), tensor):
            raise WeightsError(
                f"{theirs} is {str(tensor.dtype).removeprefix('torch.')} with "
                f"values that {str(wanted.dtype).removeprefix('torch.')} has not: save it as the "
                "network has it"
            )


def _shape(tensor: Tensor) -> str:
    return "x".join(str(size) for size in tensor.shape) or "a number"
