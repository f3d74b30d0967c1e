"""A tiny valid bundle. Its artifacts are no networks: good for everything that is about bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from deploy.backends import BACKENDS, Precision
from deploy.bundle.manifest import (
    Artifact,
    ArtifactInput,
    ArtifactOutput,
    Calibration,
    Golden,
    GoldenLogits,
    GoldenPhoto,
    Input,
    Labels,
    Manifest,
    Measured,
    Network,
    Operators,
    Runtime,
    Tool,
    Weights,
)
from deploy.bundle.write import file_record, size_of, write_floats, write_json, write_manifest
from deploy.support.hashing import sha256_file, sha256_folder
from models.preprocessing import Preprocessing

LABELS = ("cat", "dog", "zèbre")
SIDE = 4


def make_bundle(folder: Path, *, seed: int = 0, photos: int = 8) -> Manifest:
    """Write a bundle into `folder`, which may exist; another seed gives it other bytes."""
    random = np.random.default_rng(seed)
    (folder / "golden").mkdir(parents=True, exist_ok=True)
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in LABELS), encoding="utf-8")
    write_json(folder / "verification.json", {"seed": seed})
    artifacts = (
        _artifact(folder, "tiny_fp32.onnx", "onnx", "fp32", random),
        _artifact(folder, "tiny_int8.pte", "executorch", "int8", random),
        _artifact(folder, "tiny_int8.mlpackage", "coreml", "int8", random),
    )
    manifest = Manifest(
        schema_version=1,
        tool=Tool(name="mobile-deploy", version="0.1.0"),
        network=Network(
            name="tiny", width=1.0, resolution=(SIDE, SIDE), classes=len(LABELS), params=7, macs=9
        ),
        weights=Weights(source="none", file=None, sha256=None),
        input=Input.of(
            Preprocessing(
                resize=(SIDE + 1, SIDE + 1),
                crop=(SIDE, SIDE),
                mean=(0.485, 0.456, 0.406),
                std=(0.229, 0.224, 0.225),
            )
        ),
        labels=Labels(
            **file_record(folder, "labels.txt").model_dump(), count=len(LABELS), wordnet=False
        ),
        calibration=Calibration(
            source="folder",
            photos=12,
            samples=24,
            held_back_source="folder",
            held_back_samples=8,
            digest="0" * 64,
            split="by content hash, every fourth held back",
        ),
        toolkits={"torch": "2.13.0"},
        artifacts=artifacts,
        golden=_golden(folder, artifacts, photos, random),
        verification=file_record(folder, "verification.json"),
    )
    write_manifest(folder, manifest)
    return manifest


def _artifact(
    folder: Path, file: str, format: str, precision: Precision, random: np.random.Generator
) -> Artifact:
    path = folder / file
    if format == "coreml":
        (path / "Data").mkdir(parents=True)
        (path / "Manifest.json").write_bytes(random.bytes(40))
        (path / "Data" / "model.mlmodel").write_bytes(random.bytes(200))
    else:
        # To a reader of protobufs, the name of what produced an .onnx.
        head = b"\x12\x64" if format == "onnx" else b""
        path.write_bytes(head + random.bytes(100))
    return Artifact(
        name=f"{format}_{precision}",
        file=file,
        sha256=sha256_folder(path) if format == "coreml" else sha256_file(path),
        bytes=size_of(path),
        format=format,
        backend=BACKENDS[format].engine,
        precision=precision,
        runtime=Runtime(name=format, version="1.0", rule="at least"),
        input=ArtifactInput(kind="tensor", name="input", shape=(1, 3, SIDE, SIDE)),
        output=ArtifactOutput(
            name="logits", shape=(1, len(LABELS)), kind="logits", label_output=None
        ),
        operators=Operators(inside={"conv": 2, "add": 1}, outside={}, float_on_purpose=()),
        measured=Measured(photos=8, agreement=0.875, sqnr_db=23.5),
        verified=True,
        unverified_reason=None,
    )


def _golden(
    folder: Path, artifacts: tuple[Artifact, ...], count: int, random: np.random.Generator
) -> Golden:
    photos = []
    for index in range(count):
        photo = random.integers(0, 256, (SIDE + 3, SIDE + 5, 3), np.uint8)
        png, rgb = f"golden/{index}.png", f"golden/{index}.rgb"
        Image.fromarray(photo).save(folder / png)
        (folder / rgb).write_bytes(photo[:SIDE, :SIDE].tobytes())
        photos.append(
            GoldenPhoto(
                png=png,
                png_sha256=sha256_file(folder / png),
                rgb=rgb,
                rgb_sha256=sha256_file(folder / rgb),
                credit="The authors, CC0" if index else None,
            )
        )
    files = {
        artifact.name: f"golden/logits_{artifact.name}.f32"
        for artifact in artifacts
        if artifact.precision == "int8"
    }
    for file in ("golden/logits_float.f32", *files.values()):
        write_floats(folder / file, random.normal(size=(count, len(LABELS))))
    return Golden(
        count=count,
        photos=tuple(photos),
        logits_float=file_record(folder, "golden/logits_float.f32"),
        logits=tuple(
            GoldenLogits(**file_record(folder, file).model_dump(), artifact=name)
            for name, file in files.items()
        ),
    )
