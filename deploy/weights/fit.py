"""Fitting tensors to a network: every one that it has, and no other."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from deploy.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor, nn

# What DataParallel, torch.compile, averaging and Lightning put before every name.
_PREFIXES = ("module.", "_orig_mod.", "ema.", "model.")
# Counters that some files carry and others do not; no output depends on them.
_COUNTERS = ("num_batches_tracked", "n_averaged")
_NAMES_SHOWN = 3


def count_classes(
    state_dict: Mapping[str, Tensor], network_name: str, *, file_name: str = "the weights file"
) -> int:
    """How many classes the weights were trained for: the rows of their last classifier matrix.

    Raises WeightsError when there is none, as in files of features only or of other networks.
    """
    heads = [
        tensor
        for name, tensor in state_dict.items()
        if "classifier" in name.split(".") and name.endswith(".weight") and tensor.dim() == 2
    ]
    if not heads:
        raise WeightsError(
            f"{file_name} holds no classifier of {network_name} ({_some(state_dict)}): "
            f"give a file of {network_name}, its classifier included"
        )
    return int(heads[-1].shape[0])


def load_weights(network: nn.Module, state_dict: Mapping[str, Tensor], *, file_name: str) -> None:
    """Copy the tensors into the network: every one it has, and no other.

    Prefixes that training wrappers put before every name are dropped. Raises WeightsError, the
    network untouched, when names or shapes differ, or when a tensor is not made of finite
    floating-point numbers.
    """
    expected = {
        name: tensor
        for name, tensor in network.state_dict().items()
        if not name.endswith(_COUNTERS)
    }
    given = _without_prefix(
        {name: tensor for name, tensor in state_dict.items() if not name.endswith(_COUNTERS)},
        expected,
    )
    _check_names(given, expected, file_name)
    _check_shapes(given, expected, file_name)
    _check_values(given, expected, file_name)
    network.load_state_dict(given, strict=False)  # Names are checked; counters may lack.


def _without_prefix(given: dict[str, Tensor], expected: Collection[str]) -> dict[str, Tensor]:
    """Drop what stands before every name, unless the network's own names begin with it."""
    for prefix in _PREFIXES:
        if _all_begin(given, prefix) and not _all_begin(expected, prefix):
            bare = {name.removeprefix(prefix): tensor for name, tensor in given.items()}
            return _without_prefix(bare, expected)
    return given


def _all_begin(names: Collection[str], prefix: str) -> bool:
    return bool(names) and all(name.startswith(prefix) for name in names)


def _check_names(given: Collection[str], expected: Collection[str], file_name: str) -> None:
    missing = [name for name in expected if name not in given]
    left_over = [name for name in given if name not in expected]
    if not missing and not left_over:
        return
    parts = []
    if missing:
        parts.append(f"{len(missing)} of {len(expected)} tensors are missing ({_some(missing)})")
    if left_over:
        parts.append(f"{len(left_over)} are left over ({_some(left_over)})")
    raise WeightsError(
        f"{file_name} is of another network: {' and '.join(parts)}; "
        "name the network that it was trained on"
    )


def _check_shapes(
    given: Mapping[str, Tensor], expected: Mapping[str, Tensor], file_name: str
) -> None:
    different = [
        f"{name} is {_shape(given[name])} in the file, {_shape(tensor)} in the network"
        for name, tensor in expected.items()
        if given[name].shape != tensor.shape
    ]
    if different:
        raise WeightsError(
            f"{file_name} has {len(different)} tensors of other shapes "
            f"({_some(different, separator='; ')}): check the network, its width and classes"
        )


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
