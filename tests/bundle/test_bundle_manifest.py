"""The manifest: what it says is read back, and what it must not say is refused by name."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from bundle_factory import make_bundle
from places import ROOT
from pydantic import ValidationError

from deploy.bundle.manifest import Input, Manifest
from deploy.bundle.parse import MAX_MANIFEST_BYTES, parse_manifest
from deploy.support.errors import BundleError
from deploy.support.json_text import json_text

SCHEMA = ROOT / "docs/schema" / "manifest.schema.json"


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return make_bundle(tmp_path_factory.mktemp("manifest") / "bundle")


def refusal(data: bytes) -> str:
    """The one line with which these bytes are refused."""
    with pytest.raises(BundleError) as caught:
        parse_manifest(data, "here")
    line = str(caught.value)
    assert line.isprintable(), "a message is one line, and safe on a terminal"
    assert len(line) < 1000
    return line


def changed(manifest: Manifest, path: str, value: Any) -> bytes:
    """The manifest's JSON with the value at `path`, such as "labels.count", replaced."""
    content = json.loads(manifest.to_json())
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    holder = content
    for part in parents:
        holder = holder[part]
    holder[last] = value
    return json.dumps(content).encode()


def test_reading_gives_back_what_was_written(manifest: Manifest) -> None:
    text = manifest.to_json()
    again = parse_manifest(text.encode(), "here")
    assert again == manifest
    assert again.to_json() == text
    assert text.endswith("}\n")


def test_operators_are_written_in_one_order_however_they_were_counted(manifest: Manifest) -> None:
    assert list(manifest.artifacts[0].operators.inside) == ["add", "conv"]


def test_the_published_schema_is_the_codes() -> None:
    published = SCHEMA.read_text(encoding="utf-8")
    assert published == json_text(Manifest.json_schema()), (
        "run: python -m deploy.bundle.manifest > docs/schema/manifest.schema.json"
    )


def test_every_field_is_described_in_the_schema() -> None:
    content = Manifest.json_schema()
    records = content["$defs"]
    for name, record in [("Manifest", content), *records.items()]:
        for field, says in record["properties"].items():
            # A field that says what its record says refers to it alone.
            referred = records.get(says.get("$ref", "").removeprefix("#/$defs/"), {})
            assert says.get("description", referred.get("description")), f"{name}.{field}"


def test_input_gives_the_preprocessing_that_it_was_made_of(manifest: Manifest) -> None:
    assert Input.of(manifest.input.preprocessing()) == manifest.input


def test_a_newer_schema_is_refused_before_anything_else_is_read() -> None:
    line = refusal(b'{"schema_version": 3, "what": "of tomorrow"}')
    assert "newer mobile-deploy (schema 3, this one reads 2): upgrade" in line


@pytest.mark.parametrize("version", [0, -1, True, "1", None, 1.5])
def test_what_is_no_known_schema_is_refused(manifest: Manifest, version: object) -> None:
    assert "schema_version" in refusal(changed(manifest, "schema_version", version))


