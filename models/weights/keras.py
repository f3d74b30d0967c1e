"""Keras' names, in both of its layouts, and the order of its axes.

A legacy `.h5` file goes by layer names (`conv_dw_1/kernel`, `keras/src/applications`). A
`.weights.h5` file, also the one inside `.keras`, goes by the layers' classes, numbered in the
order in which they run, and numbers their variables (`layers/conv2d_3/vars/0`,
`keras/src/saving/saving_lib.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from torch import Tensor

from models.weights.parts import Family, Part, family

LEGACY_LEAVES = {"weight": "kernel", "bias": "bias"}
LEGACY_NORM_LEAVES = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
_SQUEEZE_EXCITE = {"squeeze": "squeeze_excite_conv", "excite": "squeeze_excite_conv_1"}


def legacy_names(parts: Sequence[Part]) -> list[str]:
    """Keras' layer name of each part, in lower case: applications differ in it across versions."""
    name = {"v1": _v1_name, "v2": _v2_name, "v3": _v3_name}[family(parts)]
    return [name(part) for part in parts]


def numbered_names(parts: Sequence[Part]) -> list[str]:
    """The class of each part's layer and, from the second of a class on, its number."""
    of_family = family(parts)
    counts: Counter[str] = Counter()
    names = []
    for part in parts:
        kind = _class(part, of_family)
        names.append(f"{kind}_{counts[kind]}" if counts[kind] else kind)
        counts[kind] += 1
    return names


def keras_to_ours(tensor: Tensor, part: Part) -> Tensor:
    """(kh, kw, I, O) -> (O, I, kh, kw); depthwise (kh, kw, C, 1) -> (C, 1, kh, kw).

    Fully connected layers are (I, O) or 1x1 convolutions there, (O, I) here.
    """
    if tensor.dim() == 4 and part.role == "depthwise":
        return tensor.permute(2, 3, 0, 1)
    if part.role in ("hidden", "classifier"):
        if tensor.dim() == 4 and tensor.shape[:2] == (1, 1):
            return tensor[0, 0].T
        return tensor.T if tensor.dim() == 2 else tensor
    return tensor.permute(3, 2, 0, 1) if tensor.dim() == 4 else tensor


def ours_to_keras(tensor: Tensor, part: Part, *, of_family: Family) -> Tensor:
    """The inverse of `keras_to_ours`, as `keras.applications` has the network."""
    if tensor.dim() == 4:
        return (
            tensor.permute(2, 3, 0, 1) if part.role == "depthwise" else tensor.permute(2, 3, 1, 0)
        )
    if tensor.dim() == 2:
        return tensor.T if of_family == "v2" else tensor.T[None, None]
    return tensor


def spell_legacy(name: str, known: Collection[str]) -> str:
    """The name of `known` that `name` stands for, or `name` itself.

    Files differ in case, in `:0` after the variable, and in the groups around the layer. In
    TensorFlow's own Keras, V3's layer names hold slashes and `BatchNorm`.

    >>> known = {"expanded_conv_1_expand_bn/gamma"}
    >>> spell_legacy("top/expanded_conv_1/expand/BatchNorm/gamma:0", known)
    'expanded_conv_1_expand_bn/gamma'
    """
    text = name.removesuffix(":0").casefold().replace("/batchnorm", "_bn")
    *path, leaf = text.replace("/depthwise_kernel", "/kernel").split("/")
    return _longest_known("_", path, leaf, name, known)


def spell_numbered(name: str, known: Collection[str]) -> str:
    """As `spell_legacy`, for names such as `layers/functional/layers/conv2d_3/vars/0`."""
    *path, leaf = (step for step in name.split("/") if step not in ("layers", "vars"))
    return _longest_known("/", path, leaf, name, known)


def _longest_known(
    joint: str, path: Sequence[str], leaf: str, name: str, known: Collection[str]
) -> str:
    for start in range(len(path)):
        candidate = f"{joint.join(path[start:])}/{leaf}"
        if candidate in known:
            return candidate
    return name


def _v1_name(part: Part) -> str:
    suffix = "_bn" if part.norm else ""
    match part.role:
        case "stem":
            return f"conv1{suffix}"
        case "classifier":
            return "conv_preds"
    kind = "dw" if part.role == "depthwise" else "pw"
    return f"conv_{kind}_{(part.block or 0) + 1}{suffix}"


def _v2_name(part: Part) -> str:
    suffix = "_bn" if part.norm else ""
    match part.role:
        case "stem":
            return "bn_conv1" if part.norm else "conv1"
        case "last":
            return f"conv_1{suffix}"
        case "classifier":
            return "predictions"
    prefix = f"block_{part.block}" if part.block else "expanded_conv"
    return f"{prefix}_{part.role}{suffix}"


def _v3_name(part: Part) -> str:
    suffix = "_bn" if part.norm else ""
    match part.role:
        case "stem":
            return f"conv{suffix}"
        case "last":
            return f"conv_1{suffix}"
        case "hidden":
            return "conv_2"
        case "classifier":
            return "logits"
    prefix = f"expanded_conv_{part.block}" if part.block else "expanded_conv"
    return f"{prefix}_{_SQUEEZE_EXCITE.get(part.role, part.role)}{suffix}"


def _class(part: Part, of_family: Family) -> str:
    if part.norm:
        return "batch_normalization"
    if part.role == "depthwise":
        return "depthwise_conv2d"
    return "dense" if part.role == "classifier" and of_family == "v2" else "conv2d"
