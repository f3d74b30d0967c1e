"""The network inside what training put around it, and its class output alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from .blame import Mistake, a, class_of

# Wrappers, and where they keep the network: the names of its tensors are then its own again.
_WRAPPERS = {
    "DataParallel": "module",
    "DistributedDataParallel": "module",
    "FullyShardedDataParallel": "module",
    "OptimizedModule": "_orig_mod",
    "AveragedModel": "module",
}
_HALF = (torch.float16, torch.bfloat16)


def unwrap(network: nn.Module) -> nn.Module:
    """The network itself, of DataParallel, torch.compile and the like, at the root and inside.

    Raises Mistake for a network of torch.jit, of which no program can be made.
    """
    network = _inside(network)
    for module in list(network.modules()):
        for name, child in list(module._modules.items()):
            if child is not None and (inner := _inside(child)) is not child:
                module._modules[name] = inner
        module._compiled_call_impl = None  # Of network.compile().
    for module in network.modules():
        if isinstance(module, torch.jit.ScriptModule):
            raise Mistake(
                f"{class_of(network)} is of torch.jit, which cannot be exported: return the "
                "network that it was made of"
            )
    return network


def _inside(module: nn.Module) -> nn.Module:
    while (name := _WRAPPERS.get(type(module).__name__)) and isinstance(
        inner := getattr(module, name, None), nn.Module
    ):
        module = inner
    return module


def widen(network: nn.Module, example: Tensor) -> list[str]:
    """Put a network on half precision into float32; what that means, in words, if it was.

    One that takes `example` (1, 3, H, W), float32, and answers in float32, or that mixes the two,
    says by itself where which is meant, and stays.
    """
    tensors = [*network.parameters(), *network.buffers()]
    kinds = {tensor.dtype for tensor in tensors if tensor.is_floating_point()}
    if not kinds or not kinds <= set(_HALF) or _is_wide_outside(network, example):
        return []
    network.float()
    words = " and ".join(sorted(str(kind).removeprefix("torch.") for kind in kinds))
    return [f"is on {words}: its weights as they are, computed with in float32"]


def _is_wide_outside(network: nn.Module, example: Tensor) -> bool:
    try:
        with torch.no_grad():
            output = network(example)
    except Exception:  # The user's layers may raise anything: so it does not take float32.
        return False
    outputs = [output] if isinstance(output, Tensor) else list(named_outputs(output).values())
    return any(tensor.dtype is torch.float32 for tensor in outputs)


def pick_logits(network: nn.Module, name: str | None) -> None:
    """Make `network` return one of its outputs alone: the one called `name`.

    By its key or field, or by its number, from 0, in a tuple or list. A hook, so that the names of
    the network's tensors and layers stay. Without a name one that is alone is taken.
    """

    def chosen(module: nn.Module, _: Any, output: object) -> object:
        outputs = named_outputs(output)
        if name is not None and isinstance(output, Tensor):
            raise Mistake(f"{class_of(module)} returns one tensor: leave --logits {name} out")
        if not outputs:
            return output
        if name is None:
            return next(iter(outputs.values())) if len(outputs) == 1 else output
        if name not in outputs:
            known = ", ".join(outputs)
            raise Mistake(f"{class_of(module)} has no output {name!r}: known are {known}")
        return outputs[name]

    network.register_forward_hook(chosen)


def named_outputs(output: object) -> dict[str, Tensor]:
    """The tensors in what a network returns, by the names that --logits takes."""
    if isinstance(output, Tensor):
        return {}
    if dataclasses.is_dataclass(output) and not isinstance(output, (type, Mapping)):
        output = {field.name: getattr(output, field.name) for field in dataclasses.fields(output)}
    if hasattr(output, "_fields"):  # A named tuple.
        output = dict(zip(output._fields, output, strict=True))  # type: ignore[call-overload]
    if isinstance(output, Mapping):
        named = {str(key): value for key, value in output.items()}
    elif isinstance(output, (tuple, list)):
        named = {str(place): value for place, value in enumerate(output)}
    else:
        return {}
    return {key: value for key, value in named.items() if isinstance(value, Tensor)}


def check_named(network: nn.Module, output: object) -> None:
    """Raise Mistake where several outputs leave open which one the logits are."""
    outputs = named_outputs(output)
    if not outputs:
        return
    shown = ", ".join(f"{key} {tuple(value.shape)}" for key, value in outputs.items())
    likely = [key for key, value in outputs.items() if "logit" in key] or list(outputs)
    raise Mistake(
        f"{class_of(network)} returns {a(output)} of {len(outputs)} outputs ({shown}): say which "
        f"one the logits are, such as --logits {likely[0]}"
    )