@pytest.mark.parametrize(
    "path",
    [
        "../labels.txt",
        "golden/../../x",
        "/etc/passwd",
        "C:/labels.txt",
        "C:labels.txt",
        "golden\\0.png",
        "\\\\host\\share",
        "a\0b",
        "",
        ".",
        "..",
        "./labels.txt",
        "golden//0.png",
        "golden/",
        ".hidden",
        "-rf",
        "a\n",
        "a" * 256,
    ],
)
@pytest.mark.parametrize("field", ["labels.file", "artifacts.0.file", "golden.photos.0.rgb"])
def test_a_path_that_could_leave_the_folder_is_refused(
    manifest: Manifest, field: str, path: str
) -> None:
    assert field in refusal(changed(manifest, field, path))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("golden.photos.0.rgb", "labels.txt"),
        ("golden.photos.0.rgb", "LABELS.txt"),
        ("golden.photos.0.rgb", "tiny_int8.mlpackage/Manifest.json"),
        ("verification.file", "manifest.json"),
        ("artifacts.0.name", "executorch_INT8"),
        ("golden.logits.0.artifact", "coreml_int8"),
        ("golden.logits.0.artifact", "onnx_fp32"),
    ],
)
def test_what_is_there_twice_is_refused(manifest: Manifest, field: str, value: str) -> None:
    refusal(changed(manifest, field, value))


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("network.classes", 1, "a classifier has two classes or more"),
        ("network.classes", 4, "classes and labels differ"),
        ("network.resolution", [4, 5], "resolution and crop differ"),
        ("input.crop", [3, 3], "shape is not"),
        ("input.shape", [True, 3, 4, 4], "input.shape.0"),
        ("input.resize", [4, 3], "the crop is larger"),
        ("input.std", [0.2, 0.0, 0.2], "input.std.1"),
        ("input.mean", [0.5, 0.5], "input.mean"),
        ("golden.count", 7, "count is not the number of photos"),
        ("artifacts.0.backend", "xnnpack", "onnx runs on onnxruntime-cpu"),
        ("artifacts.0.verified", False, "unverified_reason"),
        ("artifacts.0.unverified_reason", "not run", "unverified_reason"),
        ("artifacts.0.sha256", "A" * 64, "artifacts.0.sha256"),
        ("artifacts.0.bytes", 2**53, "artifacts.0.bytes"),
        ("artifacts.0.bytes", "100", "artifacts.0.bytes"),
        ("artifacts.0.measured.agreement", 1.5, "artifacts.0.measured.agreement"),
        ("artifacts.0.operators.outside", {"add": 0}, "artifacts.0.operators.outside.add"),
        ("artifacts", [], "artifacts"),
        ("weights.file", "mine.pth", "file and sha256 go together"),
        ("tool.name", "another-tool", "tool.name"),
        ("network.name", "\x1b[2Jcleared", "network.name"),
        ("network.name", "two\nlines", "network.name"),
        ("\x1b[2J\nfield", 1, "Extra inputs"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_field(
    manifest: Manifest, field: str, value: object, says: str
) -> None:
    assert says in refusal(changed(manifest, field, value))


def test_a_missing_field_is_refused_by_name(manifest: Manifest) -> None:
    content = json.loads(manifest.to_json())
    del content["artifacts"][1]["runtime"]["rule"]
    assert "artifacts.1.runtime.rule" in refusal(json.dumps(content).encode())


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" * 5000])
def test_a_number_that_is_not_finite_is_refused(manifest: Manifest, number: str) -> None:
    text = manifest.to_json().replace('"sqnr_db": 23.5', f'"sqnr_db": {number}', 1)
    assert number in text
    refusal(text.encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"1",
        b"\xff\xfe{}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'"\\ud800"',
        b" " * (MAX_MANIFEST_BYTES + 1),
        b'{"schema_version": ' + b"9" * 4000 + b"}",
    ],
    ids=range(10),
)
def test_what_is_not_a_manifest_is_refused_in_one_line(data: bytes) -> None:
    refusal(data)


def test_a_name_that_is_there_twice_in_one_object_is_refused(manifest: Manifest) -> None:
    text = manifest.to_json().replace('"macs": 9', '"macs": 9, "macs": 9')
    assert "a name is there twice" in refusal(text.encode())


def test_a_truncated_manifest_is_refused(manifest: Manifest) -> None:
    whole = manifest.to_json().encode()
    for length in range(0, len(whole) - 2, 97):
        refusal(whole[:length])


def test_a_manifest_cannot_be_made_with_a_number_that_is_not_finite(manifest: Manifest) -> None:
    content = copy.deepcopy(manifest.model_dump())
    content["artifacts"][0]["measured"]["sqnr_db"] = float("inf")
    with pytest.raises(ValidationError, match="finite"):
        Manifest.model_validate(content)
