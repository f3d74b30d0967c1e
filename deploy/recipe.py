"""What to build, checked where it is made: a Recipe that exists can be built."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.backends import BACKENDS
from deploy.bundle.manifest import Format, Precision
from deploy.errors import UserError
from models.registry import NETWORKS

DEFAULT_WEIGHTS = "imagenet"
UNTRAINED = "none"
SMALLEST_SIDE, LARGEST_SIDE = 32, 1024
# The published weights' own ratio of crop to resize, 224 / 256.
CROP_RATIO = 0.875


@dataclass(frozen=True, kw_only=True)
class Target:
    """One artifact to make."""

    format: Format
    precision: Precision

    @property
    def name(self) -> str:
        return f"{self.format}-{self.precision}"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that `build` needs to know. `make_recipe` fills in the defaults.

    `weights` is a published name, "none", or the path of a file. `resolution` is (height, width),
    None for the weights' own. `classes` and `labels` are None to follow the weights.
    """

    network: str
    output: Path
    targets: tuple[Target, ...]
    weights: str = DEFAULT_WEIGHTS
    photos: Path | None = None
    width: float = 1.0
    resolution: tuple[int, int] | None = None
    classes: int | None = None
    labels: Path | None = None
    seed: int = 0
    allow_unverified: frozenset[Format] = frozenset()

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            near = difflib.get_close_matches(self.network, NETWORKS, n=3, cutoff=0.4)
            hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(NETWORKS)}"
            raise UserError(f"unknown network {self.network!r}: {hint}")
        if not (math.isfinite(self.width) and 0.1 <= self.width <= 4):
            raise UserError(f"width {self.width:g} is out of range: give 0.1 to 4, such as 0.5")
        for side in self.resolution or ():
            if not SMALLEST_SIDE <= side <= LARGEST_SIDE:
                raise UserError(
                    f"resolution {side} is out of range: give {SMALLEST_SIDE} to {LARGEST_SIDE}"
                )
        if self.classes is not None and not 2 <= self.classes <= 100_000:
            raise UserError(f"{self.classes} classes are out of range: give 2 to 100000")
        if self.classes is not None and self.weights == DEFAULT_WEIGHTS:
            raise UserError(
                "--classes contradicts the published weights, whose classes are ImageNet's: "
                "give your own with --weights FILE, or --weights none"
            )

    def file_name(self, target: Target) -> str:
        """Such as `mobilenet_v2_int8.pte`."""
        return f"{self.network}_{target.precision}{BACKENDS[target.format].suffix}"


def make_targets(
    formats: Sequence[str] | None = None, precisions: Sequence[str] | None = None
) -> tuple[Target, ...]:
    """The artifacts for these formats (None: all) and precisions (None: each format's defaults).

    Raises UserError for a precision that none of the formats has, and for a named format that
    would get no artifact.
    """
    chosen = [_known("format", name, BACKENDS) for name in formats or BACKENDS]
    offered = {p for backend in BACKENDS.values() for p in backend.precisions}
    for precision in precisions or ():
        _known("precision", precision, offered)
        if not any(precision in BACKENDS[f].precisions for f in chosen):
            having = [f for f, backend in BACKENDS.items() if precision in backend.precisions]
            raise UserError(
                f"{', '.join(chosen)} has no {precision} artifact: "
                f"{precision} is for {', '.join(having)}"
            )
    targets = [
        Target(format=backend.format, precision=precision)
        for backend in (BACKENDS[name] for name in dict.fromkeys(chosen))
        for precision in backend.precisions
        if (precision in precisions if precisions else precision in backend.defaults)
    ]
    for name in formats or ():
        if not any(target.format == name for target in targets):
            raise UserError(
                f"{name} has none of the precisions {', '.join(precisions or ())}: "
                f"it has {', '.join(BACKENDS[name].precisions)}"
            )
    return tuple(targets)


def _known(what: str, name: str, known: Iterable[str]) -> str:
    if name not in (names := sorted(known)):
        raise UserError(f"unknown {what} {name!r}: known are {', '.join(names)}")
    return name
