"""How well each artifact of a bundle classifies a folder of photos."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deploy.backends import BACKENDS
from deploy.bundle.manifest import QUANTIZED, Artifact
from deploy.bundle.open import Bundle, check_integrity, open_bundle
from deploy.labels import imagenet_wordnet_ids
from deploy.photos import LabelledPhotos, find_labelled
from deploy.photos.folder import none_readable, skipped
from deploy.photos.images import crop, decode
from deploy.runtimes import load
from deploy.statistics.accuracy import Logits, Share, has_nan, share, top_1, top_k_hits
from deploy.support.errors import PhotosError, UserError
from deploy.support.reporter import Progress, Reporter, Silent, silent
from models.preprocessing import Preprocessing

# Crops, uint8 (N, H, W, 3), to logits or probabilities (N, classes). Normalizing is the
# artifact's own affair: a Core ML model does it inside.
Classify = Callable[[npt.NDArray[np.uint8]], Logits]

_BATCH = 8


@dataclass(frozen=True, kw_only=True)
class ArtifactScore:
    """What one artifact did with `photos` photos.

    `top1` and `top5` are None without labels, `top5` also for five classes or fewer, of which
    every answer is among the first five. `agreement` is how often its first answer is the
    reference's, None without one and for the reference itself. Photos for which it gave a NaN
    (`not_numbers`) are misses everywhere.
    """

    name: str
    photos: int
    not_numbers: int
    top1: Share | None
    top5: Share | None
    agreement: Share | None


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The scores in the artifacts' order; `notes` say which columns are missing and why."""

    photos: int
    labelled: bool
    reference: str | None
    scores: tuple[ArtifactScore, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def evaluate_bundle(
    folder: Path | str,
    photos: Path | str,
    *,
    artifacts: Collection[str] = (),
    reporter: Reporter | None = None,
) -> Evaluation:
    """`evaluate` the artifacts of the bundle in `folder` on the folder `photos`.

    `artifacts` names those wanted, none all that were verified; the float artifact that they are
    compared with joins them. Raises BundleError for what is no bundle or has no such artifact,
    GateError where a file was altered or does not load, and what `find_labelled` and `evaluate`
    raise.
    """
    reporter = reporter or Silent()
    reporter.stage("checking files")
    bundle = open_bundle(folder)
    reference = _reference(bundle)
    chosen = _choose(bundle, artifacts, reference)
    wordnet_ids = imagenet_wordnet_ids() if bundle.manifest.labels.wordnet else None
    labelled = find_labelled(Path(photos), bundle.labels, wordnet_ids)
    check_integrity(bundle)

    preprocessing = bundle.manifest.input.preprocessing()
    classifiers: dict[str, Classify] = {}
    reporter.stage("loading artifacts")
    for done, artifact in enumerate(chosen, start=1):
        classifier = load(artifact.format, bundle.path_of(artifact), preprocessing)
        classifiers[artifact.name] = classifier.logits
        reporter.progress("artifacts", done, len(chosen))
    reporter.stage("classifying")
    return evaluate(
        classifiers, labelled, preprocessing, reference=reference, progress=reporter.progress
    )


def _reference(bundle: Bundle) -> str | None:
    """The float artifact that is nearest to the float network; None without any."""
    verified = [
        artifact
        for artifact in bundle.manifest.artifacts
        if artifact.verified and artifact.precision not in QUANTIZED
    ]
    nearest = min(
        verified,
        key=lambda found: (BACKENDS[found.format].reference_rank, found.precision != "fp32"),
        default=None,
    )
    return nearest.name if nearest else None


def _choose(bundle: Bundle, names: Collection[str], reference: str | None) -> list[Artifact]:
    wanted = {bundle.artifact(name).name for name in names} | ({reference} - {None})
    return [
        artifact
        for artifact in bundle.manifest.artifacts
        if (artifact.name in wanted if names else artifact.verified)
    ]


def evaluate(
    artifacts: Mapping[str, Classify],
    photos: LabelledPhotos,
    preprocessing: Preprocessing,
    *,
    reference: str | None,
    progress: Progress = silent,
) -> Evaluation:
    """Top-1, top-5 and agreement with the artifact `reference` over a folder, 95 % intervals.

    Photos stream through in small batches; those that cannot be read are left out with a warning.
    `progress` gets "photos", how many are done and how many there are. Raises UserError where
    there is nothing to compute, for want of labels and of a reference; PhotosError when no photo
    can be read.
    """
    assert reference is None or reference in artifacts
    if reference is None and not photos.labelled:
        raise UserError(
            "nothing to evaluate, without class sub-folders and without a float artifact in the "
            "bundle: sort the photos into folders named by class, or build with a float precision"
        )
    unreadable: dict[Path, str] = {}
    counts = {name: _Counts() for name in artifacts}
    for crops, labels in _batches(photos, preprocessing, unreadable, progress):
        logits = {name: classify(crops) for name, classify in artifacts.items()}
        expected = top_1(logits[reference]) if reference is not None else None
        for name, counted in counts.items():
            counted.add(logits[name], labels, expected)
    read = len(photos.photos) - len(unreadable)
    if not read:
        raise PhotosError(none_readable(unreadable))
    return Evaluation(
        photos=read,
        labelled=photos.labelled,
        reference=reference,
        scores=tuple(counted.score(name, name == reference) for name, counted in counts.items()),
        notes=_notes(photos.labelled, reference),
        warnings=(*photos.warnings, *skipped(unreadable), *_not_numbers(counts)),
    )


class _Counts:
    """One artifact's counts so far; a count that cannot be taken stays None."""

    def __init__(self) -> None:
        self.photos = 0
        self.not_numbers = 0
        self.top1: int | None = None
        self.top5: int | None = None
        self.agreeing: int | None = None

    def add(
        self,
        logits: Logits,
        labels: npt.NDArray[np.int64] | None,
        expected: npt.NDArray[np.int64] | None,
    ) -> None:
        self.photos += len(logits)
        self.not_numbers += int(has_nan(logits).sum())
        if labels is not None:
            self.top1 = (self.top1 or 0) + int(top_k_hits(logits, labels, 1).sum())
            if logits.shape[1] > 5:
                self.top5 = (self.top5 or 0) + int(top_k_hits(logits, labels, 5).sum())
        if expected is not None:
            agreeing = (top_1(logits) == expected) & (expected >= 0)
            self.agreeing = (self.agreeing or 0) + int(agreeing.sum())

    def score(self, name: str, is_reference: bool) -> ArtifactScore:
        def of_all(hits: int | None) -> Share | None:
            return None if hits is None else share(hits, self.photos)

        return ArtifactScore(
            name=name,
            photos=self.photos,
            not_numbers=self.not_numbers,
            top1=of_all(self.top1),
            top5=of_all(self.top5),
            agreement=None if is_reference else of_all(self.agreeing),
        )


def _batches(
    photos: LabelledPhotos,
    preprocessing: Preprocessing,
    unreadable: dict[Path, str],
    progress: Progress,
) -> Iterator[tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64] | None]]:
    """Crops, uint8 (N, H, W, 3), and labels (N,); what cannot be read goes to `unreadable`."""
    crops: list[npt.NDArray[np.uint8]] = []
    labels: list[int] = []
    for done, photo in enumerate(photos.photos, start=1):
        try:
            crops.append(crop(decode(photo.path, photo.path.name), preprocessing))
        except PhotosError as error:
            unreadable[photo.path] = str(error)
        else:
            if photo.label is not None:
                labels.append(photo.label)
        if crops and (len(crops) == _BATCH or done == len(photos.photos)):
            yield np.stack(crops), np.array(labels, np.int64) if photos.labelled else None
            crops, labels = [], []
        progress("photos", done, len(photos.photos))


def _notes(labelled: bool, reference: str | None) -> tuple[str, ...]:
    if not labelled:
        return ("no class sub-folders, so no accuracy: agreement with the float artifact alone",)
    if reference is None:
        return ("no float artifact in the bundle, so no agreement: accuracy alone",)
    return ()


def _not_numbers(counts: Mapping[str, _Counts]) -> list[str]:
    return [
        f"{name} gave NaN for {counted.not_numbers} of {counted.photos} photos, counted as misses: "
        "check the bundle with `mobile-deploy verify`"
        for name, counted in counts.items()
        if counted.not_numbers
    ]
