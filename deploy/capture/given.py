"""What the user gave, looked at before anything takes time. Needs no torch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from deploy.capture.spec import IMAGENET_CLASSES, UNTRAINED, NetworkSpec
from deploy.labels import read_labels
from deploy.photos import check_folder
from deploy.photos.preprocessing import choose_preprocessing, read_preprocessing
from deploy.support.errors import UserError
from deploy.weights.published import find_source, names_a_file
from deploy.weights.read import check_file
from models.preprocessing import Preprocessing


def check_given(spec: NetworkSpec, photos: Path | None) -> None:
    """Refuse files and folders that are not there or cannot be read, and labels that do not fit.

    Raises UserError, WeightsError or PhotosError: the same as the build would, seconds later.
    """
    if spec.reference is not None:
        spec.reference.check_file()
    if spec.preprocessing_file is not None and not flows(spec.preprocessing_file):
        read_preprocessing(spec.preprocessing_file)
    if spec.labels is not None and not flows(spec.labels):
        read_labels(spec.labels, known_classes(spec))
    if photos is not None:
        check_folder(photos)
    weights = spec.chosen_weights
    if weights == UNTRAINED:
        return
    if spec.reference is not None or names_a_file(weights):
        check_file(Path(weights))
        return
    source = find_source(spec.name, weights, spec.width)
    if spec.classes not in (None, source.classes):
        raise UserError(
            f"--classes {spec.classes} contradicts {source.title}, whose head has "
            f"{source.classes}: leave --classes out"
        )


def flows(path: Path) -> bool:
    """Whether it can be read but once, such as what a shell makes of <(cut -f1 classes.tsv)."""
    return path.is_fifo() or path.is_char_device()


def known_classes(spec: NetworkSpec) -> int | None:
    """None where the weights have to be read first."""
    if spec.classes is not None:
        return spec.classes
    if spec.reference is not None:
        return None
    weights = spec.chosen_weights
    if weights == UNTRAINED:
        return IMAGENET_CLASSES
    if names_a_file(weights):
        return None
    return find_source(spec.name, weights, spec.width).classes


def preprocessing_of(
    spec: NetworkSpec, base: Preprocessing, *, file: Path | None = None
) -> Preprocessing:
    """What the user said, else what their file says (by default `file`), else `base`."""
    said = spec.preprocessing
    if spec.resolution is not None:
        said = replace(said, crop=spec.resolution)
    return choose_preprocessing(base, said, spec.preprocessing_file or file)
