"""What to build, checked where it is made: a Recipe that exists can be built."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.backends import BACKENDS
from deploy.bundle.manifest import Format, Precision
from deploy.support.errors import UserError
from deploy.photos.preprocessing import LARGEST_SIDE, SMALLEST_SIDE, PreprocessingOptions
from deploy.capture.user.reference import Reference, parse_reference
from models.registry import NETWORKS

DEFAULT_WEIGHTS = "imagenet"
UNTRAINED = "none"
# The share of held-back photos on which int8 should give the float network's top class.
DEFAULT_AGREEMENT = 0.97
INT8_MODES = ("auto", "pure")
INT8_EFFORTS = ("normal", "high")
PADDINGS = ("symmetric", "same")  # As `models.layers.Padding`, whose module imports torch.


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
    """All that `build` needs to know. Raises UserError for what cannot be built.

    `network` is a name of ours, or the user's own as `deploy.capture.user.reference` reads it.
    `weights` is a published name, "none", or the path of a file; None is "imagenet", or for the
    user's own network what its factory gives it. `weights_prefix` says what stands before the
    names of the network to take, in a file that holds several. `resolution` is (height, width),
    None for the weights' own. `preprocessing` goes before `preprocessing_file`, and both before the
    weights'. `classes`, `labels` and `padding` are None to follow the weights. `int8` is "pure" for
    int8 alone, or "auto" to leave a few parts in float as far as `target_agreement` needs it;
    `min_agreement` makes that a gate.
    """

    network: str
    output: Path
    targets: tuple[Target, ...]
    weights: str | None = None
    weights_prefix: str | None = None
    photos: Path | None = None
    width: float = 1.0
    padding: str | None = None
    resolution: tuple[int, int] | None = None
    classes: int | None = None
    labels: Path | None = None
    preprocessing: PreprocessingOptions = field(default_factory=PreprocessingOptions)
    preprocessing_file: Path | None = None
    int8: str = "auto"
    int8_effort: str = "normal"
    min_agreement: float | None = None
    seed: int = 0
    allow_unverified: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.reference is not None:
            self._check_for_own_network()
        elif self.network not in NETWORKS:
            near = difflib.get_close_matches(self.network, NETWORKS, n=3, cutoff=0.4)
            hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(NETWORKS)}"
            raise UserError(f"unknown network {self.network!r}: {hint}")
        if not (math.isfinite(self.width) and 0.1 <= self.width <= 4):
            raise UserError(f"--width {self.width:g} is out of range: give 0.1 to 4, such as 0.5")
        if self.weights_prefix is not None and self.weights in (None, DEFAULT_WEIGHTS, UNTRAINED):
            raise UserError(
                "--weights-prefix is for a file that holds several networks: give it with "
                "--weights FILE, or leave --weights-prefix out"
            )
        if self.padding is not None:
            _known("--padding", "padding", self.padding, PADDINGS)
        for side in self.resolution or ():
            if not SMALLEST_SIDE <= side <= LARGEST_SIDE:
                raise UserError(
                    f"--resolution {side} is out of range: give {SMALLEST_SIDE} to {LARGEST_SIDE}"
                )
        if self.classes is not None and not 2 <= self.classes <= 100_000:
            raise UserError(
                f"--classes {self.classes} is out of range: give 2 to 100000 (a network that "
                "says yes or no has 2)"
            )
        if (
            self.classes is not None
            and self.reference is None
            and self.weights in (None, DEFAULT_WEIGHTS)
        ):
            raise UserError(
                "--classes contradicts the published weights, whose classes are ImageNet's: "
                "give your own with --weights FILE, or --weights none"
            )
        _known("--int8", "mode", self.int8, INT8_MODES)
        _known("--int8-effort", "effort", self.int8_effort, INT8_EFFORTS)
        if self.min_agreement is not None and not 0 < self.min_agreement <= 1:
            raise UserError(
                f"--min-agreement {self.min_agreement:g} is out of range: give a share of the "
                "photos above 0 and at most 1, such as 0.97"
            )
        for name in self.allow_unverified:
            _known("--allow-unverified", "format", name, BACKENDS)

    @property
    def target_agreement(self) -> float:
        """What int8 is to reach, on the held-back photos."""
        return DEFAULT_AGREEMENT if self.min_agreement is None else self.min_agreement

    @property
    def reference(self) -> Reference | None:
        """The user's own network; None for one of ours."""
        return parse_reference(self.network)

    def _check_for_own_network(self) -> None:
        if self.width != 1:
            raise UserError(
                f"--width is for our own networks: let {self.network} make it as wide as you want"
            )
        if self.padding is not None:
            raise UserError(
                f"--padding is for our own networks: {self.network} is built as it makes it, "
                "leave --padding out"
            )
        if self.weights == UNTRAINED:
            raise UserError(
                f"--weights {UNTRAINED} is for our own networks: {self.network} is built as it "
                "makes it, leave --weights out"
            )

    def file_name(self, target: Target) -> str:
        """Such as `mobilenet_v2_int8.pte`."""
        name = self.reference.name if self.reference else self.network
        return f"{name}_{target.precision}{BACKENDS[target.format].suffix}"


def make_targets(
    formats: Sequence[str] | None = None, precisions: Sequence[str] | None = None
) -> tuple[Target, ...]:
    """The artifacts for these formats (None: all that can be written here) and precisions (None:
    each format's defaults).

    Raises UserError for a precision that none of the formats has, and for a named format that
    would get no artifact or cannot be written here.
    """
    writable = [name for name, backend in BACKENDS.items() if backend.unwritable is None]
    chosen = [_known("--formats", "format", name, BACKENDS) for name in formats or writable]
    for name in chosen:
        if why := BACKENDS[name].unwritable:
            raise UserError(f"--formats: {why}: leave it out, or build on macOS or x86-64 Linux")
    offered = {p for backend in BACKENDS.values() for p in backend.precisions}
    for precision in precisions or ():
        _known("--precisions", "precision", precision, offered)
        if not any(precision in BACKENDS[f].precisions for f in chosen):
            having = [f for f, backend in BACKENDS.items() if precision in backend.precisions]
            raise UserError(
                f"--precisions: {', '.join(chosen)} has no {precision} artifact: "
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
                f"--formats: {name} has none of the precisions {', '.join(precisions or ())}: "
                f"it has {', '.join(BACKENDS[name].precisions)}"
            )
    return tuple(targets)


def left_out() -> list[str]:
    """Why formats are missing from `make_targets()`; nothing where all can be written."""
    return [
        f"{backend.unwritable}: {backend.format} is left out"
        for backend in BACKENDS.values()
        if backend.unwritable
    ]


def _known(option: str, what: str, name: str, known: Iterable[str]) -> str:
    if name not in (names := sorted(known)):
        raise UserError(f"{option}: unknown {what} {name!r}: known are {', '.join(names)}")
    return name
