"""From a name like `imagenet` to a published file. Does not import torch."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from pathlib import Path

from deploy.assets import fetch
from deploy.support.errors import UserError
from deploy.support.reporter import Progress, silent
from models.weights import SOURCES
from models.weights.source import (
    DEFAULT_WEIGHTS,
    OF_LAYOUT,
    TENSORFLOW,
    TIMM,
    Convention,
    LayoutName,
    WeightSource,
)


def names_a_file(weights: str) -> bool:
    """Whether `--weights` is a path, there or not, rather than the name of published ones.

    A published name is never one: many a working folder has an `imagenet` in it.
    """
    if weights in _names(SOURCES):
        return False
    path = Path(weights)
    return path.exists() or bool(path.suffix) or os.sep in weights


def find_source(network: str, name: str, width: float) -> WeightSource:
    """The row of the table that `name` means for this network and width.

    Raises UserError, naming what there is, when no row does.
    """
    of_network = [source for source in SOURCES if source.network == network]
    if not of_network:
        raise UserError(
            f"no published weights are known for {network}: give --weights FILE or --weights none"
        )
    names = sorted(_names(of_network))
    if name not in names:
        near = difflib.get_close_matches(name, names, n=3) or names
        raise UserError(
            f"{network} has no weights named {name!r} and there is no such file: "
            f"did you mean {' or '.join(near)}? (or give --weights FILE or --weights none)"
        )
    named = [source for source in of_network if name in (source.name, DEFAULT_WEIGHTS)]
    for source in named:
        if source.width == width:
            return source
    widths = ", ".join(dict.fromkeys(f"{source.width:g}" for source in named))
    raise UserError(
        f"{network} has {name!r} weights at width {widths}, not {width:g}: "
        "choose that width, or give --weights FILE or --weights none"
    )


def _names(sources: Iterable[WeightSource]) -> set[str]:
    return {DEFAULT_WEIGHTS, *(source.name for source in sources)}


def find_known_file(sha256: str) -> WeightSource | None:
    """The row whose published hash a file has, wherever the user got it from."""
    for source in SOURCES:
        if source.file.sha256 and sha256.startswith(source.file.sha256):
            return source
    return None


def find_conventions(network: str, layout: LayoutName) -> list[Convention]:
    """What weights of a network need that nobody published, the likeliest first.

    It is one for each layout but timm's, in which V3 is there twice: the `tf_*` files bear the
    same names as the others, and the minimalistic networks are all of that kind.
    """
    if layout != "timm":
        return [OF_LAYOUT[layout]]
    options = [
        source.convention.options
        for source in SOURCES
        if (source.network, source.layout) == (network, layout)
    ]
    return [convention for convention in (TIMM, TENSORFLOW) if convention.options in options]


def fetch_weights(source: WeightSource, *, progress: Progress = silent) -> Path:
    """The path of the published file, fetched if need be; errors as of `deploy.assets.fetch`."""
    remedy = "check the network, or give a copy of the file with --weights FILE"
    return fetch(source.file, remedy=remedy, progress=progress)
