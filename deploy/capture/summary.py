"""summary: what a network costs at a width and a resolution, and what accuracy others published."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from deploy.build.recipe import UNTRAINED, Recipe
from deploy.capture.program import graph_module
from deploy.capture.user.export import export_user_network
from deploy.capture.user.reference import Reference
from deploy.photos.preprocessing import read_preprocessing
from deploy.support.errors import UserError
from models.accuracy import Published
from models.cost import NetworkCost, count_cost
from models.registry import NETWORKS, create
from models.weights.sources import SOURCES

DEFAULT_CLASSES = 1000
DEFAULT_RESOLUTION = (224, 224)
DEFAULT_PADDING = "symmetric"


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A network as the user asks for it; None for its own resolution (height, width) and so on.

    `network` is a name of ours, or the user's own as `module:factory` or `file.py:factory`. Of
    what is counted, `padding` changes peak memory alone: "same" pads into a copy.
    """

    network: str
    width: float = 1.0
    resolution: tuple[int, int] | None = None
    classes: int | None = None
    padding: str | None = None


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a network costs with these. `published` is top-1 of this very network.

    The user's own has no width (None) and nothing published.
    """

    network: str
    width: float | None
    resolution: tuple[int, int]
    classes: int
    cost: NetworkCost
    published: tuple[Published, ...]


def parse_variant(text: str, default: Variant) -> Variant:
    """`NETWORK[:WIDTH][@RESOLUTION]`, and `default` for what is not said.

    >>> plain = Variant(network="")
    >>> parse_variant("mobilenet_v2:0.5@160", plain)
    Variant(network='mobilenet_v2', width=0.5, resolution=(160, 160), classes=None, padding=None)
    >>> own = parse_variant("my_nets.py:make_net@128x96", plain)
    >>> own.network, own.resolution
    ('my_nets.py:make_net', (128, 96))
    """
    match = re.fullmatch(r"(.+?)(?::([0-9.]+))?(?:@([0-9]{1,6})(?:x([0-9]{1,6}))?)?", text)
    if match is None or "@" in match[1]:
        raise UserError(
            f"{text!r} is no network: give NETWORK:WIDTH@RESOLUTION, such as mobilenet_v2:0.5@160"
        )
    network, width, height, across = match.groups()
    try:
        return replace(
            default,
            network=network,
            width=float(width) if width else default.width,
            resolution=(int(height), int(across or height)) if height else default.resolution,
        )
    except ValueError as error:
        raise UserError(f"{text!r}: width {width!r} is no number: give one such as 0.5") from error


def summarize(variant: Variant) -> Summary:
    """Make the network, untrained, and count it. Raises UserError for what cannot be made."""
    recipe = Recipe(  # Refuses what `build` refuses.
        network=variant.network,
        output=Path(),
        targets=(),
        weights=None if ":" in variant.network else UNTRAINED,
        width=variant.width,
        padding=variant.padding,
        resolution=variant.resolution,
        classes=variant.classes,
    )
    if recipe.reference is None:
        resolution = variant.resolution or NETWORKS[variant.network].resolution
        classes = variant.classes or DEFAULT_CLASSES
        padding = variant.padding or DEFAULT_PADDING
        network = create(
            variant.network, width=variant.width, classes=classes, padding=padding
        ).eval()
    else:
        resolution = variant.resolution or _own_resolution(recipe.reference)
        network, classes = _own_network(recipe.reference, resolution, variant.classes)
    return Summary(
        network=variant.network,
        width=None if recipe.reference else variant.width,
        resolution=resolution,
        classes=classes,
        cost=count_cost(network, (1, 3, *resolution)),
        published=published_accuracy(variant.network, variant.width, resolution)
        if classes == DEFAULT_CLASSES
        else (),
    )


def published_accuracy(
    network: str, width: float, resolution: tuple[int, int]
) -> tuple[Published, ...]:
    """What is known of `network` on ImageNet: papers' and authors' figures, then known weights'."""
    if network not in NETWORKS:
        return ()
    side = resolution[0] if resolution[0] == resolution[1] else None
    reported = [
        row for row in NETWORKS[network].published if (row.width, row.resolution) == (width, side)
    ]
    known = {row.top1 for row in reported}
    of_weights = [
        Published(width=width, resolution=resolution[0], top1=source.top1, source=source.title)
        for source in SOURCES
        if (source.network, source.width) == (network, width)
        and source.preprocessing.crop == resolution
        and source.top1 is not None
        and source.top1 not in known
    ]
    return (*reported, *of_weights)


def _own_resolution(reference: Reference) -> tuple[int, int]:
    beside = reference.beside(".toml")
    crop = read_preprocessing(beside).crop if beside.is_file() else None
    return crop or DEFAULT_RESOLUTION


def _own_network(
    reference: Reference, resolution: tuple[int, int], classes: int | None
) -> tuple[nn.Module, int]:
    made = export_user_network(reference, resolution, seed=0)
    if classes not in (None, made.classes):
        raise UserError(
            f"--classes {classes} contradicts {reference}, which has {made.classes}: "
            "leave --classes out"
        )
    return graph_module(made.program), made.classes
