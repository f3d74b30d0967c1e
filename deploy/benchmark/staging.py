"""What is to be measured, as files with names of our own making.

A phone is given the inputs as the network takes them, normalized float32 or the bytes of pixels: a
runner then holds no preprocessing, and what is timed is inference alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deploy.backends import BACKENDS
from deploy.bundle.feeding import Taken, in_memory
from deploy.bundle.manifest import Artifact
from deploy.bundle.open import Bundle
from deploy.protocol.messages import GoldenInput, RequestedArtifact


@dataclass(frozen=True, kw_only=True)
class StagedBundle:
    """A bundle's files by their names on a device; artifacts and golden inputs by the names of the
    artifacts."""

    bundle: Bundle
    artifacts: dict[str, RequestedArtifact]
    golden: dict[str, tuple[GoldenInput, ...]]
    files: dict[str, Path]

    def files_for(self, artifact: Artifact) -> dict[str, Path]:
        """Name on the device to local file, of all that a block of `artifact` reads."""
        golden = (photo.file for photo in self.golden[artifact.name])
        names = [self.artifacts[artifact.name].file, *golden]
        return {name: self.files[name] for name in names}


def stage_bundle(bundle: Bundle, artifacts: Sequence[Artifact], folder: Path) -> StagedBundle:
    """Write the golden inputs of `bundle` to `folder` and name the artifacts for a device."""
    files: dict[str, Path] = {}
    golden = {}
    requested = {}
    for artifact in artifacts:
        golden[artifact.name] = tuple(
            _golden(index, photo, folder, files)
            for index, photo in enumerate(bundle.golden_inputs(artifact))
        )
        name = f"network-{artifact.sha256[:12]}{BACKENDS[artifact.format].suffix}"
        files[name] = bundle.path_of(artifact)
        requested[artifact.name] = RequestedArtifact(
            file=name,
            sha256=artifact.sha256,
            format=artifact.format,
            backend=artifact.backend,
            input=artifact.input.name,
            output=artifact.output.name,
        )
    return StagedBundle(bundle=bundle, artifacts=requested, golden=golden, files=files)


def _golden(index: int, photo: Taken, folder: Path, files: dict[str, Path]) -> GoldenInput:
    """A golden input in a file, which artifacts that take the same share."""
    data = in_memory(photo)
    digest = hashlib.sha256(data).hexdigest()
    name = f"golden-{index}-{digest[:12]}.{'f32' if photo.dtype == np.float32 else 'u8'}"
    if name not in files:
        files[name] = folder / name
        files[name].write_bytes(data)
    return GoldenInput(index=index, file=name, sha256=digest)
