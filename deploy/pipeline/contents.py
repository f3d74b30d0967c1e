"""What goes into a bundle besides its artifacts: labels, golden answers, proofs, the manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt

import deploy
from deploy.backends import BACKENDS, packages
from deploy.bundle.manifest import (
    QUANTIZED,
    Artifact,
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
    Tool,
    schema_version_of,
)
from deploy.bundle.write import (
    file_record,
    size_of,
    write_floats,
    write_json,
    write_manifest,
)
from deploy.capture.prepare import Prepared
from deploy.capture.spec import NetworkSpec
from deploy.labels import imagenet_labels
from deploy.photos import PhotoSet
from deploy.pipeline.judge import Judged
from deploy.quantization.ptq import Decisions
from deploy.quantization.sensitivity.parts import PricedPart
from deploy.statistics.error_statistics import ErrorStatistics
from deploy.support.hashing import sha256_file, sha256_folder
from deploy.support.json_text import finite
from deploy.verification.emulated import EmulatedProof
from deploy.verification.gates import Check
from models.cost import Layer

# Of the parts that int8 hurts most: the rest is little, and `sensitivity` has it.
PARTS_TOLD = 20
SPLIT = "sorted by the SHA-256 of each photo, every fourth is held back"


def write_contents(
    folder: Path,
    *,
    spec: NetworkSpec,
    prepared: Prepared,
    judged: Sequence[Judged],
    golden_logits: npt.NDArray[np.float32],
    decisions: Mapping[str, Decisions],
    parts: Sequence[PricedPart] = (),
    emulated: Sequence[EmulatedProof] = (),
) -> Manifest:
    """Complete `folder`, which holds the artifacts already, to a bundle.

    `golden_logits` (golden photos, classes) are the float network's; `parts` what int8 costs its
    answers, worst first.
    """
    plan, photos, cost = prepared.plan, prepared.photos, prepared.cost
    (folder / "labels.txt").write_text("\n".join(plan.labels) + "\n", encoding="utf-8")
    write_json(
        folder / "verification.json",
        _verification(photos, judged, emulated, prepared.layers, parts),
    )
    artifacts = tuple(_artifact(folder, one, decisions) for one in judged)
    manifest = Manifest(
        schema_version=schema_version_of(artifacts),
        tool=Tool(name="mobile-deploy", version=deploy.__version__),
        network=Network(
            name=spec.name,
            width=None if spec.reference else spec.width,
            resolution=plan.preprocessing.crop,
            classes=plan.classes,
            params=cost.params,
            macs=cost.macs,
        ),
        weights=plan.weights,
        input=Input.of(plan.preprocessing),
        labels=Labels(
            **file_record(folder, "labels.txt").model_dump(),
            count=len(plan.labels),
            wordnet=list(plan.labels) == imagenet_labels(),
        ),
        calibration=Calibration(
            source=photos.source,
            photos=photos.calibration_photos,
            samples=len(photos.calibration),
            held_back_source=photos.held_back_source,
            held_back_samples=len(photos.held_back),
            digest=photos.digest,
            split=SPLIT,
        ),
        toolkits={name: version(name) for name in packages()},
        artifacts=artifacts,
        golden=_golden(folder, photos, judged, golden_logits),
        verification=file_record(folder, "verification.json"),
    )
    write_manifest(folder, manifest)
    return manifest


def _artifact(folder: Path, judged: Judged, decisions: Mapping[str, Decisions]) -> Artifact:
    made, path = judged.made, folder / judged.made.file
    own = decisions.get(made.target.name)
    return Artifact(
        file=made.file,
        sha256=sha256_folder(path) if path.is_dir() else sha256_file(path),
        name=made.target.name,
        format=made.target.format,
        backend=BACKENDS[made.target.format].engine,
        precision=made.target.precision,
        bytes=size_of(path),
        runtime=made.runtime,
        input=made.input,
        output=made.output,
        operators=Operators(
            inside=made.operators.inside,
            outside=made.operators.outside,
            float_on_purpose=tuple(sorted(own.in_float)) if own else (),
        ),
        measured=_measured(judged.statistics),
        verified=made.unverified_reason is None,
        unverified_reason=made.unverified_reason,
    )


def _measured(statistics: ErrorStatistics | None) -> Measured | None:
    if statistics is None:
        return None
    return Measured(
        photos=statistics.photos,
        agreement=statistics.agreement,
        sqnr_db=finite(statistics.sqnr_db),
    )


def _golden(
    folder: Path,
    photos: PhotoSet,
    judged: Sequence[Judged],
    golden_logits: npt.NDArray[np.float32],
) -> Golden:
    (folder / "golden").mkdir()
    records = []
    for k, photo in enumerate(photos.golden):
        png, rgb = f"golden/{k}.png", f"golden/{k}.rgb"
        (folder / png).write_bytes(photo.png)
        (folder / rgb).write_bytes(photo.crop.tobytes())
        records.append(
            GoldenPhoto(
                png=png,
                png_sha256=sha256_file(folder / png),
                rgb=rgb,
                rgb_sha256=sha256_file(folder / rgb),
                credit=photo.credit,
            )
        )
    write_floats(folder / "golden/logits_float.f32", golden_logits)
    answers = []
    for one in judged:
        if one.made.target.precision in QUANTIZED:
            name = one.made.target.name
            file = f"golden/logits_{name}.f32"
            write_floats(folder / file, one.made.own_logits[-len(records) :])
            answers.append(GoldenLogits(**file_record(folder, file).model_dump(), artifact=name))
    return Golden(
        count=len(records),
        photos=tuple(records),
        logits_float=file_record(folder, "golden/logits_float.f32"),
        logits=tuple(answers),
    )


def _verification(
    photos: PhotoSet,
    judged: Sequence[Judged],
    emulated: Sequence[EmulatedProof],
    layers: Sequence[Layer],
    parts: Sequence[PricedPart],
) -> dict[str, object]:
    """Every gate with its figures, how far each artifact is from the float network and on what
    photos, what each layer costs, and which parts int8 hurts most."""
    proved = {"emulated": [_emulated(proof) for proof in emulated]} if emulated else {}
    return {
        "held_back": {
            "source": photos.held_back_source,
            "photos": photos.held_back_photos,
            "crops": len(photos.held_back),
        },
        "artifacts": {
            one.made.target.name: {
                "seconds": round(one.made.seconds, 2),
                "against_float": _figures(one.statistics),
                "own_program_against_float": _figures(one.own_program),
                "unverified_reason": one.made.unverified_reason,
                "checks": _checks(one.checks),
            }
            for one in judged
        },
        **proved,
        "layers": [
            {
                "name": layer.name,
                "kind": layer.kind,
                "input": list(layer.input),
                "output": list(layer.output),
                "params": layer.params,
                "macs": layer.macs,
            }
            for layer in layers
        ],
        "int8_parts": [
            {
                "layer": part.layer,
                "kind": part.kind,
                "operator": part.operator,
                "share": round(part.share, 6),
                "in_float": part.left_in_float,
            }
            for part in parts[:PARTS_TOLD]
        ],
    }


def _emulated(proof: EmulatedProof) -> dict[str, object]:
    return {
        "artifact": proof.artifact,
        "processor": proof.processor,
        "against_float": _figures(proof.statistics),
        "equal_to_this_computer": proof.equal,
        "unproved": proof.unproved,
        "checks": _checks(proof.checks),
    }


def _checks(checks: Sequence[Check]) -> list[dict[str, object]]:
    return [
        {key: value for key, value in asdict(check).items() if key != "artifact"}
        for check in checks
    ]


def _figures(statistics: ErrorStatistics | None) -> dict[str, object] | None:
    if statistics is None:
        return None
    reached = statistics.agreeing
    figures = {
        key: finite(value) if isinstance(value, float) else value
        for key, value in asdict(statistics).items()
    }
    return {**figures, "agreement_interval": {"low": reached.low, "high": reached.high}}
