"""Which bundles are measured, and which of their artifacts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.backends import BACKENDS, RunnerName
from deploy.bundle.manifest import MANIFEST_FILE, QUANTIZED, Artifact
from deploy.bundle.open import Bundle, check_integrity, open_bundle
from deploy.protocol.messages import encode_logits
from deploy.results.records import MeasuredArtifact, MeasuredBundle
from deploy.support.errors import UserError
from deploy.support.hashing import sha256_file
from deploy.support.printable import printable

ANY_RUNNER: frozenset[RunnerName] = frozenset({"app", "host", "native"})


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A bundle of which some artifacts are to be measured.

    `id` is the hash of its manifest, `label` what to call it, unlike any other of the session.
    """

    bundle: Bundle
    id: str
    label: str
    artifacts: tuple[Artifact, ...]


def open_bundles(
    folders: Sequence[Path],
    artifacts: Sequence[str] = (),
    *,
    runners: frozenset[RunnerName] = ANY_RUNNER,
) -> tuple[Opened, ...]:
    """The bundles, whole and unaltered, with the artifacts to measure.

    `artifacts` names those wanted, none all that were verified, of those that one of `runners` can
    run. Raises UserError where a bundle has nothing to measure, an artifact is unknown or a bundle
    is named twice, and what `open_bundle` and `check_integrity` raise.
    """
    if not folders:
        raise UserError("no bundle to measure: name one")
    labels = _labels(folders)
    opened = []
    for folder in folders:
        bundle = open_bundle(folder)
        runnable = [artifact for artifact in bundle.manifest.artifacts if runs(artifact, *runners)]
        chosen = [
            artifact
            for artifact in runnable
            if (artifact.name in artifacts if artifacts else artifact.verified)
        ]
        if not chosen:
            names = ", ".join(artifact.name for artifact in runnable) or "another bundle"
            raise UserError(
                f"{printable(str(folder))} has no such artifact that runs there: take {names}"
            )
        check_integrity(bundle)
        manifest = sha256_file(folder / MANIFEST_FILE)
        label = labels[folder]
        opened.append(Opened(bundle=bundle, id=manifest, label=label, artifacts=tuple(chosen)))
    found = {artifact.name for bundle in opened for artifact in bundle.artifacts}
    for name in artifacts:
        if name not in found:
            raise UserError(
                f"no artifact {printable(name)} runs there: take {', '.join(sorted(found))}"
            )
    if len({bundle.id for bundle in opened}) != len(opened):
        raise UserError("a bundle is named twice: give each once")
    return tuple(opened)


def runs(artifact: Artifact, *runners: RunnerName) -> bool:
    """Whether one of `runners` can measure it."""
    return not BACKENDS[artifact.format].runners.isdisjoint(runners)


def facts_of(opened: Opened) -> MeasuredBundle:
    """What results.json keeps of a bundle."""
    bundle, network = opened.bundle, opened.bundle.manifest.network
    return MeasuredBundle(
        id=opened.id,
        label=opened.label,
        network=network.name,
        width=f"{network.width:g}" if network.width is not None else "-",
        resolution=network.resolution,
        classes=network.classes,
        golden=bundle.manifest.golden.count,
        float_logits=encode_logits(bundle.golden_logits_float()),
        artifacts=tuple(
            MeasuredArtifact(
                name=artifact.name,
                format=artifact.format,
                precision=artifact.precision,
                backend=artifact.backend,
                bytes=artifact.bytes,
                sha256=artifact.sha256,
                own_logits=encode_logits(bundle.golden_logits(artifact.name))
                if artifact.precision in QUANTIZED
                else None,
            )
            for artifact in opened.artifacts
        ),
    )


def _labels(folders: Sequence[Path]) -> dict[Path, str]:
    """The folder's name, or as much of its path as tells it from the others'."""
    labels: dict[Path, str] = {}
    for folder in folders:
        parts = folder.resolve().parts
        others = [other.resolve().parts for other in folders if other != folder]
        depth = 1
        while depth < len(parts) and any(other[-depth:] == parts[-depth:] for other in others):
            depth += 1
        labels[folder] = printable("/".join(parts[-depth:])) or "bundle"
    return labels
