"""How well each artifact of a bundle classifies a folder of photos."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path

from deploy.backends import BACKENDS
from deploy.bundle.manifest import MANIFEST_FILE, QUANTIZED, Artifact
from deploy.bundle.open import Bundle, check_integrity, open_bundle
from deploy.labels import imagenet_wordnet_ids
from deploy.photos import LabelledPhotos, find_labelled
from deploy.photos.folder import none_readable, skipped
from deploy.support.cores import cores_here, processes_here
from deploy.support.durations import answer_seconds
from deploy.support.errors import PhotosError, UserError
from deploy.support.printable import printable
from deploy.support.reporter import Logged, Progress, Reporter, foretell, silent
from deploy.verification.answers import (
    BATCH,
    Answers,
    Classify,
    answer,
    answer_side_by_side,
    batches,
    load_classifiers,
)
from deploy.verification.answers_file import answers_file, check_answers_file
from deploy.verification.tally import ArtifactScore, Changed, ClassScore, Tally
from models.preprocessing import Preprocessing

# What classifies as many pixels takes about as long as a process that classifies takes to start:
# 40 photos at 224 x 224.
_WORTH_A_PROCESS = 2_000_000
# So many photos say how large they are.
_LOOKED_AT = 32
# Of a process that holds six artifacts and three runtimes, with room to spare.
_PROCESS_BYTES = 2**30


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The scores in the artifacts' order; `notes` say which columns are missing and why.

    `classes` are those of the photos, worst first; `changed` the photos to which some artifact
    gives another class than `reference`. Classes are indices; `labels` are their names.
    """

    photos: int
    labelled: bool
    reference: str | None
    scores: tuple[ArtifactScore, ...]
    classes: tuple[ClassScore, ...]
    changed: tuple[Changed, ...]
    labels: tuple[str, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    def name(self, index: int) -> str:
        """Of a class, or of what is none."""
        return "NaN" if index < 0 else self.labels[index]


def evaluate_bundle(
    folder: Path | str,
    photos: Path | str,
    *,
    artifacts: Collection[str] = (),
    jobs: int | None = None,
    output: Path | str | None = None,
    reporter: Reporter | None = None,
) -> Evaluation:
    """Top-1, top-5 and agreement of a bundle's artifacts on the folder `photos`.

    `artifacts` names those wanted, none all that were verified; the float artifact that they are
    compared with joins them. `jobs` processes classify side by side, None for as many as pay;
    `output` is a .csv or .json file for the answers to each photo (see `answers_file`). However
    many photos there are, a few are in memory, and the answers are the same to the bit for any
    number of processes.

    Raises BundleError for what is no bundle or has no such artifact, GateError where a file was
    altered or does not load, RunError where a process dies, and what `find_labelled` and
    `evaluate` raise.
    """
    reporter = reporter or Logged()
    file = None if output is None else Path(output)
    if file is not None:
        check_answers_file(file)
    reporter.stage("checking files")
    check_order(Path(folder), Path(photos))
    bundle = open_bundle(folder)
    reference = _reference(bundle)
    names = [artifact.name for artifact in _choose(bundle, artifacts, reference)]
    wordnet_ids = imagenet_wordnet_ids() if bundle.manifest.labels.wordnet else None
    found = find_labelled(Path(photos), bundle.labels, wordnet_ids)
    _check_comparable(reference, found)
    check_integrity(bundle)

    preprocessing = bundle.manifest.input.preprocessing()
    jobs = min(
        jobs or _worthwhile(len(found.photos), preprocessing), -(-len(found.photos) // BATCH)
    )
    foretell(reporter, "evaluating", _seconds(bundle, names, found, jobs))
    if jobs > 1:
        reporter.stage(f"loading artifacts and classifying in {jobs} processes")
        answered: Generator[Answers, None, None] = answer_side_by_side(
            bundle.folder, names, found.photos, jobs
        )
    else:
        reporter.stage("loading artifacts")
        classifiers = load_classifiers(bundle.folder, names, reporter.progress)
        reporter.stage("classifying")
        answered = (answer(classifiers, some, preprocessing) for some in batches(found.photos))
    with (
        closing(answered),  # Whatever happens: its processes hold every artifact.
        answers_file(file, bundle.labels) if file else nullcontext(_kept_by_nobody) as keep,
    ):
        evaluation = _count(
            names, found, answered, reference, bundle.labels, keep, reporter.progress
        )
    for text in evaluation.warnings:
        reporter.warn(text)
    return evaluation


def check_order(folder: Path, photos: Path) -> None:
    """Raise UserError where the bundle was given for the photos, and they for it."""
    if (photos / MANIFEST_FILE).is_file() and not (folder / MANIFEST_FILE).exists():
        raise UserError(
            f"{printable(str(folder))} is no bundle, but {printable(str(photos))} is: give the "
            "bundle first, then the photos"
        )


def _kept_by_nobody(answers: Answers) -> None:
    pass


def _worthwhile(photos: int, preprocessing: Preprocessing) -> int:
    """How many processes gain more than their start takes."""
    height, width = preprocessing.crop
    return min(processes_here(_PROCESS_BYTES), photos * height * width // _WORTH_A_PROCESS)


def _seconds(bundle: Bundle, names: Sequence[str], found: LabelledPhotos, jobs: int) -> float:
    """About how long it takes, by a few of the photos' sizes."""
    some = found.photos[:: max(1, len(found.photos) // _LOOKED_AT)]
    sizes = [photo.path.stat().st_size for photo in some if photo.path.exists()]
    return answer_seconds(
        [bundle.artifact(name).format for name in names],
        bundle.manifest.network.macs,
        photos=len(found.photos),
        photo_bytes=sum(sizes) / max(1, len(sizes)),
        at_once=max(1, min(jobs, cores_here())),
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
    labels: Collection[str] = (),
    progress: Progress = silent,
) -> Evaluation:
    """Top-1, top-5 and agreement with the artifact `reference` over a folder, 95 % intervals.

    Photos stream through in small batches; those that cannot be read are left out with a warning.
    `progress` gets "photos", how many are done and how many there are. Raises UserError where
    there is nothing to compute, for want of labels and of a reference; PhotosError when no photo
    can be read.
    """
    assert reference is None or reference in artifacts
    _check_comparable(reference, photos)
    answered = (answer(artifacts, some, preprocessing) for some in batches(photos.photos))
    return _count(list(artifacts), photos, answered, reference, labels, _kept_by_nobody, progress)


def _check_comparable(reference: str | None, photos: LabelledPhotos) -> None:
    if reference is None and not photos.labelled:
        raise UserError(
            "nothing to evaluate, without class sub-folders and without a float artifact in the "
            "bundle: sort the photos into folders named by class, or build with a float precision"
        )


def _count(
    names: Collection[str],
    photos: LabelledPhotos,
    answered: Iterable[Answers],
    reference: str | None,
    labels: Collection[str],
    keep: Callable[[Answers], None],
    progress: Progress,
) -> Evaluation:
    unreadable: dict[Path, str] = {}
    tally = Tally(names, reference, photos.labelled)
    for answers in answered:
        unreadable |= answers.unreadable
        tally.add(answers)
        keep(answers)
        progress("photos", tally.photos + len(unreadable), len(photos.photos))
    if not tally.photos:
        raise PhotosError(none_readable(unreadable))
    return Evaluation(
        photos=tally.photos,
        labelled=photos.labelled,
        reference=reference,
        scores=tally.scores(),
        classes=tally.by_class(),
        changed=tuple(tally.changed),
        labels=tuple(labels),
        notes=_notes(photos.labelled, reference),
        warnings=(*photos.warnings, *skipped(unreadable), *_not_numbers(tally)),
    )


def _notes(labelled: bool, reference: str | None) -> tuple[str, ...]:
    if not labelled:
        return ("no class sub-folders, so no accuracy: agreement with the float artifact alone",)
    if reference is None:
        return ("no float artifact in the bundle, so no agreement: accuracy alone",)
    return ()


def _not_numbers(tally: Tally) -> list[str]:
    return [
        f"{name} gave NaN for {count} of {tally.photos} photos, counted as misses: "
        "check the bundle with `mobile-deploy verify`"
        for name, count in tally.not_numbers.items()
        if count
    ]
