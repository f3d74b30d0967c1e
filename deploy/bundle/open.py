"""Open a bundle: its manifest, its labels and its golden answers, all from the folder alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deploy.bundle.feeding import Taken, as_taken
from deploy.bundle.integrity import check_files, read_checked, read_regular
from deploy.bundle.manifest import MANIFEST_FILE, Artifact, FileRecord, Manifest
from deploy.bundle.parse import MAX_MANIFEST_BYTES, parse_manifest
from deploy.bundle.staging import repair
from deploy.support.errors import BundleError, GateError, StorageError
from deploy.support.printable import check_encoding, printable

_MAX_LABELS_BYTES = 16 * 2**20


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """An opened bundle. What it reads from the folder it checks against the manifest's hashes."""

    folder: Path
    manifest: Manifest
    labels: tuple[str, ...]

    def artifact(self, name: str) -> Artifact:
        """The artifact of that name. Raises BundleError, listing the names, if there is none."""
        for artifact in self.manifest.artifacts:
            if artifact.name == name:
                return artifact
        names = ", ".join(artifact.name for artifact in self.manifest.artifacts)
        raise BundleError(f"{self.folder} has no artifact {printable(name)}: take one of {names}")

    def path_of(self, artifact: Artifact) -> Path:
        """Where the artifact's file, or for Core ML its folder, lies."""
        return self.folder / artifact.file

    def golden_crops(self) -> npt.NDArray[np.uint8]:
        """The golden photos after resize and crop: uint8 (photos, height, width, RGB)."""
        height, width = self.manifest.input.crop
        crops = [
            np.frombuffer(
                self._read(FileRecord(file=photo.rgb, sha256=photo.rgb_sha256), height * width * 3),
                np.uint8,
            )
            for photo in self.manifest.golden.photos
        ]
        return np.stack(crops).reshape(-1, height, width, 3)

    def golden_inputs(self, artifact: Artifact) -> Taken:
        """The golden photos as `artifact` takes them, one by one: (photos, ...)."""
        return as_taken(self.golden_crops(), artifact.input, self.manifest.input.preprocessing())

    def golden_logits_float(self) -> npt.NDArray[np.float32]:
        """The float network's logits for the golden photos: float32 (photos, classes)."""
        return self._logits(self.manifest.golden.logits_float)

    def golden_logits(self, artifact_name: str) -> npt.NDArray[np.float32]:
        """What the int8 or w8 artifact's own program gives for them: float32 (photos, classes).

        Raises BundleError if the artifact has none, as those in float.
        """
        for logits in self.manifest.golden.logits:
            if logits.artifact == artifact_name:
                return self._logits(logits)
        name = printable(artifact_name)
        raise BundleError(
            f"{self.folder} has no golden logits for {name}: only int8 and w8 artifacts do"
        )

    def _logits(self, record: FileRecord) -> npt.NDArray[np.float32]:
        count, classes = self.manifest.golden.count, self.manifest.network.classes
        values = np.frombuffer(self._read(record, count * classes * 4), "<f4").astype(np.float32)
        if not np.isfinite(values).all():
            raise GateError(f"{record.file} in {self.folder} is not finite: build the bundle again")
        return values.reshape(count, classes)

    def _read(self, record: FileRecord, size: int) -> bytes:
        """The bytes of a file that must have exactly `size` of them."""
        with _readable(self.folder):
            data = read_checked(self.folder, record.file, record.sha256, size)
        if len(data) != size:
            raise GateError(
                f"{record.file} in {self.folder} has {len(data)} bytes, not {size}: "
                "build the bundle again"
            )
        return data


def open_bundle(folder: Path | str) -> Bundle:
    """Open the bundle in `folder`, after repairing an interrupted exchange of folders there.

    Reads the manifest and the labels alone: `check_integrity` looks at the rest. Raises BundleError
    for what is not a bundle that this version reads, GateError where the labels were altered,
    StorageError where the folder cannot be read.
    """
    folder = Path(folder)
    manifest = _manifest_of(folder)
    record = manifest.labels
    with _readable(folder):
        text = read_checked(folder, record.file, record.sha256, _MAX_LABELS_BYTES)
    return Bundle(folder=folder, manifest=manifest, labels=_labels(text, manifest, folder))


def read_manifest(path: Path | str) -> Manifest:
    """The manifest of the bundle in the folder `path`, or of a manifest.json kept without one.

    Reads nothing else. Raises BundleError and StorageError as `open_bundle`.
    """
    path = Path(path)
    if path.suffix != Path(MANIFEST_FILE).suffix or path.is_dir():
        return _manifest_of(path)
    where = printable(str(path))
    with _readable(path):
        if not path.exists():
            raise BundleError(f"there is no manifest {where}: check the path")
        try:
            data = read_regular(path.parent, path.name, MAX_MANIFEST_BYTES)
        except GateError as error:
            raise BundleError(f"{where} is not a manifest: {error}") from None
    return parse_manifest(data, where)


def _manifest_of(folder: Path) -> Manifest:
    where = printable(str(folder))
    with _readable(folder):
        repair(folder)
        if not folder.exists():
            raise BundleError(f"there is no bundle {where}: build it, or check the path")
        check_encoding(folder.resolve())
        if not folder.is_dir():
            raise BundleError(f"{where} is not a folder: a bundle is one, with {MANIFEST_FILE}")
        try:
            data = read_regular(folder, MANIFEST_FILE, MAX_MANIFEST_BYTES)
        except GateError as error:
            raise BundleError(f"{where} is not a bundle: {error}") from None
    return parse_manifest(data, where)


def check_integrity(bundle: Bundle) -> None:
    """Prove that the folder holds what the manifest says, byte by byte, and nothing else.

    Raises GateError that names the first file that is missing, altered, a link, not a plain file or
    not in the manifest; StorageError where the folder cannot be read.
    """
    with _readable(bundle.folder):
        check_files(bundle.folder, bundle.manifest)


def _labels(data: bytes, manifest: Manifest, folder: Path) -> tuple[str, ...]:
    try:
        labels = tuple(data.decode("utf-8").removesuffix("\n").split("\n"))
    except UnicodeDecodeError:
        labels = ()
    if len(labels) != manifest.labels.count or len(set(labels)) != len(labels) or "" in labels:
        raise BundleError(
            f"{manifest.labels.file} of {printable(str(folder))} is not {manifest.labels.count} "
            "distinct lines of UTF-8: build the bundle again"
        )
    return labels


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        path = printable(str(error.filename or folder))
        raise StorageError(
            f"cannot read {path} ({error.strerror}): check the disk and its permissions"
        ) from error
