"""summary: what a network costs at a width and a resolution, and what accuracy others published."""

from __future__ import annotations

import re
from dataclasses import dataclass

from torch import nn

from deploy.capture.program import graph_module
from deploy.capture.spec import IMAGENET_CLASSES, UNTRAINED, NetworkSpec
from deploy.capture.user.export import export_user_network, size_of_program
from deploy.capture.user.reference import Reference, parse_reference
from deploy.photos.preprocessing import parse_size, read_preprocessing
from deploy.support.errors import UserError
from models.accuracy import Published
from models.cost import NetworkCost, count_cost
from models.registry import NETWORKS, create
from models.weights import SOURCES

DEFAULT_RESOLUTION = (224, 224)
DEFAULT_PADDING = "symmetric"


@dataclass(frozen=True, kw_only=True)
class CostSummary:
    """What a network costs. `published` is top-1 of this very network.

    The user's own has no width (None) and nothing published.
    """

    network: str
    width: float | None
    resolution: tuple[int, int]
    classes: int
    cost: NetworkCost
    published: tuple[Published, ...]


def parse_variant(
    text: str,
    *,
    width: float = 1.0,
    resolution: tuple[int, int] | None = None,
    classes: int | None = None,
    padding: str | None = None,
) -> NetworkSpec:
    """The untrained network that `NETWORK[:WIDTH][@RESOLUTION]` names; the rest for what it does
    not say. Raises UserError for what cannot be made.

    >>> variant = parse_variant("mobilenet_v2:0.5@160")
    >>> variant.name, variant.width, variant.resolution, variant.weights
    ('mobilenet_v2', 0.5, (160, 160), 'none')
    >>> own = parse_variant("my_nets.py:make_net@128x96")
    >>> own.name, own.resolution, own.weights
    ('my_nets.py:make_net', (128, 96), None)
    """
    match = re.fullmatch(r"(.+?)(?::([0-9.]+))?(?:@([0-9x]+))?", text)
    if match is None or "@" in match[1]:
        raise UserError(
            f"{text!r} is no network: give NETWORK:WIDTH@RESOLUTION, such as mobilenet_v2:0.5@160"
        )
    name, own_width, size = match.groups()
    try:
        width = float(own_width) if own_width else width
    except ValueError as error:
        raise UserError(
            f"{text!r}: width {own_width!r} is no number: give one such as 0.5"
        ) from error
    try:
        resolution = parse_size(size) if size else resolution
    except ValueError as error:
        raise UserError(
            f"{text!r}: resolution {size!r} is no size: give one such as 160 or 160x224"
        ) from error
    return NetworkSpec(
        name,
        weights=None if parse_reference(name) else UNTRAINED,
        width=width,
        padding=padding,
        resolution=resolution,
        classes=classes,
    )


def summarize(spec: NetworkSpec) -> CostSummary:
    """Make the network, untrained, and count it.

    Raises UserError for one of the user's own that cannot be made, RunError where its code broke
    down. Of what is counted, padding changes peak memory alone: "same" pads into a copy.
    """
    if spec.reference is None:
        resolution = spec.resolution or NETWORKS[spec.name].resolution
        classes = spec.classes or IMAGENET_CLASSES
        network = create(
            spec.name,
            width=spec.width,
            classes=classes,
            padding=spec.padding or DEFAULT_PADDING,
        ).eval()
    else:
        resolution = spec.resolution or _own_resolution(spec.reference)
        network, classes = _own_network(spec.reference, resolution, spec.classes)
    return CostSummary(
        network=spec.name,
        width=None if spec.reference else spec.width,
        resolution=resolution,
        classes=classes,
        cost=count_cost(network, (1, 3, *resolution)),
        published=published_accuracy(spec.name, spec.width, resolution)
        if classes == IMAGENET_CLASSES
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
    if reference.is_program and (size := size_of_program(reference)):
        return size
    beside = reference.beside(".toml")
    crop = read_preprocessing(beside).crop if beside.is_file() else None
    return crop or DEFAULT_RESOLUTION


def _own_network(
    reference: Reference, resolution: tuple[int, int], classes: int | None
) -> tuple[nn.Module, int]:
    made = export_user_network(reference, resolution, seed=0, one_logit=classes == 2)
    if classes not in (None, made.classes):
        raise UserError(
            f"--classes {classes} contradicts {reference}, which has {made.classes}: "
            "leave --classes out"
        )
    return graph_module(made.program), made.classes
