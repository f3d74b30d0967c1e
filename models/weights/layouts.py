"""The layouts that weights files come in: whose names the tensors bear, and how axes stand.

    names of a file ── recognize ──> layout ── to_ours ──> names of our network
                                            <── from_ours ──

Pure functions over tensors by name; `deploy.weights` reads the files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from torch import Tensor, nn

from models.weights import keras, timm
from models.weights.parts import Family, Part, family, list_parts
from models.weights.source import LayoutName


@dataclass(frozen=True, kw_only=True)
class Key:
    """One tensor: its name in our network, its name in a layout, and the layer that it is of."""

    ours: str
    theirs: str
    part: Part


@dataclass(frozen=True, kw_only=True)
class Renamed:
    """A file's tensors under our names, and what does not go together.

    `missing` are names of the layout that the file lacks, `left_over` names of the file that the
    network has no use for, each in its own order.
    """

    tensors: dict[str, Tensor]
    missing: tuple[str, ...]
    left_over: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Layout:
    name_layers: Callable[[Sequence[Part]], list[str]]
    join: Callable[[str, Part, str], str]
    spell: Callable[[str, Collection[str]], str]
    to_ours: Callable[[Tensor, Part], Tensor]
    from_ours: Callable[[Tensor, Part, Family], Tensor]


def recognize(names: Collection[str]) -> LayoutName:
    """The layout of a file, by its tensors' names; "torchvision", ours, where nothing tells."""
    # Most: a checkpoint of torch's may hold a metric called `val/accuracy`.
    if 2 * sum("/" in name for name in names) > len(names):
        return "keras-numbered" if any("/vars/" in name for name in names) else "keras"
    if any(name.startswith(("conv_stem.", "blocks.")) for name in names):
        return "timm"
    return "torchvision"


def key_map(network: nn.Module, layout: LayoutName) -> list[Key]:
    """Our names against the layout's, for a network of `models.registry`, in forward order."""
    parts = list_parts(network)
    rules = _LAYOUTS[layout]
    return [
        Key(ours=f"{part.module}.{leaf}", theirs=rules.join(layer, part, leaf), part=part)
        for part, layer in zip(parts, rules.name_layers(parts), strict=True)
        for leaf in part.leaves
    ]


def to_ours(tensors: Mapping[str, Tensor], network: nn.Module, layout: LayoutName) -> Renamed:
    """The tensors of a file under our names, with our axes; shapes are not checked."""
    rules = _LAYOUTS[layout]
    keys = key_map(network, layout)
    known = {key.theirs for key in keys}
    given: dict[str, str] = {}
    for name in tensors:
        given.setdefault(rules.spell(name, known), name)
    if layout in ("keras", "keras-numbered"):
        _adopt_head(given, keys)
    found = {
        key.ours: rules.to_ours(tensors[given[key.theirs]], key.part)
        for key in keys
        if key.theirs in given
    }
    used = {given[key.theirs] for key in keys if key.theirs in given}
    return Renamed(
        tensors=found,
        missing=tuple(key.theirs for key in keys if key.theirs not in given),
        left_over=tuple(name for name in tensors if name not in used),
    )


def from_ours(
    tensors: Mapping[str, Tensor], network: nn.Module, layout: LayoutName
) -> dict[str, Tensor]:
    """The inverse of `to_ours`: the tensors of our network as the layout has them."""
    of_family = family(list_parts(network))
    convert = _LAYOUTS[layout].from_ours
    return {
        key.theirs: convert(tensors[key.ours], key.part, of_family)
        for key in key_map(network, layout)
    }


def _adopt_head(given: dict[str, str], keys: Sequence[Key]) -> None:
    """Take the one layer that is left over as the classifier, where the file names none.

    In Keras one fine-tunes `include_top=False` under a Dense layer of one's own, whose name is
    one's own too (`dense_1`); old official files call the last layer of V2 `Logits`.
    """
    wanted = [key.theirs for key in keys if key.part.role == "classifier"]
    known = {key.theirs for key in keys}
    layers: dict[str, list[str]] = defaultdict(list)
    for name in given:
        if name not in known:
            layers[name.rpartition("/")[0]].append(name)
    if len(layers) != 1 or any(name in given for name in wanted):
        return
    (names,) = layers.values()
    leaves = {_leaf(name): name for name in names}
    if set(leaves) == {_leaf(name) for name in wanted}:
        for name in wanted:
            given[name] = given.pop(leaves[_leaf(name)])


def _leaf(name: str) -> str:
    return name.rpartition("/")[2].removesuffix(":0")


def _join_torch(layer: str, part: Part, leaf: str) -> str:
    return f"{layer}.{leaf}"


def _join_legacy(layer: str, part: Part, leaf: str) -> str:
    leaves = keras.LEGACY_NORM_LEAVES if part.norm else keras.LEGACY_LEAVES
    return f"{layer}/{leaves[leaf]}"


def _join_numbered(layer: str, part: Part, leaf: str) -> str:
    return f"{layer}/{part.leaves.index(leaf)}"


_KERAS = partial(
    _Layout,
    to_ours=keras.keras_to_ours,
    from_ours=lambda tensor, part, of_family: keras.ours_to_keras(
        tensor, part, of_family=of_family
    ),
)
_LAYOUTS: dict[LayoutName, _Layout] = {
    "torchvision": _Layout(
        name_layers=lambda parts: [part.module for part in parts],
        join=_join_torch,
        spell=lambda name, known: name,
        to_ours=lambda tensor, part: tensor,
        from_ours=lambda tensor, part, of_family: tensor,
    ),
    "timm": _Layout(
        name_layers=timm.timm_names,
        join=_join_torch,
        spell=lambda name, known: name,
        to_ours=timm.timm_to_ours,
        from_ours=lambda tensor, part, of_family: timm.ours_to_timm(tensor, part),
    ),
    "keras": _KERAS(name_layers=keras.legacy_names, join=_join_legacy, spell=keras.spell_legacy),
    "keras-numbered": _KERAS(
        name_layers=keras.numbered_names, join=_join_numbered, spell=keras.spell_numbered
    ),
}
