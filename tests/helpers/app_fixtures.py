"""What the Python code and the apps in Kotlin and Swift must agree on, as small stored files.

The apps' tests read tests/fixtures; tests/apps/test_app_fixtures.py proves that the files there are
what this module makes of the Python code. Run as a program, it writes them anew:

    PYTHONPATH=. python tests/helpers/app_fixtures.py

The pictures have modules of their own: app_pictures, app_photos for whole files, and
reference_resize for those of resizing; so have packed bundles, app_packs.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from app_packs import refused_packs, write_good
from app_photos import photos, sides
from app_pictures import cmyk, frames, normalized, seen, stored, upright
from places import FIXTURES

from deploy.bundle.manifest import SCHEMA_VERSION, Input, Pixels
from deploy.photos.preprocessing import default_preprocessing
from deploy.protocol.messages import (
    PROTOCOL_VERSION,
    Answer,
    GoldenAnswer,
    GoldenInput,
    Preparation,
    PreparationTimes,
    Request,
    RequestedArtifact,
    RunnerFacts,
    ThermalReading,
    TimedInput,
)
from deploy.statistics.quantiles import median, quantile

MANIFEST = FIXTURES / "manifests" / "good.json"
APP_VERSION = "0.1.0+protocol.3.executorch.1.4.1.onnxruntime.1.23.2"


def fixtures() -> dict[str, bytes]:
    """Every generated file by its path in tests/fixtures; the same bytes every time."""
    return {
        "preprocessing/normalized.json": _json(normalized()),
        "photos/seen.json": _json(seen()),
        **dict(_frames()),
        "exif/upright.rgb": upright().tobytes(),
        "manifests/pixels.json": _json(_of_pixels()),
        "manifests/refused.json": _json(list(_refused_manifests())),
        "packs/refused.json": _json(refused_packs()),
        "photos/files.json": _json(photos()),
        "photos/sides.json": _json(sides()),
        "photos/cmyk.json": _json(cmyk()),
        "topk/cases.json": _json([_ranked(*case) for case in _TOP_K]),
        "order_statistics/cases.json": _json([_ordered(values) for values in _TIMES]),
        **{f"protocol/{name}.json": text.encode() for name, text in protocol().items()},
        "protocol/refused_requests.json": _json(list(_refused_requests())),
        "protocol/refused_preparations.json": _json(list(_refused_preparations())),
    }


def _frames() -> Iterator[tuple[str, bytes]]:
    for name, layout, planes, upright_rgb in frames():
        yield f"yuv/{name}.json", _json(layout)
        yield f"yuv/{name}.yuv", planes
        yield f"yuv/{name}.rgb", upright_rgb


# --- manifests ------------------------------------------------------------------------------

# What is put at a path of the good manifest; None is JSON's null.
_WRONG_VALUES: dict[str, tuple[str, Any]] = {
    "schema zero": ("schema_version", 0),
    "schema as text": ("schema_version", "1"),
    "other tool": ("tool.name", "another-tool"),
    "path leads out": ("artifacts.0.file", "../secret.pte"),
    "path is absolute": ("artifacts.0.file", "/data/secret.pte"),
    "path leads out in the middle": ("labels.file", "golden/../../labels.txt"),
    "path with backslashes": ("golden.photos.0.rgb", "golden\\0.rgb"),
    "path is hidden": ("golden.logits_float.file", ".hidden"),
    "path is empty": ("labels.file", ""),
    "path is too long": ("labels.file", "a" * 256),
    "hash in capitals": ("artifacts.0.sha256", "A" * 64),
    "hash too short": ("labels.sha256", "0" * 63),
    "hash is a number": ("labels.sha256", 0),
    "no classes": ("network.classes", 0),
    "classes in a fraction": ("network.classes", 999.5),
    "classes as text": ("network.classes", "1000"),
    "other number of labels": ("labels.count", 999),
    "negative parameters": ("network.params", -1),
    "integer beyond every reader": ("network.macs", 2**53),
    "huge picture": ("input.resize", [1_000_000_000, 1_000_000_000]),
    "crop larger than resize": ("input.resize", [200, 256]),
    "side of zero": ("input.crop", [0, 224]),
    "three sides": ("input.crop", [224, 224, 224]),
    "other shape": ("input.shape", [1, 3, 224, 225]),
    "other layout": ("input.layout", "NHWC"),
    "other colours": ("input.colour_order", "BGR"),
    "other filter": ("input.resize_filter", "bicubic"),
    "two means": ("input.mean", [0.5, 0.5]),
    "division by zero": ("input.std", [0.5, 0, 0.5]),
    "mean as text": ("input.mean", ["0.5", 0.5, 0.5]),
    "scale of zero": ("input.scale", 0),
    "artifacts as object": ("artifacts", {}),
    "artifact is null": ("artifacts.0", None),
    "unknown format": ("artifacts.0.format", "tflite"),
    "unknown precision": ("artifacts.0.precision", "int4"),
    "unknown rule": ("artifacts.0.runtime.rule", "about"),
    "artifact of no bytes": ("artifacts.0.bytes", 0),
    "verified as text": ("artifacts.0.verified", "true"),
    "unverified without reason": ("artifacts.0.verified", False),
    "agreement above one": ("artifacts.0.measured.agreement", 1.5),
    "artifact twice": ("artifacts.0.name", "onnx-fp32"),
    "control characters": ("artifacts.0.runtime.version", "1.4\u001b[2J"),
    "golden count": ("golden.count", 3),
    "golden logits of a stranger": ("golden.logits.0.artifact", "stranger"),
    "golden logits missing": ("golden.logits", []),
    "toolkits as list": ("toolkits", ["torch"]),
}
_MISSING = ("schema_version", "network", "input.scale", "artifacts.0.output", "golden.logits_float")


def _refused_manifests() -> Iterator[dict[str, str]]:
    good = _short(json.loads(MANIFEST.read_text(encoding="utf-8")))
    plain = json.dumps(good)
    without_logits = _changed(good, "golden.logits", [])
    texts: dict[str, tuple[str, str]] = {
        "empty": ("", "broken"),
        "not JSON": ("<html>", "broken"),
        "cut off": (plain[: len(plain) // 2], "broken"),
        "a list": (f"[{plain}]", "broken"),
        "more after it": (f"{plain} {plain}", "broken"),
        "nested without end": ("[" * 50_000, "broken"),
        "not a number": (plain.replace("0.485", "NaN"), "broken"),
        "infinite": (plain.replace("0.485", "1e999"), "broken"),
        "no artifacts": (_changed(json.loads(without_logits), "artifacts", []), "broken"),
        "newer": (_changed(good, "schema_version", SCHEMA_VERSION + 1), "newer"),
        "newer, with nothing we know": ('{"schema_version": 99}', "newer"),
    }
    for name, (path, value) in _WRONG_VALUES.items():
        texts[name] = (_changed(good, path, value), "broken")
    for path in _MISSING:
        texts[f"without {path}"] = (_without(good, path), "broken")
    for name, (path, value) in _WRONG_PIXELS.items():
        texts[name] = (_changed(_of_pixels(), path, value), "broken")
    for name, (text, problem) in texts.items():
        yield {"name": name, "text": text, "problem": problem}


# The same of a manifest of pixels.
_WRONG_PIXELS: dict[str, tuple[str, Any]] = {
    "unknown kind of input": ("artifacts.0.input.kind", "video"),
    "pixels that are not described": ("artifacts.0.input.pixels", None),
    "pixels of floats": ("artifacts.0.input.pixels.dtype", "float32"),
    "pixels by planes": ("artifacts.0.input.pixels.memory", "NCHW"),
    "pixels of other colours": ("artifacts.0.input.pixels.channel_order", "BGRA"),
    "pixels of no alpha": ("artifacts.0.input.pixels.alpha", 0),
    "pixels with another zero": ("artifacts.0.input.pixels.zero", 0),
    "pixels of three channels": ("artifacts.0.input.shape", [1, 3, 224, 224]),
    "pixels in a schema of before": ("schema_version", 1),
}


def _of_pixels() -> dict[str, Any]:
    """The good manifest, its first artifacts a .pte and an .onnx of pixels."""
    manifest = _short(json.loads(MANIFEST.read_text(encoding="utf-8")))
    for artifact in manifest["artifacts"]:
        signed = artifact["format"] == "executorch"
        artifact["input"] |= {
            "kind": "pixels",
            "shape": [1, 4, 224, 224] if signed else [1, 224, 224, 4],
            "pixels": Pixels.of("int8" if signed else "uint8").model_dump(),
        }
    return manifest | {"schema_version": SCHEMA_VERSION}


def _short(manifest: dict[str, Any]) -> dict[str, Any]:
    """As good a manifest with three artifacts alone, of which many variants stay small."""
    artifacts = [{**each, "operators": _NO_OPERATORS} for each in manifest["artifacts"][:3]]
    logits = manifest["golden"]["logits"][:1]
    return manifest | {
        "artifacts": artifacts,
        "golden": manifest["golden"] | {"logits": logits},
    }


_NO_OPERATORS: dict[str, Any] = {"inside": {}, "outside": {}, "float_on_purpose": []}


# --- top-k and order statistics -------------------------------------------------------------

_TOP_K: list[tuple[list[float], int]] = [
    ([0.5, 3.0, -1.0, 2.0], 2),
    ([1.0, 2.0, 2.0, 2.0, 0.0], 3),
    ([0.0, -0.0, 0.0], 2),
    ([1.0, 2.0], 5),
    ([float("nan"), 1.0, float("nan"), 3.0], 3),
    ([float("nan")] * 3, 2),
    ([float("inf"), 1.0, float("-inf")], 3),
    ([1000.0, 999.0, -1000.0], 3),
    ([], 5),
]


def _ranked(logits: list[float], k: int) -> dict[str, Any]:
    """The best first, of equal ones the earlier; what is not finite has no place."""
    finite = [index for index, logit in enumerate(logits) if np.isfinite(logit)]
    largest = max((logits[index] for index in finite), default=0.0)
    powers = np.exp([logits[index] - largest for index in finite])
    share = dict(zip(finite, map(_rounded, powers / powers.sum()), strict=True))
    ranked = sorted(finite, key=lambda index: (-logits[index], index))[:k]
    return {
        # JSON has no way to write a NaN as a number.
        "logits": [logit if np.isfinite(logit) else str(logit) for logit in logits],
        "k": k,
        "top": [{"index": index, "probability": share[index]} for index in ranked],
    }


_TIMES = [
    [7],
    [2_000_000, 1_000_000],
    [5, 1, 4, 2, 3],
    [10, 10, 10, 11],
    np.random.default_rng(5).integers(2_000_000, 4_000_000, 101).tolist(),
    # An hour in nanoseconds: sums must not overflow 32 bits.
    [3_600_000_000_000, 3_600_000_000_000, 1],
]


def _ordered(values: list[int]) -> dict[str, Any]:
    times = np.array(values, np.float64)
    return {
        "values": values,
        "median": _rounded(median(times)),
        "quantiles": {str(q): _rounded(quantile(times, q)) for q in (0.0, 0.25, 0.9, 1.0)},
    }


# --- the benchmark protocol -----------------------------------------------------------------


def protocol() -> dict[str, str]:
    """Requests as the harness writes them, answers as a runner does; by the names of the files."""
    return {
        "request_golden": request().to_json(),
        "request_seed": request(
            artifact=_artifact("executorch"),
            threads=0,
            input=TimedInput(golden=None, seed=7),
            golden=(),
            sustained=True,
        ).to_json(),
        "request_pixels": request(
            schema_version=2, shape=(1, 224, 224, 4), pixels=Pixels.of("uint8")
        ).to_json(),
        "request_preparation": request(schema_version=3, preparation=PREPARATION).to_json(),
        "answer_ok": _answer_ok().to_json(),
        "answer_preparation": _answer_ok(
            schema_version=3,
            preparation=PreparationTimes(
                picture=(640, 480),
                crop_ns=(3_000_000, 2_900_000),
                input_ns=(400_000, 410_000),
            ),
        ).to_json(),
        "answer_error": Answer.failed(
            "b-0001", "operator-missing", "Missing operator: aten::hardswish.out"
        ).to_json(),
    }


def request(**changes: object) -> Request:
    """A request as the harness writes one, with some fields changed."""
    fields: dict[str, Any] = {
        "schema_version": 1,
        "id": "b-0001",
        "artifact": _artifact("onnx"),
        "threads": 2,
        "warmup": 5,
        "iterations": 20,
        "shape": (1, 3, 224, 224),
        "input": TimedInput(golden=0, seed=None),
        "golden": tuple(
            GoldenInput(index=index, file=f"golden-{index}.f32", sha256=str(index) * 64)
            for index in (0, 1)
        ),
        "sustained": False,
    }
    return Request(**(fields | changes))


def _artifact(format: str) -> RequestedArtifact:
    onnx = format == "onnx"
    return RequestedArtifact(
        file=f"network-0123456789ab.{'onnx' if onnx else 'pte'}",
        sha256="a" * 64,
        format="onnx" if onnx else "executorch",
        backend="onnxruntime-cpu" if onnx else "xnnpack",
        input="input",
        output="logits",
    )


def _answer_ok(schema_version: int = 1, preparation: PreparationTimes | None = None) -> Answer:
    return Answer(
        schema_version=schema_version,
        id="b-0001",
        status="ok",
        error=None,
        runner=RunnerFacts(
            name="app",
            version=APP_VERSION,
            runtime="ONNX Runtime",
            runtime_version="1.23.2",
        ),
        load_ns=25_000_000,
        first_ns=9_000_000,
        iterations_ns=(4_000_000, 4_100_000, 3_999_999),
        thermal_before=ThermalReading(status=0, headroom=0.5),
        thermal_after=ThermalReading(status=1, headroom=None),
        memory_before_bytes=92 * 2**20,
        memory_peak_bytes=130 * 2**20,
        logits=(
            GoldenAnswer.of(0, np.array([1.5, -2.0, np.nan], np.float32)),
            GoldenAnswer.of(1, np.array([0.0, 3.25, 1e-30], np.float32)),
        ),
        preparation=preparation,
    )


_WRONG_REQUESTS: dict[str, tuple[str, Any]] = {
    "schema zero": ("schema_version", 0),
    "id leads out": ("id", "../b-0001"),
    "id in capitals": ("id", "B-0001"),
    "id begins with a dot": ("id", ".hidden"),
    "id is too long": ("id", "a" * 81),
    "id for a shell": ("id", "b;reboot"),
    "artifact leads out": ("artifact.file", "../../databases/secret"),
    "artifact in a folder": ("artifact.file", "folder/network.pte"),
    "artifact is absolute": ("artifact.file", "/data/local/tmp/network.pte"),
    "golden leads out": ("golden.0.file", "..%2fsecret"),
    "hash in capitals": ("artifact.sha256", "A" * 64),
    "unknown format": ("artifact.format", "tflite"),
    "unknown backend": ("artifact.backend", "nnapi"),
    "negative threads": ("threads", -1),
    "too many threads": ("threads", 65),
    "threads as text": ("threads", "2"),
    "threads in a fraction": ("threads", 1.5),
    "no iterations": ("iterations", 0),
    "no shape": ("shape", []),
    "side of zero": ("shape", [1, 0, 224, 224]),
    "golden and seed": ("input.seed", 7),
    "neither golden nor seed": ("input.golden", None),
    "times what is not there": ("input.golden", 5),
    "golden twice": ("golden.1.index", 0),
    "sustained as text": ("sustained", "false"),
}


def _refused_requests() -> Iterator[dict[str, str]]:
    good = json.loads(request().to_json())
    plain = json.dumps(good)
    texts: dict[str, tuple[str, str]] = {
        "empty": ("", "bad-request"),
        "not JSON": ("adb: not found", "bad-request"),
        "cut off": (plain[:-20], "bad-request"),
        "a number": ("1", "bad-request"),
        "nested without end": ("[" * 50_000, "bad-request"),
        "newer": (_changed(good, "schema_version", PROTOCOL_VERSION + 1), "newer-protocol"),
        "newer, with nothing we know": ('{"schema_version": 99}', "newer-protocol"),
        "without an id": (_without(good, "id"), "bad-request"),
        "without golden": (_without(good, "golden"), "bad-request"),
    }
    for name, (path, value) in _WRONG_REQUESTS.items():
        texts[name] = (_changed(good, path, value), "bad-request")
    for name, (text, kind) in texts.items():
        yield {"name": name, "text": text, "kind": kind}


PREPARATION = Preparation.of(Input.of(default_preprocessing((224, 224))))

_WRONG_PREPARATIONS: dict[str, dict[str, Any]] = {
    "a picture without end": {"picture": [640, 10**9]},
    "a picture of one side": {"picture": [640]},
    "no picture": {"iterations": 0},
    "a std of 0": {"std": [1.0, 0.0, 1.0]},
    "a mean of two channels": {"mean": [0.5, 0.5]},
    "a scale of 0": {"scale": 0.0},
    "iterations as text": {"iterations": "20"},
}


def _refused_preparations() -> Iterator[dict[str, str]]:
    good = json.loads(request(schema_version=3, preparation=PREPARATION).to_json())
    yield {"name": "nothing", "text": _changed(good, "preparation", {})}
    for name, wrong in _WRONG_PREPARATIONS.items():
        text = _changed(good, "preparation", good["preparation"] | wrong)
        yield {"name": name, "text": text}


# --- helpers --------------------------------------------------------------------------------


def _changed(content: Any, path: str, value: Any) -> str:
    return _edited(content, path, lambda place, key: place.__setitem__(key, value))


def _without(content: Any, path: str) -> str:
    return _edited(content, path, lambda place, key: place.__delitem__(key))


def _edited(content: Any, path: str, edit: Callable[[Any, Any], None]) -> str:
    """`content` as JSON after `edit` of the place that `path`, such as artifacts.0.name, names."""
    edited = place = copy.deepcopy(content)
    *parents, last = (int(key) if key.isdigit() else key for key in path.split("."))
    for key in parents:
        place = place[key]
    edit(place, last)
    return json.dumps(edited)


def _rounded(value: float) -> float:
    """To digits that no processor or version of numpy changes."""
    return float(f"{value:.12g}")


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=1, allow_nan=False) + "\n").encode()


def write() -> None:
    """Every fixture anew, the pictures included."""
    from PIL import Image

    write_good()
    for name, data in fixtures().items():
        (FIXTURES / name).parent.mkdir(parents=True, exist_ok=True)
        (FIXTURES / name).write_bytes(data)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        picture = Image.fromarray(stored(orientation))
        picture.save(FIXTURES / "exif" / f"{orientation}.png", exif=exif)


if __name__ == "__main__":
    write()
