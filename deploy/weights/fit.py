"""Fitting tensors to a network: every one that it has, and no other."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.errors import WeightsError
from deploy.weights.nearest import meta_network, nearest_advice
from models.weights.conventions import LayoutName
from models.weights.layouts import Renamed, key_map, recognize, to_ours

if TYPE_CHECKING:
    from torch import Tensor, nn

# Counters that some files carry and others do not; no output depends on them.
_COUNTERS = ("num_batches_tracked", "n_averaged")
_NAMES_SHOWN = 3
_COLOURS = 3
_STEM_KERNEL = (3, 3)
# What names of our networks and of timm's begin with, in a file of features only.
_OUTERMOST = ("features.", "blocks.")


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A file's tensors under the names of our network, and what the file says by its form."""

    state_dict: dict[str, Tensor]
    layout: LayoutName
    classes: int


def fit_weights(
    tensors: Mapping[str, Tensor], network_name: str, *, width: float, file_name: str
) -> Fitted:
    """Recognize the layout of a file's tensors and rename them for a network of the registry.

    The head's size sets the classes. Raises WeightsError when the tensors are not that network's
    at that width: what is missing, what is left over, and whose weights they are.
    """
    tensors = _without_prefix(_without_counters(tensors), keep=_OUTERMOST)
    layout = recognize(tensors)
    renamed = to_ours(tensors, meta_network(network_name, width=width), layout)
    heads = [name for name in renamed.tensors if name.startswith("classifier.")]
    classes = renamed.tensors[heads[-1]].shape[0] if heads else 1
    expected = meta_network(network_name, width=width, classes=classes).state_dict()
    different = _different_shapes(renamed.tensors, expected)
    if renamed.missing or renamed.left_over or different:
        _check_stem(renamed, network_name, layout, file_name)
        raise WeightsError(
            f"{file_name} does not fit {network_name} at width {width:g}: "
            f"{_misfit(renamed, different)}; {nearest_advice(tensors, layout)}"
        )
    return Fitted(state_dict=renamed.tensors, layout=layout, classes=classes)


def load_weights(network: nn.Module, state_dict: Mapping[str, Tensor], *, file_name: str) -> None:
    """Copy the tensors into the network: every one it has, and no other.

    A prefix that a training wrapper put before every name is dropped. Raises WeightsError, the
    network untouched, when names or shapes differ, or when a tensor is not made of finite
    floating-point numbers.
    """
    expected = _without_counters(network.state_dict())
    outermost = _common_prefix(expected)
    given = _without_prefix(_without_counters(state_dict), keep=(outermost,))
    renamed = Renamed(
        tensors={name: tensor for name, tensor in given.items() if name in expected},
        missing=tuple(name for name in expected if name not in given),
        left_over=tuple(name for name in given if name not in expected),
    )
    different = _different_shapes(given, expected)
    if renamed.missing or renamed.left_over or different:
        raise WeightsError(
            f"{file_name} is of another network: {_misfit(renamed, different)}; "
            "check the network, its width and classes"
        )
    _check_values(given, expected, file_name)
    network.load_state_dict(given, strict=False)  # Names are checked; counters may lack.


def _check_stem(renamed: Renamed, network_name: str, layout: LayoutName, file_name: str) -> None:
    stem = key_map(meta_network(network_name, width=1.0), layout)[0]
    shape = renamed.tensors[stem.ours].shape if stem.ours in renamed.tensors else ()
    if len(shape) == 4 and shape[1] != _COLOURS and shape[2:] == _STEM_KERNEL:
        takes = "1 channel" if shape[1] == 1 else f"{shape[1]} channels"
        raise WeightsError(
            f"{file_name}: the first convolution, {stem.theirs}, takes {takes} where photos "
            f"have {_COLOURS} (RGB): give weights trained on RGB photos"
        )


def _without_counters(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if not name.endswith(_COUNTERS)}


def _without_prefix(given: dict[str, Tensor], *, keep: Collection[str]) -> dict[str, Tensor]:
    """Drop what stands before every name, unless it is one of `keep`, the network's own.

    DataParallel, torch.compile, averaging and Lightning put one there, and so does a training
    script that holds the network as an attribute of its own.
    """
    prefix = _common_prefix(given)
    if not prefix or prefix in keep:
        return given
    bare = {name.removeprefix(prefix): tensor for name, tensor in given.items()}
    return _without_prefix(bare, keep=keep)


def _common_prefix(names: Collection[str]) -> str:
    """The outermost module that all names begin with, its dot included, or ""."""
    prefix, dot, _ = next(iter(names), "").partition(".")
    return prefix + dot if dot and all(name.startswith(prefix + dot) for name in names) else ""


def _different_shapes(given: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> list[str]:
    return [
        f"{name} is {_shape(given[name])} in the file, {_shape(tensor)} in the network"
        for name, tensor in expected.items()
        if name in given and given[name].shape != tensor.shape
    ]


def _misfit(renamed: Renamed, different: Collection[str]) -> str:
    parts = []
    if renamed.missing:
        of = len(renamed.missing) + len(renamed.tensors)
        parts.append(
            f"{len(renamed.missing)} of {of} tensors are missing ({_some(renamed.missing)})"
        )
    if renamed.left_over:
        parts.append(f"{len(renamed.left_over)} are left over ({_some(renamed.left_over)})")
    if different:
        shown = _some(different, separator="; ")
        parts.append(f"{len(different)} tensors have other shapes ({shown})")
    return " and ".join(parts)


def _check_values(
    given: Mapping[str, Tensor], expected: Mapping[str, Tensor], file_name: str
) -> None:
    import torch

    for name, wanted in expected.items():
        tensor = given[name]
        if wanted.is_floating_point() and not tensor.is_floating_point():
            raise WeightsError(
                f"{file_name}: {name} is {str(tensor.dtype).removeprefix('torch.')}, not "
                "floating point: give the float weights, from before quantization"
            )
        if tensor.layout != torch.strided or tensor.device.type != "cpu":
            raise WeightsError(
                f"{file_name}: {name} is {tensor.layout} on {tensor.device}: save dense tensors"
            )
        if not torch.isfinite(tensor).all():
            raise WeightsError(
                f"{file_name}: {name} holds NaN or infinity: "
                "the training diverged, give an earlier checkpoint"
            )


def _shape(tensor: Tensor) -> str:
    return "x".join(str(size) for size in tensor.shape) or "a number"


def _some(names: Collection[str], *, separator: str = ", ") -> str:
    # A file may name its tensors anything: no line breaks or terminal codes into our message.
    shown = [name if name.isprintable() else ascii(name) for name in list(names)[:_NAMES_SHOWN]]
    more = ["..."] if len(names) > len(shown) else []
    return separator.join([*shown, *more])
