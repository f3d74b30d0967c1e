"""Every network at two widths and two resolutions, in all formats: built, proved, timed here.

    python benchmarks/networks.py [--networks mobilenet_v1 ...] [--widths 1 0.5]
                                  [--resolutions 224 160] [--bundles FOLDER]

One row an artifact, in Markdown, written as it comes. A build that no artifact fails is a build
whose gates all pass, so a row's figures (agreement and dB against the float network on held-back
crops of the bundled samples, size, operators) are read from the bundle's manifest. Published
weights are taken where they can be had; a network without any is untrained, its batch norms
settled on the photos, and its int8 figures say less than those of a trained one
(`train_digits.py` has those).

`ms` is for one crop on this computer: the median of 30 calls in the artifact's runtime with the
runtime's own number of threads (the physical cores), less what normalizing the crop takes. Core ML
does not run here. `in float` counts what an int8 artifact computes in float, less the conversions.

With --bundles the bundles stay in FOLDER, and one that is there already is timed without building
it again. Goes on after a failure; exits with 1, naming what failed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt
from shared import print_header, print_row

from deploy.bundle.manifest import Artifact
from deploy.bundle.open import Bundle, open_bundle
from deploy.capture.spec import UNTRAINED, NetworkSpec
from deploy.cli.output import decibels, percent
from deploy.photos.images import normalize
from deploy.pipeline.build import build
from deploy.pipeline.recipe import Recipe
from deploy.runtimes import load
from deploy.support.errors import DeployError
from deploy.weights import fetch_weights, find_source
from models.registry import NETWORKS
from models.weights.source import DEFAULT_WEIGHTS

# The full network, and the smallest for which there are published weights.
WIDTHS = {
    "mobilenet_v1": (1.0, 0.25),
    "mobilenet_v2": (1.0, 0.35),
    "mobilenet_v3_large": (1.0, 0.75),
    "mobilenet_v3_small": (1.0, 0.75),
    "mobilenet_v3_large_minimalistic": (1.0, 0.75),
    "mobilenet_v3_small_minimalistic": (1.0, 0.75),
}
RESOLUTIONS = (224, 160)
COLUMNS = (
    "network", "width", "resolution", "weights", "artifact",
    "agreement %", "dB", "ms", "MB", "in float",
)  # fmt: skip
CALLS, WARM_UP = 30, 5
RUN_HERE = ("executorch", "onnx")
# Where int8 ends and float begins: no work is done in them.
CONVERSIONS = ("cast", "convert", "dequantizelinear", "quantizelinear")


@dataclass(frozen=True, kw_only=True)
class Variant:
    network: str
    width: float
    resolution: int

    @property
    def name(self) -> str:
        return f"{self.network}_{self.width:g}_{self.resolution}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--widths", nargs="+", type=float)
    parser.add_argument("--resolutions", nargs="+", type=int, default=RESOLUTIONS)
    parser.add_argument("--bundles", type=Path)
    options = parser.parse_args()
    variants = [
        Variant(network=network, width=width, resolution=resolution)
        for network in options.networks
        for width, resolution in product(options.widths or WIDTHS[network], options.resolutions)
    ]
    print_header(*COLUMNS)
    failed = []
    with tempfile.TemporaryDirectory() as scratch:
        for variant in variants:
            folder = (options.bundles or Path(scratch)) / variant.name
            try:
                bundle = built(variant, folder)
            except DeployError as error:
                print(f"{variant.name}: {error}", file=sys.stderr, flush=True)
                failed.append(variant.name)
                continue
            for row in rows(variant, bundle):
                print_row(*row)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def built(variant: Variant, folder: Path) -> Bundle:
    """The bundle at `folder`, built unless it is there. Raises DeployError."""
    if not folder.exists():
        build(
            Recipe(
                network=NetworkSpec(
                    variant.network,
                    weights=weights_of(variant),
                    width=variant.width,
                    resolution=(variant.resolution, variant.resolution),
                ),
                output=folder,
            )
        )
    return open_bundle(folder)


def weights_of(variant: Variant) -> str:
    """The published weights, if there are any for this width and they can be had."""
    try:
        fetch_weights(find_source(variant.network, DEFAULT_WEIGHTS, variant.width))
    except DeployError:
        return UNTRAINED
    return DEFAULT_WEIGHTS


def rows(variant: Variant, bundle: Bundle) -> Iterator[list[str]]:
    for artifact in bundle.manifest.artifacts:
        assert artifact.measured is not None, f"{artifact.name} was not run"
        yield [
            variant.network,
            f"{variant.width:g}",
            str(variant.resolution),
            bundle.manifest.weights.source,
            artifact.name,
            percent(artifact.measured.agreement),
            decibels(artifact.measured.sqnr_db),
            f"{milliseconds(bundle, artifact):.2f}" if artifact.format in RUN_HERE else "-",
            f"{artifact.bytes / 1e6:.1f}",
            in_float(artifact) if artifact.precision == "int8" else "-",
        ]


def milliseconds(bundle: Bundle, artifact: Artifact) -> float:
    """Median time of one inference. Normalizing is timed by itself and taken off each call."""
    preprocessing = bundle.manifest.input.preprocessing()
    classifier = load(artifact.format, bundle.path_of(artifact), preprocessing)
    crop: npt.NDArray[np.uint8] = np.random.default_rng(0).integers(
        0, 256, (1, *preprocessing.crop, 3), np.uint8
    )
    samples = []
    for _ in range(WARM_UP + CALLS):
        start = time.perf_counter()
        normalize(crop, preprocessing)
        between = time.perf_counter()
        classifier.logits(crop)
        samples.append(time.perf_counter() - between - (between - start))
    return 1000 * median(samples[WARM_UP:])


def in_float(artifact: Artifact) -> str:
    """Such as `19 hardswish`."""
    counts = {**artifact.operators.inside, **artifact.operators.outside}
    named = [(key.removesuffix(".float"), n) for key, n in counts.items() if key.endswith(".float")]
    return ", ".join(f"{n} {name}" for name, n in named if name not in CONVERSIONS) or "none"


if __name__ == "__main__":
    sys.exit(main())
