"""What a build would make, and which weights a bundle has: in words, and as plain facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.cli.output import echo
from deploy.support.printable import one_line

if TYPE_CHECKING:
    from deploy.bundle.manifest import Manifest
    from deploy.pipeline.foresee import Foreseen
    from deploy.pipeline.recipe import Recipe
    from models.preprocessing import Preprocessing
    from models.weights.source import WeightSource


def weights_taken(manifest: Manifest) -> str:
    """Whose weights they are, how well they are known to do, and what inputs they take."""
    from deploy.weights.published import find_known_file

    weights = manifest.weights
    known = find_known_file(weights.sha256) if weights.sha256 else None
    named = weights.source if weights.file is None else f"{weights.file}, {weights.source}"
    about = f"\nof {known.publisher}, {_accuracy(known)}" if known else ""
    return f"weights: {one_line(named)}{about}.\n{inputs(manifest.input.preprocessing())}"


def inputs(preprocessing: Preprocessing) -> str:
    """How a photo becomes the input."""
    height, width = preprocessing.crop
    mean, std = (_channels(values) for values in (preprocessing.mean, preprocessing.std))
    return f"inputs: {height}x{width} RGB from 0 to 1, less {mean}, over {std}."


def _channels(values: tuple[float, float, float]) -> str:
    """One number where all channels have the same.

    >>> _channels((0.5, 0.5, 0.5)), _channels((0.5, 0.4, 0.5))
    ('0.5', '0.5 0.4 0.5')
    """
    return " ".join(f"{value:g}" for value in (values if len(set(values)) > 1 else values[:1]))


def _accuracy(source: WeightSource) -> str:
    if source.top1 is None:
        return "no accuracy published"
    return f"top-1 {source.top1:.1f} % in float as published"


def foreseen_facts(recipe: Recipe, foreseen: Foreseen, warnings: list[str]) -> dict[str, object]:
    source = foreseen.source
    return {
        "path": str(recipe.output),
        "files": list(foreseen.files),
        "weights": foreseen.weights,
        "weights_to_fetch": foreseen.to_fetch,
        "published_top1": source.top1 if source else None,
        "resolution": list(foreseen.resolution) if foreseen.resolution else None,
        "classes": foreseen.classes,
        "labels": foreseen.labels,
        "photos_calibrating": foreseen.calibrating,
        "photos_judging": foreseen.judging,
        "estimated_seconds": round(foreseen.seconds),
        "warnings": warnings,
    }


def show_foreseen(recipe: Recipe, foreseen: Foreseen) -> None:
    echo(f"would write {one_line(str(recipe.output))}:")
    for file in foreseen.files:
        echo(f"  {one_line(file)}")
    source = foreseen.source
    fetched = ", to be fetched" if foreseen.to_fetch else ""
    about = f", {_accuracy(source)}" if source else ""
    echo(f"weights: {one_line(foreseen.weights)}{about}{fetched}.")
    if foreseen.preprocessing is not None:
        echo(inputs(foreseen.preprocessing))
    elif foreseen.resolution is not None:
        echo(f"inputs: {'x'.join(map(str, foreseen.resolution))} RGB.")
    echo(_labels(foreseen))
    echo(_photos(foreseen))
    echo(f"about {foreseen.seconds:.0f} s on two cores, by what MobileNetV2 at 224 takes.")


def _labels(foreseen: Foreseen) -> str:
    if foreseen.classes is None:
        given = "" if foreseen.labels is None else f"; {foreseen.labels} labels are given"
        return f"classes: as many as the weights have{given}."
    fit = " with the labels given, which fit" if foreseen.labels is not None else ""
    return f"classes: {foreseen.classes}{fit}."


def _photos(foreseen: Foreseen) -> str:
    if foreseen.calibrating is None:
        return "photos: the bundled samples calibrate and judge."
    judges = (
        f"{foreseen.judging} are held back to judge"
        if foreseen.judging
        else "the bundled samples judge"
    )
    return f"photos: {foreseen.calibrating} calibrate, {judges}."
