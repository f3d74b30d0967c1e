"""One variant, built and evaluated in whatever process this is; what is there is not made again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock

from deploy.bundle.manifest import MANIFEST_FILE
from deploy.choosing.file import read_variant, write_record
from deploy.choosing.records import (
    VARIANT_VERSION,
    LabelledScores,
    ScoredArtifact,
    VariantRecord,
    line,
)
from deploy.pipeline.recipe import Recipe
from deploy.support.errors import DeployError
from deploy.support.hashing import sha256_file
from deploy.support.lacking import lacking
from deploy.support.telling import telling_line

BUNDLE = "bundle"
RECORD_FILE = "record.json"
_LOCK_FILE = ".lock"


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """A folder of photos sorted by class, the digest of what is in it, and how many they are."""

    folder: Path
    digest: str
    photos: int = 0


@dataclass(frozen=True, kw_only=True)
class VariantJob:
    """`recipe` builds to `folder`/bundle; `labelled` is None where nothing is to be evaluated."""

    key: str
    name: str
    folder: Path
    recipe: Recipe
    labelled: Labelled | None = None

    @property
    def bundle(self) -> Path:
        return self.folder / BUNDLE

    def absolute(self) -> VariantJob:
        """The same for a process that was started in another folder."""
        network = self.recipe.network
        labels = network.labels and network.labels.absolute()
        photos = self.recipe.photos and self.recipe.photos.absolute()
        labelled = self.labelled and replace(self.labelled, folder=self.labelled.folder.absolute())
        return replace(
            self,
            folder=self.folder.absolute(),
            recipe=replace(self.recipe, network=replace(network, labels=labels), photos=photos),
            labelled=labelled,
        )


# Gives what the build warned of.
Build = Callable[[Recipe], tuple[str, ...]]
Evaluate = Callable[[Path, Labelled], LabelledScores]


def build_here(recipe: Recipe) -> tuple[str, ...]:
    """One core's worth: the jobs are the parallelism."""
    from deploy.pipeline.build import build
    from deploy.support.workers import in_process

    return build(recipe, processes=in_process).warnings


def evaluate_here(bundle: Path, labelled: Labelled) -> LabelledScores:
    """In one process, as `build_here`."""
    from deploy.verification.evaluate import evaluate_bundle

    evaluation = evaluate_bundle(bundle, labelled.folder, jobs=1)
    return LabelledScores(
        labelled=labelled.digest,
        photos=evaluation.photos,
        scores=tuple(
            ScoredArtifact(
                artifact=score.name,
                top1=100 * score.top1.value,
                low=100 * score.top1.low,
                high=100 * score.top1.high,
            )
            for score in evaluation.scores
            if score.top1 is not None
        ),
    )


def complete(
    job: VariantJob, build: Build = build_here, evaluate: Evaluate = evaluate_here
) -> VariantRecord:
    """Build and evaluate what is missing of `job`, write the record, and give it.

    Of several processes one works, and the others then find what it left. What fails is in the
    record, and tried again the next time. Raises UserError for a record of another schema,
    StorageError where none can be written.
    """
    job.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(job.folder / _LOCK_FILE):
        record = found(job)
        if record is None:
            record = _built(job, build)
            write_record(record, job.folder / RECORD_FILE)
        if needs_scores(job, record):
            assert job.labelled is not None
            record = _scored(job, job.labelled, record, evaluate)
            write_record(record, job.folder / RECORD_FILE)
        return record


def found(job: VariantJob) -> VariantRecord | None:
    """The record of a bundle that is there, whole; None where it has to be built.

    Raises UserError for a record that this version cannot read.
    """
    path = job.folder / RECORD_FILE
    if not path.exists():
        return None
    record = read_variant(path)
    manifest = job.bundle / MANIFEST_FILE
    if record.manifest_sha256 is None or not manifest.is_file():
        return None
    return record if sha256_file(manifest) == record.manifest_sha256 else None


def needs_scores(job: VariantJob, record: VariantRecord) -> bool:
    if job.labelled is None or record.error is not None:
        return False
    return record.scores is None or record.scores.labelled != job.labelled.digest


def failed(job: VariantJob, error: BaseException, seconds: float = 0.0) -> VariantRecord:
    """The record of a build that ended in `error`."""
    return VariantRecord(
        schema_version=VARIANT_VERSION,
        name=job.name,
        manifest_sha256=None,
        error=line(_told(error)),
        seconds=round(seconds, 2),
        warnings=(),
        scores=None,
        scores_error=None,
    )


def _built(job: VariantJob, build: Build) -> VariantRecord:
    begin = time.perf_counter()
    try:
        warnings = build(replace(job.recipe, output=job.bundle))
    except Exception as error:  # One variant's accident must not lose the others.
        return failed(job, error, time.perf_counter() - begin)
    return VariantRecord(
        schema_version=VARIANT_VERSION,
        name=job.name,
        manifest_sha256=sha256_file(job.bundle / MANIFEST_FILE),
        error=None,
        seconds=round(time.perf_counter() - begin, 2),
        warnings=tuple(map(line, warnings)),
        scores=None,
        scores_error=None,
    )


def _scored(
    job: VariantJob, labelled: Labelled, record: VariantRecord, evaluate: Evaluate
) -> VariantRecord:
    try:
        scores, error = evaluate(job.bundle, labelled), None
    except Exception as caught:  # The bundle is there all the same, and its record.
        scores, error = None, line(_told(caught))
    return record.model_copy(update={"scores": scores, "scores_error": error})


def _told(error: BaseException) -> str:
    """As the command line would."""
    if isinstance(error, DeployError):
        return str(error)
    lack = lacking(error)
    return str(lack) if lack else f"{type(error).__name__}: {telling_line(error)}"
