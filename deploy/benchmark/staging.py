"""What is to be measured, as files with names of our own making.

A phone is given the inputs as the network takes them, normalized float32: a runner then holds no
preprocessing, and what is timed is inference alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.backends import BACKENDS
from deploy.bundle.manifest import Artifact
from deploy.bundle.open import Bundle
from deploy.photos.images import normalize
from deploy.protocol.messages import GoldenInput, RequestedArtifact


@dataclass(frozen=True, kw_only=True)
class StagedBundle:
    """A bundle's files by their names on a device."""

    bundle: Bundle
    artifacts: dict[str, RequestedArtifact]
    golden: tuple[GoldenInput, ...]
    files: dict[str, Path]

    def files_for(self, artifact: Artifact) -> dict[str, Path]:
        """Name on the device to local file, of all that a block of `artifact` reads."""
        names = [self.artifacts[artifact.name].file, *(photo.file for photo in self.golden)]
        return {name: self.files[name] for name in names}


def stage_bundle(bundle: Bundle, artifacts: Sequence[Artifact], folder: Path) -> StagedBundle:
    """Write the golden inputs of `bundle` to `folder` and name the artifacts for a device."""
    files: dict[str, Path] = {}
    golden = []
    for index, image in enumerate(
        normalize(bundle.golden_crops(), bundle.manifest.input.preprocessing())
    ):
        data = image.astype("<f4").tobytes()
        digest = hashlib.sha256(data).hexdigest()
        name = f"golden-{index}-{digest[:12]}.f32"
        files[name] = folder / name
        files[name].write_bytes(data)
        golden.append(GoldenInput(index=index, file=name, sha256=digest))
    requested = {}
    for artifact in artifacts:
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
    return StagedBundle(bundle=bundle, artifacts=requested, golden=tuple(golden), files=files)
