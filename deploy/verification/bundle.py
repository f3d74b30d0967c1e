"""verify: prove a bundle again from its folder alone, on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deploy.bundle.manifest import QUANTIZED, Artifact
from deploy.bundle.open import Bundle, check_integrity, open_bundle
from deploy.emulation.block import open_emulation
from deploy.emulation.processors import processors_named
from deploy.photos.images import crop, decode
from deploy.runtimes import load
from deploy.statistics.error_statistics import ErrorStatistics, compare_logits
from deploy.support.durations import answer_seconds
from deploy.support.reporter import Logged, Reporter, foretell
from deploy.verification.emulated import EmulatedArtifact, EmulatedProof, prove_emulated
from deploy.verification.gates import Check, judge_golden, judge_reasons


@dataclass(frozen=True, kw_only=True)
class Verified:
    """`statistics` are against the float network's golden logits, by artifact; an artifact that
    was not verified when it was built has none. `agreement` is the share of golden photos on
    which two artifacts have the same top class; `emulated` has each artifact on each processor that
    was asked for."""

    bundle: Bundle
    checks: tuple[Check, ...]
    statistics: dict[str, ErrorStatistics]
    agreement: dict[tuple[str, str], float]
    skipped: tuple[str, ...]
    emulated: tuple[EmulatedProof, ...]


def verify(
    folder: Path | str, reporter: Reporter | None = None, *, cpus: Sequence[str] = ()
) -> Verified:
    """Check hashes, preprocessing, golden logits, and that the artifacts agree; the .pte ones also
    on the emulated processors `cpus`.

    The checks of the result are to be judged by `gates.require`. Raises BundleError for what is
    no bundle, GateError where a file was altered or does not load; UserError for a processor that
    is unknown or cannot be emulated here, EmulationError where the emulator fails.
    """
    reporter = reporter or Logged()
    processors = processors_named("--cpu", cpus)
    # Before anything takes time.
    emulation = open_emulation(processors, progress=reporter.progress) if processors else None
    reporter.stage("checking files")
    bundle = open_bundle(folder)
    check_integrity(bundle)
    crops = bundle.golden_crops()
    checks = [_judge_preprocessing(bundle, crops)]

    formats = [one.format for one in bundle.manifest.artifacts if one.verified]
    macs = bundle.manifest.network.macs
    foretell(
        reporter,
        "running the artifacts",
        answer_seconds(formats, macs, photos=len(crops), photo_bytes=0),
    )
    reporter.stage("running artifacts")
    reference = bundle.golden_logits_float()
    logits: dict[str, npt.NDArray[np.float32]] = {}
    statistics = {}
    artifacts = bundle.manifest.artifacts
    for done, artifact in enumerate(artifacts, start=1):
        if artifact.verified:
            classifier = load(
                artifact.format, bundle.path_of(artifact), bundle.manifest.input.preprocessing()
            )
            logits[artifact.name] = classifier.logits(crops)
            statistics[artifact.name] = compare_logits(reference, logits[artifact.name])
            checks += _judge(bundle, artifact, statistics[artifact.name])
        reporter.progress("artifacts", done, len(artifacts))
    emulated: tuple[EmulatedProof, ...] = ()
    if emulation is not None:
        reporter.stage("emulating")
        emulated = prove_emulated(
            emulation,
            processors,
            [_candidate(bundle, artifact, logits) for artifact in artifacts],
            reference,
            progress=reporter.progress,
        )
        checks += [check for proof in emulated for check in proof.checks]
    return Verified(
        bundle=bundle,
        checks=tuple(checks),
        statistics=statistics,
        agreement=_agreement(logits),
        skipped=tuple(artifact.name for artifact in artifacts if not artifact.verified),
        emulated=emulated,
    )


def _candidate(
    bundle: Bundle, artifact: Artifact, logits: Mapping[str, npt.NDArray[np.float32]]
) -> EmulatedArtifact:
    return EmulatedArtifact(
        name=artifact.name,
        format=artifact.format,
        precision=artifact.precision,
        file=bundle.path_of(artifact),
        operators=frozenset({*artifact.operators.inside, *artifact.operators.outside}),
        written_by=artifact.runtime.version,
        photos=bundle.golden_inputs(artifact),
        here=logits.get(artifact.name),
        own_program=_own_program(bundle, artifact),
    )


def _judge_preprocessing(bundle: Bundle, crops: npt.NDArray[np.uint8]) -> Check:
    preprocessing = bundle.manifest.input.preprocessing()
    differing = [
        photo.png
        for photo, expected in zip(bundle.manifest.golden.photos, crops, strict=True)
        if not np.array_equal(
            crop(decode(bundle.folder / photo.png, photo.png), preprocessing), expected
        )
    ]
    return judge_reasons(
        "golden",
        "preprocessing gives the stored crops",
        "equal to the byte",
        [f"{name} differs" for name in differing],
    )


def _judge(bundle: Bundle, artifact: Artifact, statistics: ErrorStatistics) -> list[Check]:
    own = _own_program(bundle, artifact)
    return judge_golden(artifact.name, artifact.precision, statistics, own)


def _own_program(bundle: Bundle, artifact: Artifact) -> ErrorStatistics | None:
    """Of the program that a quantized artifact was made from; None for one in float."""
    if artifact.precision not in QUANTIZED:
        return None
    return compare_logits(bundle.golden_logits_float(), bundle.golden_logits(artifact.name))


def _agreement(logits: Mapping[str, npt.NDArray[np.float32]]) -> dict[tuple[str, str], float]:
    top = {name: rows.argmax(1) for name, rows in logits.items()}
    return {(a, b): float((top[a] == top[b]).mean()) for a, b in combinations(top, 2)}
