"""What the commands before `report` leave behind, written by hand: no build, no device."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from bundle_factory import make_bundle
from session_results import session

from deploy.bundle.manifest import MANIFEST_FILE, Manifest
from deploy.bundle.write import file_record, write_json, write_manifest
from deploy.choosing.records import (
    ArmLatency,
    Candidate,
    Choice,
    ChoiceLimits,
    ChosenCandidate,
    MeasuredOn,
    SweptVariant,
    TopOne,
)
from deploy.results.records import Results
from deploy.support.hashing import sha256_file

NETWORKS = ("mobilenet_v1", "mobilenet_v2", "mobilenet_v3_small")
INT8 = "executorch_int8"
# What acts in a page that takes it for anything but text; fit for a Line.
HOSTILE = (
    '</script></style><script>window.hacked=1</script><img src=x onerror="window.hacked=1">\'`$x$'
)


@dataclass(frozen=True, kw_only=True)
class Words:
    """What strangers have a say in."""

    layer: str = "features.0.0"
    label: str = "Pixel 8"
    gate: str = "sqnr against the float network"
    reason: str = "the best of 2 by published top-1"
    warning: str = "calibrated with the bundled samples"
    network: str = ""
    networks: Sequence[str] = field(default=NETWORKS)


HOSTILE_WORDS = Words(
    layer=HOSTILE,
    label=HOSTILE,
    gate=HOSTILE,
    reason=HOSTILE,
    warning=HOSTILE,
    networks=(HOSTILE, "javascript:alert(1)"),
)


def write_sweep(
    folder: Path,
    *,
    variants: int = 4,
    words: Words = Words(),
    virtual: bool = False,
    rounds: int = 6,
    recommended: bool = True,
    layers: int = 12,
) -> Choice:
    """A sweep of bundles, measured in one session, in `folder`."""
    names = list(product(words.networks, (0.5, 1.0, 0.25, 0.75, 1.4), (96, 128, 160, 192)))[
        :variants
    ]
    ids = []
    for number in range(variants):
        bundle = folder / f"variants/key{number}/bundle"
        prove(bundle, make_bundle(bundle, seed=number), words, layers)
        ids.append(sha256_file(bundle / MANIFEST_FILE))
    results = measured(ids, words.label, virtual=virtual, rounds=rounds)
    place = folder / "measured/key/results.json"
    place.parent.mkdir(parents=True)
    place.write_text(results.to_json(), encoding="utf-8")
    swept = tuple(_variant(number, *name, ids[number], words) for number, name in enumerate(names))
    pruned = swept[0].model_copy(
        update={
            "name": f"{names[0][0]}:2@224",
            "state": "pruned",
            "why": "over --max-macs 300M: 900 M",
            "bundle": None,
            "manifest_sha256": None,
            "key": None,
            "candidates": (),
        }
    )
    best = swept[min(1, variants - 1)]
    choice = Choice(
        schema_version=1,
        tool={"name": "mobile-deploy", "version": "0.1.0"},  # type: ignore[arg-type]
        written="2026-01-01T00:00:00+00:00",
        versions={"mobile-deploy": "0.1.0", "onnx": "1.23.2"},
        photos="a" * 64,
        labelled=None,
        limits=ChoiceLimits(max_latency_ms=12.0, max_mb=4.0, max_macs=None, min_top1=60.0),
        device=MeasuredOn(
            asked="virtual" if virtual else "host",
            results="measured/key/results.json",
            model=words.label,
            kind="android" if virtual else "host",
            virtual=virtual,
            failure=None,
        ),
        quality_by="published",
        recommended=ChosenCandidate(
            variant=best.name, artifact=INT8, quality=66.0, latency_ms=5.0, macs=9, bytes=10**6
        )
        if recommended
        else None,
        reason=words.reason,
        runners_up=(),
        notes=("latency is of this computer, and of no phone",),
        variants=(*swept, pruned),
    )
    (folder / "choice.json").write_text(choice.to_json(), encoding="utf-8")
    return choice


def _variant(
    number: int, network: str, width: float, side: int, id: str, words: Words
) -> SweptVariant:
    name = f"{network}:{width:g}@{side}"
    top1 = 50.0 + 10 * width + side / 16
    macs = int(width * width * side * side * 9000)
    return SweptVariant(
        name=name,
        network=network,
        width=width,
        resolution=(side, side),
        classes=3,
        params=int(3e6 * width),
        macs=macs,
        state="built",
        why=None,
        weights=None,
        untrained_because="untrained weights were asked for",
        key=f"key{number}",
        bundle=f"variants/key{number}/bundle",
        manifest_sha256=id,
        seconds=40.0,
        warnings=(words.warning,),
        candidates=tuple(
            _candidate(artifact, form, precision, top1, macs, number)
            for artifact, form, precision in (
                ("onnx_fp32", "onnx", "fp32"),
                (INT8, "executorch", "int8"),
            )
        ),
    )


def _candidate(
    artifact: str, form: str, precision: str, top1: float, macs: int, number: int
) -> Candidate:
    size = int(macs / (20 if precision == "int8" else 5)) + 500_000
    return Candidate(
        artifact=artifact,
        format=form,
        precision=precision,  # type: ignore[arg-type]
        least_bytes=1000,
        bytes=size,
        sha256="b" * 64,
        verified=True,
        photos=8,
        agreement=0.9 if precision == "int8" else 1.0,
        sqnr_db=25.0 if precision == "int8" else None,
        heavy_in_float=2 if precision == "int8" else 0,
        outside=0,
        top1=TopOne(
            percent=top1,
            kind="published",
            these_weights=False,
            source="arXiv 1704.04861",
            photos=None,
            low=None,
            high=None,
        ),
        latencies=(
            ArmLatency(threads=1, p50_ms=5.0, low_ms=4.9, high_ms=5.1, valid=True, reasons=()),
        )
        if artifact == INT8
        else (),
        exceeds=(f"--max-mb 4: {size / 1e6:.2f} MB",) if size > 4e6 else (),
        frontier=number % 2 == 1,
    )


def prove(folder: Path, manifest: Manifest, words: Words, layers: int) -> None:
    """Give a bundle of `make_bundle` the verification.json of a real one."""
    gate = {"gate": words.gate, "measured": "25.0 dB", "required": ">= 24 dB", "passed": True}
    figures = {"photos": 8, "sqnr_db": 25.0, "max_abs": 0.1, "agreement": 0.9, "clear_flips": 0}
    kinds = ("conv", "depthwise", "pointwise", "linear")
    write_json(
        folder / "verification.json",
        {
            "artifacts": {
                one.name: {
                    "seconds": 1.5,
                    "against_float": figures,
                    "own_program_against_float": None,
                    "unverified_reason": None,
                    "checks": [gate],
                }
                for one in manifest.artifacts
            },
            "layers": [
                {
                    "name": words.layer if number == 0 else f"features.{number}.conv",
                    "kind": kinds[number % 4],
                    "input": [8, 32, 32],
                    "output": [8, 32, 32],
                    "params": 232 + number,
                    "macs": 1000 * (number % 7 + 1),
                }
                for number in range(layers)
            ],
            "int8_parts": [
                {
                    "layer": words.layer,
                    "kind": "tensor",
                    "operator": "conv",
                    "share": 0.3,
                    "in_float": True,
                },
                {
                    "layer": "features.2",
                    "kind": "weight",
                    "operator": "conv",
                    "share": 0.1,
                    "in_float": False,
                },
            ],
        },
    )
    record = file_record(folder, "verification.json")
    write_manifest(folder, manifest.model_copy(update={"verification": record}))


def measured(ids: Sequence[str], model: str, *, virtual: bool = False, rounds: int = 6) -> Results:
    """A session in which each bundle was an arm, as one artifact and slower than the one before."""
    made = session([1 + 0.2 * n for n in range(len(ids))], rounds=rounds)
    content: dict[str, Any] = json.loads(made.to_json())
    known = {bundle["id"]: id for bundle, id in zip(content["bundles"], ids, strict=True)}
    for bundle in content["bundles"]:
        bundle["id"] = known[bundle["id"]]
        for artifact in bundle["artifacts"]:
            artifact["name"] = INT8
    (device,) = content["devices"]
    device["device"] |= {
        "kind": "android" if virtual else "host",
        "virtual": virtual,
        "model": model,
    }
    for arm in device["arms"]:
        arm["bundle"], arm["artifact"] = known[arm["bundle"]], INT8
    return Results.model_validate_json(json.dumps(content))
