"""What a build would make, of what, and about how long it takes: known before torch is imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deploy.assets import is_at_hand
from deploy.bundle.write import check_alone, check_target
from deploy.capture.given import check_given, flows, known_classes, preprocessing_of
from deploy.capture.spec import UNTRAINED
from deploy.labels import read_labels
from deploy.photos import find_photos
from deploy.photos.load import sides
from deploy.photos.preprocessing import default_preprocessing
from deploy.photos.read import MAX_PHOTOS
from deploy.pipeline.recipe import Recipe, efforts
from deploy.support.durations import build_seconds
from deploy.weights.published import find_source, names_a_file
from models.preprocessing import Preprocessing
from models.registry import NETWORKS
from models.weights.source import WeightSource


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """`weights` in words, `source` their row in the table; `to_fetch` says whether they are not in
    the cache. `preprocessing`, `resolution` (height, width) and `classes` are None where the
    weights or the network have to be read first. `calibrating` and `judging` count photos, None for
    the bundled samples; of very few none judges."""

    files: tuple[str, ...]
    weights: str
    source: WeightSource | None
    to_fetch: bool
    preprocessing: Preprocessing | None
    resolution: tuple[int, int] | None
    classes: int | None
    labels: int | None
    calibrating: int | None
    judging: int | None
    seconds: float


def foresee(recipe: Recipe) -> Foreseen:
    """Look at what is given, as `build` does first. Raises what it raises then."""
    spec = recipe.network
    check_target(recipe.output)
    check_alone(recipe.output)
    check_given(spec, recipe.photos)
    name = spec.chosen_weights
    published = spec.reference is None and name != UNTRAINED and not names_a_file(name)
    source = find_source(spec.name, name, spec.width) if published else None
    calibrating = judging = None
    if recipe.photos is not None:
        count = min(len(find_photos(recipe.photos)), MAX_PHOTOS)
        calibrating, judging = sides(count)
    preprocessing = _preprocessing(recipe, source)
    return Foreseen(
        files=tuple(recipe.file_name(target) for target in recipe.targets),
        weights=_words(recipe, name, source),
        source=source,
        to_fetch=source is not None and not is_at_hand(source.file),
        preprocessing=preprocessing,
        resolution=preprocessing.crop if preprocessing else _resolution(recipe),
        classes=known_classes(spec),
        labels=_labels(recipe),
        calibrating=calibrating,
        judging=judging,
        seconds=build_seconds(efforts(recipe.targets), high=recipe.int8_effort == "high"),
    )


def _labels(recipe: Recipe) -> int | None:
    """What can be read but once is left to the build."""
    labels = recipe.network.labels
    if labels is None or flows(labels):
        return None
    return len(read_labels(labels, known_classes(recipe.network)))


def _words(recipe: Recipe, name: str, source: WeightSource | None) -> str:
    if source is not None:
        return f"{source.title}, published by {source.publisher}"
    if name != UNTRAINED:
        return f"the file {Path(name)}"
    return "untrained" if recipe.network.reference is None else "what the network is made with"


def _preprocessing(recipe: Recipe, source: WeightSource | None) -> Preprocessing | None:
    """As the build's, where it does not hang on a file that has to be read first."""
    spec = recipe.network
    if spec.preprocessing_file is not None and flows(spec.preprocessing_file):
        return None
    if source is not None:
        return preprocessing_of(spec, source.preprocessing)
    if spec.weights == UNTRAINED:
        return preprocessing_of(spec, default_preprocessing(NETWORKS[spec.name].resolution))
    return None


def _resolution(recipe: Recipe) -> tuple[int, int] | None:
    """What the user said, else what a network of ours takes."""
    spec = recipe.network
    entry = NETWORKS.get(spec.name)
    return spec.resolution or spec.preprocessing.crop or (entry.resolution if entry else None)
