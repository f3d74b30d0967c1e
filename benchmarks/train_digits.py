"""int8 against float on networks that were really trained: MobileNetV1 and V3-Small read digits.

    python benchmarks/train_digits.py [--networks mobilenet_v1 mobilenet_v3_small] [--work FOLDER]

Trains each network from scratch on scikit-learn's handwritten digits, saves its weights as a
safetensors file, builds a bundle of that file with every format and precision, calibrated on
pictures of the training, and evaluates the bundle on the 397 digits that neither has seen.
Prints one row an artifact, in Markdown: top-1 with its 95 % interval, how often the answer is the
float artifact's, dB of the logits on the pictures held back at calibration.

The same in short is a test, `tests/pipeline/test_trained_networks.py`. Exits with 1 where float
reads fewer than 97 %, an artifact reads over a point fewer than float, or a build fails.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import digits
from shared import print_header, print_row

from deploy.backends import BACKENDS
from deploy.cli.output import decibels, percent
from deploy.pipeline.build import Built, build
from deploy.pipeline.recipe import make_targets
from deploy.support.errors import DeployError
from deploy.verification.evaluate import Evaluation, evaluate_bundle

SIDE, TEST, PHOTOS = 64, 397, 256
# Width and passes over the training pictures.
NETWORKS = {"mobilenet_v1": (0.25, 30), "mobilenet_v3_small": (1.0, 25)}
TARGETS = make_targets(
    precisions=sorted({precision for one in BACKENDS.values() for precision in one.precisions})
)
SMALLEST_TOP1, LARGEST_LOSS = 0.97, 0.01


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--work", type=Path, help="keep weights, pictures and bundles here")
    options = parser.parse_args()
    print_header("network", "artifact", "top-1 % (95 %)", "agreement %", "dB")
    good = True
    with tempfile.TemporaryDirectory() as scratch:
        for network in options.networks:
            work = (options.work or Path(scratch)) / network
            work.mkdir(parents=True, exist_ok=True)
            try:
                built, evaluation = prove(network, work)
            except DeployError as error:
                print(f"{network}: {error}", file=sys.stderr, flush=True)
                good = False
                continue
            for row in rows(built, evaluation):
                print_row(network, *row)
            good = good and is_good(evaluation)
    return 0 if good else 1


def prove(network: str, work: Path) -> tuple[Built, Evaluation]:
    """Train, save, build and evaluate `network`, with all files in the folder `work`."""
    width, epochs = NETWORKS[network]
    training, test = digits.load_digits(SIDE, test=TEST)
    weights = work / "weights.safetensors"
    digits.train(partial(digits.ours, network, width), training, weights, epochs=epochs)
    recipe = digits.recipe(
        network,
        work / "bundle",
        weights=weights,
        photos=digits.write_by_class(training.first(PHOTOS), work / "photos"),
        width=width,
        side=SIDE,
        targets=TARGETS,
    )
    built = build(recipe)
    return built, evaluate_bundle(built.folder, digits.write_by_class(test, work / "test"))


def rows(built: Built, evaluation: Evaluation) -> Iterator[list[str]]:
    for artifact, score in zip(built.manifest.artifacts, evaluation.scores, strict=True):
        assert artifact.name == score.name
        assert artifact.measured is not None
        assert score.top1 is not None
        top1 = score.top1
        yield [
            artifact.name,
            f"{percent(top1.value)} ({percent(top1.low)} to {percent(top1.high)})",
            percent(score.agreement.value) if score.agreement else "-",
            decibels(artifact.measured.sqnr_db),
        ]


def is_good(evaluation: Evaluation) -> bool:
    top1 = {score.name: score.top1.value for score in evaluation.scores if score.top1}
    assert evaluation.reference is not None
    in_float = top1[evaluation.reference]
    return in_float >= SMALLEST_TOP1 and min(top1.values()) >= in_float - LARGEST_LOSS


if __name__ == "__main__":
    sys.exit(main())
