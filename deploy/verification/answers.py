"""What the artifacts of a bundle answer to photos: here, or in processes side by side."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deploy.bundle.open import open_bundle
from deploy.photos import LabelledPhoto
from deploy.photos.images import crop, decode
from deploy.runtimes import load
from deploy.statistics.accuracy import Logits, top_k
from deploy.support.errors import PhotosError
from deploy.support.reporter import Progress
from deploy.support.temporary import temporary_folder
from deploy.support.threads import one_thread
from deploy.support.workers import worker_processes
from models.preprocessing import Preprocessing

# Crops, uint8 (N, H, W, 3), to logits or probabilities (N, classes). Normalizing is the
# artifact's own affair: a Core ML model does it inside.
Classify = Callable[[npt.NDArray[np.uint8]], Logits]

BATCH = 8
# The best classes of an answer that are kept.
KEPT = 5
# So that no process waits for its next batch, and few answers wait to be counted.
_AHEAD = 3


@dataclass(frozen=True, kw_only=True)
class Answers:
    """To some photos. `classes` and `logits` have an array (N, up to five) for each artifact: its
    best classes, of `class_count`, and what it gave them, the best first; -1 and NaN where it gave
    a NaN. No arrays where no photo could be read."""

    photos: tuple[LabelledPhoto, ...]
    class_count: int
    classes: Mapping[str, npt.NDArray[np.int64]]
    logits: Mapping[str, Logits]
    unreadable: Mapping[Path, str]


def answer(
    artifacts: Mapping[str, Classify], photos: Sequence[LabelledPhoto], preprocessing: Preprocessing
) -> Answers:
    """What `artifacts` say to a batch of photos; those that cannot be read are told apart."""
    crops: list[npt.NDArray[np.uint8]] = []
    read: list[LabelledPhoto] = []
    unreadable: dict[Path, str] = {}
    for photo in photos:
        try:
            crops.append(crop(decode(photo.path, photo.path.name), preprocessing))
        except PhotosError as error:
            unreadable[photo.path] = str(error)
        else:
            read.append(photo)
    classes: dict[str, npt.NDArray[np.int64]] = {}
    best: dict[str, Logits] = {}
    class_count = 0
    with one_thread():
        for name, classify in artifacts.items() if crops else ():
            logits = classify(np.stack(crops))
            class_count = logits.shape[1]
            classes[name] = top_k(logits, KEPT)
            kept = np.take_along_axis(logits, np.maximum(classes[name], 0), axis=1)
            best[name] = np.where(classes[name] < 0, np.nan, kept)
    return Answers(
        photos=tuple(read),
        class_count=class_count,
        classes=classes,
        logits=best,
        unreadable=unreadable,
    )


def batches(photos: Sequence[LabelledPhoto]) -> Iterator[Sequence[LabelledPhoto]]:
    for start in range(0, len(photos), BATCH):
        yield photos[start : start + BATCH]


def load_classifiers(folder: Path, names: Sequence[str], progress: Progress) -> dict[str, Classify]:
    """Artifacts of a bundle in their runtimes. Raises GateError for one that does not load."""
    bundle = open_bundle(folder)
    loaded: dict[str, Classify] = {}
    for done, name in enumerate(names, start=1):
        artifact = bundle.artifact(name)
        path, preprocessing = bundle.path_of(artifact), bundle.manifest.input.preprocessing()
        loaded[name] = load(artifact.format, path, preprocessing).logits
        progress("artifacts", done, len(names))
    return loaded


def answer_side_by_side(
    folder: Path, names: Sequence[str], photos: Sequence[LabelledPhoto], jobs: int
) -> Generator[Answers, None, None]:
    """Batch by batch in the order of the photos, from `jobs` processes that each hold every
    artifact. However many photos there are, some batches alone are in memory.

    Raises what `load_classifiers` does, and RunError where a process dies.
    """
    with (
        temporary_folder() as scratch,
        worker_processes(jobs, scratch / "workers.log") as pool,
    ):
        waiting: deque[Future[Answers]] = deque()
        for batch in batches(photos):
            waiting.append(pool.submit(_answer_in_worker, folder, tuple(names), tuple(batch)))
            if len(waiting) > _AHEAD * jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _answer_in_worker(
    folder: Path, names: tuple[str, ...], photos: tuple[LabelledPhoto, ...]
) -> Answers:
    classifiers, preprocessing = _of_worker(folder, names)
    return answer(classifiers, photos, preprocessing)


@cache
def _of_worker(
    folder: Path, names: tuple[str, ...]
) -> tuple[Mapping[str, Classify], Preprocessing]:
    # Off in worker processes, which live short; of this one there may be 50,000 photos.
    gc.enable()
    classifiers = load_classifiers(folder, names, lambda *_: None)
    return classifiers, open_bundle(folder).manifest.input.preprocessing()
