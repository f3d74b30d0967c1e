"""timm's names (`timm/models/_efficientnet_blocks.py`): blocks by stage, batch norms by number."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from models.weights.parts import Part, family

# Blocks in each of timm's stages, by the number of all blocks: V1, V2, V3-Large, V3-Small.
_STAGES = {
    13: (1, 2, 2, 6, 2),
    17: (1, 2, 3, 4, 3, 3, 1),
    15: (1, 2, 3, 4, 2, 3),
    11: (1, 2, 3, 2, 3),
}


def timm_names(parts: Sequence[Part]) -> list[str]:
    """timm's name of each part."""
    blocks = max(part.block for part in parts if part.block is not None) + 1
    stages = _STAGES[blocks]
    places = [f"blocks.{stage}.{i}" for stage, count in enumerate(stages) for i in range(count)]
    expanded = {part.block for part in parts if part.role == "expand"}
    is_v3 = family(parts) == "v3"

    def name(part: Part) -> str:
        if part.block is not None:
            return f"{places[part.block]}.{_in_block(part, part.block in expanded)}"
        match part.role:
            case "stem":
                return "bn1" if part.norm else "conv_stem"
            case "last" if is_v3:
                return f"blocks.{len(stages)}.0.{'bn1' if part.norm else 'conv'}"
            case "last":
                return "bn2" if part.norm else "conv_head"
            case "hidden":
                return "conv_head"
        return "classifier"

    return [name(part) for part in parts]


def timm_to_ours(tensor: Tensor, part: Part) -> Tensor:
    """V3's hidden layer is a 1x1 convolution there: (O, I, 1, 1) -> (O, I)."""
    if part.role == "hidden" and tensor.dim() == 4:
        return tensor.flatten(1)
    return tensor


def ours_to_timm(tensor: Tensor, part: Part) -> Tensor:
    """The inverse of `timm_to_ours`."""
    if part.role == "hidden" and tensor.dim() == 2:
        return tensor[:, :, None, None]
    return tensor


def _in_block(part: Part, expanded: bool) -> str:
    """A block without expansion is timm's DepthwiseSeparableConv, where numbers begin later."""
    match part.role:
        case "expand":
            return "bn1" if part.norm else "conv_pw"
        case "depthwise":
            return ("bn2" if expanded else "bn1") if part.norm else "conv_dw"
        case "squeeze":
            return "se.conv_reduce"
        case "excite":
            return "se.conv_expand"
    if part.norm:
        return "bn3" if expanded else "bn2"
    return "conv_pwl" if expanded else "conv_pw"
