"""What to choose from and what to keep, checked where it is said. Needs no torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from deploy.backends import BACKENDS
from deploy.capture.spec import IMAGENET_CLASSES, UNTRAINED, NetworkSpec
from deploy.capture.user.reference import parse_reference
from deploy.pipeline.recipe import Recipe, Target, make_targets
from deploy.support.errors import UserError

# Published weights where there are any for the network and width, else untrained ones.
BEST_WEIGHTS = "auto"
MAIN_NETWORKS = ("mobilenet_v1", "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small")


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A network at a width and a resolution (height, width): one bundle."""

    network: str
    width: float
    resolution: tuple[int, int]

    @property
    def name(self) -> str:
        """As `summary` takes it.

        >>> Variant(network="mobilenet_v2", width=0.5, resolution=(160, 160)).name
        'mobilenet_v2:0.5@160'
        """
        size = "x".join(map(str, dict.fromkeys(self.resolution)))
        return f"{self.network}:{self.width:g}@{size}"


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A grid: every network at every width and resolution, as every target. Raises UserError for
    an empty one, and for what cannot be built.

    `weights` is "auto", "none" or the name of published ones, such as "imagenet". The other fields
    are as of `Recipe` and `NetworkSpec`; `classes` is for untrained networks. `labelled` are photos
    sorted by class, which trained networks are evaluated on.
    """

    networks: tuple[str, ...] = MAIN_NETWORKS
    widths: tuple[float, ...] = (1.0,)
    resolutions: tuple[tuple[int, int], ...] = ((224, 224),)
    targets: tuple[Target, ...] = field(default_factory=make_targets)
    weights: str = BEST_WEIGHTS
    photos: Path | None = None
    labelled: Path | None = None
    classes: int | None = None
    labels: Path | None = None
    int8: str = "auto"
    int8_effort: str = "normal"
    seed: int = 0

    def __post_init__(self) -> None:
        for option in ("networks", "widths", "resolutions"):
            values = getattr(self, option)
            if isinstance(values, str):
                raise UserError(f"{option}: give several, such as ({values!r},)")
            if not values:
                raise UserError(f"--{option}: there is none, so nothing to choose from: name one")
            object.__setattr__(self, option, tuple(dict.fromkeys(values)))
        for option in ("photos", "labelled", "labels"):
            if isinstance(path := getattr(self, option), str):
                object.__setattr__(self, option, Path(path))
        if Path(self.weights).suffix or len(Path(self.weights).parts) != 1:
            raise UserError(
                f"--weights {self.weights}: a file is of one network and width: build its bundle, "
                "and compare it with others by `mobile-deploy profile`"
            )
        for network in self.networks:
            if parse_reference(network) is not None:
                raise UserError(
                    f"--networks: {network} is your own, whose width is not ours to choose: build "
                    "its bundles, and compare them by `mobile-deploy profile`"
                )
        for variant in self.variants():
            self.recipe(self.spec(variant, UNTRAINED), Path("bundle"))
        if not self.is_imagenet and self.weights not in (BEST_WEIGHTS, UNTRAINED):
            raise UserError(
                f"--classes {self.classes} contradicts the published weights, whose classes are "
                "ImageNet's: give --weights none"
            )

    @property
    def is_imagenet(self) -> bool:
        """Whether the classes are those of the published weights."""
        return self.classes in (None, IMAGENET_CLASSES)

    def variants(self) -> tuple[Variant, ...]:
        """In the order in which they were asked for."""
        return tuple(
            Variant(network=network, width=width, resolution=resolution)
            for network, width, resolution in product(self.networks, self.widths, self.resolutions)
        )

    def spec(self, variant: Variant, weights: str) -> NetworkSpec:
        """The variant's network with `weights`, "none" or the name of published ones."""
        return NetworkSpec(
            variant.network,
            weights=weights,
            width=variant.width,
            resolution=variant.resolution,
            classes=self.classes if weights == UNTRAINED else None,
            labels=self.labels,
            seed=self.seed,
        )

    def recipe(self, spec: NetworkSpec, output: Path) -> Recipe:
        return Recipe(
            network=spec,
            output=output,
            targets=self.targets,
            photos=self.photos,
            int8=self.int8,
            int8_effort=self.int8_effort,
        )


@dataclass(frozen=True, kw_only=True)
class Requirements:
    """What the chosen artifact has to keep; None is no limit. `min_top1` is in percent."""

    max_latency_ms: float | None = None
    max_mb: float | None = None
    max_macs: float | None = None
    min_top1: float | None = None

    def __post_init__(self) -> None:
        for option, value in vars(self).items():
            if value is not None and not (math.isfinite(value) and value > 0):
                raise UserError(f"{self.said(option)} is no limit: give a number above 0")
        if self.min_top1 is not None and self.min_top1 > 100:
            raise UserError(
                f"--min-top1 {self.min_top1:g} is out of range: give percent, such as 70"
            )

    def said(self, option: str) -> str:
        """A limit as it is given on the command line.

        >>> Requirements(max_macs=3e8).said("max_macs"), Requirements(max_mb=2).said("max_mb")
        ('--max-macs 300M', '--max-mb 2')
        """
        value = getattr(self, option)
        text = f"{value / 1e6:g}M" if option == "max_macs" else f"{value:g}"
        return f"--{option.replace('_', '-')} {text}"


def runs_on_devices(targets: Sequence[Target]) -> bool:
    """Whether any of them can be measured from here: Core ML's are measured by the iOS app."""
    return any(BACKENDS[target.format].runners for target in targets)
