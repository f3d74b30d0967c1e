"""What each layer of a network of ours is for, read off its structure.

The layouts of other frameworks name layers after their purpose, each in its own way. Going over
the purpose, one short table a layout is enough for all families and widths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torch import nn

# Five of a block, between what stands before the blocks and after them.
Role = Literal[
    "stem",
    "expand",
    "depthwise",
    "squeeze",
    "excite",
    "project",
    "last",
    "hidden",
    "classifier",
]
Family = Literal["v1", "v2", "v3"]


@dataclass(frozen=True, kw_only=True)
class Part:
    """A layer: its name in our network, its purpose, and whether it is the batch norm of it.

    `block` counts from 0; None outside the blocks.
    """

    module: str
    role: Role
    block: int | None = None
    norm: bool = False

    @property
    def leaves(self) -> tuple[str, ...]:
        """Its tensors' names, in PyTorch's order."""
        if self.norm:
            return ("weight", "bias", "running_mean", "running_var")
        if self.role in ("squeeze", "excite", "hidden", "classifier"):
            return ("weight", "bias")
        return ("weight",)


def list_parts(network: nn.Module) -> tuple[Part, ...]:
    """The layers with weights of one of the networks in `models.registry`, in forward order."""
    parts: list[Part] = []
    features = network.get_submodule("features")
    block = 0
    for name, child in features.named_children():
        layers = [
            (f"features.{name}.{path}", layer)
            for path, layer in child.named_modules()
            if isinstance(layer, nn.Conv2d | nn.BatchNorm2d)
        ]
        if any(_is_depthwise(layer) for _, layer in layers):
            parts += _block_parts(layers, block)
            block += 1
        else:
            (conv, _), (norm, _) = layers
            role: Role = "last" if parts else "stem"
            parts += [Part(module=conv, role=role), Part(module=norm, role=role, norm=True)]
    linear = [
        f"classifier.{path}"
        for path, layer in network.get_submodule("classifier").named_modules()
        if isinstance(layer, nn.Linear)
    ]
    parts += [Part(module=name, role="hidden") for name in linear[:-1]]
    return (*parts, Part(module=linear[-1], role="classifier"))


def family(parts: Sequence[Part]) -> Family:
    """V1 has no convolution after its blocks, and V3 alone a hidden layer in its head."""
    roles = {part.role for part in parts}
    if "hidden" in roles:
        return "v3"
    return "v2" if "last" in roles else "v1"


def _block_parts(layers: Sequence[tuple[str, nn.Module]], block: int) -> list[Part]:
    parts: list[Part] = []
    roles: list[Role] = ["depthwise", "project"]
    if not _is_depthwise(layers[0][1]):
        roles.insert(0, "expand")
    if any(_is_biased(layer) for _, layer in layers):
        roles[-1:] = ["squeeze", "excite", "project"]
    remaining = iter(roles)
    for name, layer in layers:
        norm = isinstance(layer, nn.BatchNorm2d)
        role = parts[-1].role if norm else next(remaining)
        parts.append(Part(module=name, role=role, block=block, norm=norm))
    return parts


def _is_depthwise(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Conv2d) and layer.groups == layer.in_channels > 1


def _is_biased(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Conv2d) and layer.bias is not None
