"""Put bundles into an app's project, list and remove those that are there.

An app gets as much of a bundle as it reads: the manifest, the labels, the artifacts of its formats,
the golden crops and logits. The manifest stays as it is, so its hashes hold for what is there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.apps.names import check_name
from deploy.apps.projects import App
from deploy.bundle.manifest import MANIFEST_FILE, Manifest
from deploy.bundle.open import Bundle, open_bundle
from deploy.bundle.write import size_of, staged
from deploy.support.errors import BundleError, DeployError, GateError, StorageError, UserError
from deploy.support.hashing import sha256_file, sha256_folder
from deploy.support.printable import printable
from deploy.support.reporter import Reporter, Silent
from deploy.verification.bundle import verify
from deploy.verification.gates import require


@dataclass(frozen=True, kw_only=True)
class Staged:
    """A bundle in an app's project. `problem` says why the app could not use it; None: it can."""

    name: str
    folder: Path
    bytes: int
    artifacts: tuple[str, ...]
    problem: str | None = None


def stage(folder: Path, app: App, project: Path, reporter: Reporter | None = None) -> Staged:
    """Verify the bundle in `folder`, then put what the app reads of it into `project`.

    It is known there by its folder's name and replaces one of that name in one step. Raises
    BundleError for what is no bundle, has nothing for the app or a name that the app's packager
    drops; GateError where the bundle fails a check; StorageError where it cannot be written.
    """
    name = check_name(folder)
    reporter = reporter or Silent()
    verified = verify(folder, reporter)
    require(verified.checks, outcome="build the bundle again")
    manifest = verified.bundle.manifest
    artifacts = _artifacts(manifest, app)
    if not artifacts:
        raise BundleError(
            f"{printable(str(folder))} has nothing that the {app.title} app runs: build it with "
            f"--formats {','.join(app.formats)}"
        )
    for artifact in manifest.artifacts:
        if artifact.name in artifacts and not artifact.verified:
            reporter.warn(
                f"{artifact.name} was not verified when it was built, nor now: "
                f"{artifact.unverified_reason}"
            )
    target = project / app.bundles / name
    with staged(target) as place:
        _copy(verified.bundle, place, app)
    return Staged(name=name, folder=target, bytes=size_of(target), artifacts=artifacts)


def staged_bundles(app: App, project: Path) -> tuple[Staged, ...]:
    """What lies in the project, by name. Raises StorageError where it cannot be read."""
    place = project / app.bundles
    try:
        names = sorted(os.listdir(place)) if place.is_dir() else []
    except OSError as error:
        raise StorageError(
            f"cannot read {printable(str(place))} ({error.strerror}): check its permissions"
        ) from error
    return tuple(
        _look(place / name, app)
        for name in names
        if not name.startswith(".") and (place / name).is_dir()
    )


def remove(name: str, app: App, project: Path) -> Staged:
    """Take the bundle of that name out of the project; returns what it was.

    Raises UserError where there is none, StorageError where it cannot be removed.
    """
    there = {bundle.name: bundle for bundle in staged_bundles(app, project)}
    if name not in there:
        names = ", ".join(map(printable, there)) or "none is there"
        raise UserError(f"the project has no bundle {printable(name)}: take one of it ({names})")
    bundle = there[name]
    # Hidden first: half of a bundle must never be built into an app.
    hidden = bundle.folder.with_name(f".{name}.removed")
    try:
        if hidden.exists():
            shutil.rmtree(hidden)
        bundle.folder.rename(hidden)
        shutil.rmtree(hidden)
    except OSError as error:
        raise StorageError(
            f"cannot remove {printable(str(bundle.folder))} ({error.strerror}): check its "
            "permissions"
        ) from error
    return bundle


def _artifacts(manifest: Manifest, app: App) -> tuple[str, ...]:
    return tuple(artifact.name for artifact in manifest.artifacts if artifact.format in app.formats)


def _copy(bundle: Bundle, place: Path, app: App) -> None:
    for file, sha256 in _files(bundle.manifest, app):
        source, target = bundle.folder / file, place / file
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copyfile(source, target)
        # It was proved a moment ago; what counts is what lies in the project now.
        if (sha256_folder if target.is_dir() else sha256_file)(target) != sha256:
            raise GateError(f"{file} changed while it was copied: try again")
    shutil.copyfile(bundle.folder / MANIFEST_FILE, place / MANIFEST_FILE)
    if open_bundle(place).manifest != bundle.manifest:
        raise GateError(f"{MANIFEST_FILE} changed while it was copied: try again")


def _files(manifest: Manifest, app: App) -> Iterator[tuple[str, str]]:
    """Path and SHA-256 of every file that the app reads, the manifest aside."""
    names = _artifacts(manifest, app)
    yield manifest.labels.file, manifest.labels.sha256
    for photo in manifest.golden.photos:
        yield photo.rgb, photo.rgb_sha256
    yield manifest.golden.logits_float.file, manifest.golden.logits_float.sha256
    for logits in manifest.golden.logits:
        if logits.artifact in names:
            yield logits.file, logits.sha256
    for artifact in manifest.artifacts:
        if artifact.name in names:
            yield artifact.file, artifact.sha256


def _look(folder: Path, app: App) -> Staged:
    try:
        artifacts, problem = _artifacts(open_bundle(folder).manifest, app), None
    except DeployError as error:
        artifacts, problem = (), str(error)
    return Staged(
        name=folder.name,
        folder=folder,
        bytes=size_of(folder),
        artifacts=artifacts,
        problem=problem,
    )
