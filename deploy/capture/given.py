"""What the user gave, looked at before anything takes time. Needs no torch."""

from __future__ import annotations

from pathlib import Path

from deploy.capture.spec import DEFAULT_WEIGHTS, IMAGENET_CLASSES, UNTRAINED, NetworkSpec
from deploy.labels import read_labels
from deploy.photos import check_folder
from deploy.photos.preprocessing import read_preprocessing
from deploy.weights.published import find_source, names_a_file
from deploy.weights.read import check_file


def check_given(spec: NetworkSpec, photos: Path | None) -> None:
    """Refuse files and folders that are not there or cannot be read, and labels that do not fit.

    Raises UserError, WeightsError or PhotosError: the same as the build would, seconds later.
    """
    if spec.preprocessing_file is not None and not flows(spec.preprocessing_file):
        read_preprocessing(spec.preprocessing_file)
    if spec.labels is not None and not flows(spec.labels):
        read_labels(spec.labels, known_classes(spec))
    if photos is not None:
        check_folder(photos)
    weights = spec.weights or (DEFAULT_WEIGHTS if spec.reference is None else UNTRAINED)
    if weights == UNTRAINED:
        return
    if spec.reference is not None or names_a_file(weights):
        check_file(Path(weights))
    else:
        find_source(spec.name, weights, spec.width)


def flows(path: Path) -> bool:
    """Whether it can be read but once, such as what a shell makes of <(cut -f1 classes.tsv)."""
    return path.is_fifo() or path.is_char_device()


def known_classes(spec: NetworkSpec) -> int | None:
    """None where the weights have to be read first."""
    if spec.classes is not None:
        return spec.classes
    is_ours = spec.reference is None
    known = is_ours and spec.weights in (None, DEFAULT_WEIGHTS, UNTRAINED)
    return IMAGENET_CLASSES if known else None
