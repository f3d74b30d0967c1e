"""Opening a bundle, and refusing by name one that is not what its manifest says."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bundle_factory import LABELS, SIDE, make_bundle

from deploy.bundle.open import check_integrity, open_bundle
from deploy.bundle.write import check_target, file_record, write_floats
from deploy.support.errors import BundleError, DeployError, GateError

FILES = [
    "manifest.json",
    "labels.txt",
    "verification.json",
    "tiny_fp32.onnx",
    "tiny_int8.pte",
    "tiny_int8.mlpackage/Manifest.json",
    "tiny_int8.mlpackage/Data/model.mlmodel",
    "golden/0.png",
    "golden/0.rgb",
    "golden/logits_float.f32",
    "golden/logits_executorch_int8.f32",
    "golden/logits_coreml_int8.f32",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_bundle(tmp_path / "bundle", photos=2)
    return tmp_path / "bundle"


def refusal(folder: Path) -> str:
    """The line with which opening the bundle, or else checking it, refuses it."""
    with pytest.raises(DeployError) as caught:
        check_integrity(open_bundle(folder))
    line = str(caught.value)
    assert line.isprintable()
    assert ": " in line, "says what to do"
    return line


def edit_manifest(folder: Path, change: Callable[[Any], object]) -> None:
    path = folder / "manifest.json"
    content = json.loads(path.read_bytes())
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def test_a_whole_bundle_opens_and_gives_what_was_put_in(tmp_path: Path) -> None:
    manifest = make_bundle(tmp_path / "bundle", seed=3)
    bundle = open_bundle(tmp_path / "bundle")
    check_integrity(bundle)
    assert bundle.manifest == manifest
    assert bundle.labels == LABELS
    assert bundle.path_of(bundle.artifact("onnx_fp32")) == tmp_path / "bundle" / "tiny_fp32.onnx"

    crops = bundle.golden_crops()
    assert crops.dtype == np.uint8
    assert crops.shape == (8, SIDE, SIDE, 3)
    assert crops[5].tobytes() == (tmp_path / "bundle" / "golden" / "5.rgb").read_bytes()

    for logits, file in [
        (bundle.golden_logits_float(), "logits_float"),
        (bundle.golden_logits("coreml_int8"), "logits_coreml_int8"),
    ]:
        assert logits.dtype == np.float32
        assert logits.shape == (8, len(LABELS))
        stored = (tmp_path / "bundle" / "golden" / f"{file}.f32").read_bytes()
        assert logits.astype("<f4").tobytes() == stored


def test_the_list_of_files_below_is_the_whole_bundle(folder: Path) -> None:
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == {*FILES, "golden/1.png", "golden/1.rgb"}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("position", [0, -1])
def test_a_flipped_bit_is_refused(folder: Path, file: str, position: int) -> None:
    data = bytearray((folder / file).read_bytes())
    data[position] ^= 0x40
    (folder / file).write_bytes(data)
    assert file.partition("mlpackage/")[0] in refusal(folder)


@pytest.mark.parametrize("file", FILES)
def test_a_missing_file_is_refused(folder: Path, file: str) -> None:
    (folder / file).unlink()
    assert file.partition("mlpackage/")[0] in refusal(folder)


@pytest.mark.parametrize("file", FILES)
def test_a_file_with_more_at_its_end_is_refused(folder: Path, file: str) -> None:
    with (folder / file).open("ab") as opened:
        opened.write(b"x")
    assert file.partition("mlpackage/")[0] in refusal(folder)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("outside", [True, False])
def test_a_link_in_a_files_place_is_refused_even_to_the_same_bytes(
    folder: Path, file: str, outside: bool
) -> None:
    moved = folder.parent / "moved" if outside else folder / "moved"
    (folder / file).rename(moved)
    (folder / file).symlink_to(moved)
    assert "link" in refusal(folder) or "moved" in refusal(folder)


@pytest.mark.parametrize("name", ["golden", "tiny_int8.mlpackage", "tiny_int8.mlpackage/Data"])
def test_a_link_in_a_folders_place_is_refused(folder: Path, name: str) -> None:
    (folder / name).rename(folder.parent / "moved")
    (folder / name).symlink_to(folder.parent / "moved")
    assert f"{name} in" in refusal(folder)
    assert "is a link" in refusal(folder)


def test_golden_files_are_not_read_when_altered(folder: Path) -> None:
    path = folder / "golden" / "0.rgb"
    path.write_bytes(bytes(reversed(path.read_bytes())))
    with pytest.raises(GateError, match=r"golden/0\.rgb .* another SHA-256"):
        open_bundle(folder).golden_crops()


def test_a_size_that_differs_is_told_in_bytes(folder: Path) -> None:
    edit_manifest(folder, lambda content: content["artifacts"][2].update(bytes=241))
    assert "has 240 bytes, the manifest says 241" in refusal(folder)


def test_golden_files_are_not_read_through_a_link(folder: Path) -> None:
    (folder / "golden").rename(folder.parent / "moved")
    (folder / "golden").symlink_to(folder.parent / "moved")
    with pytest.raises(GateError, match="is a link"):
        open_bundle(folder).golden_crops()


@pytest.mark.parametrize("file", FILES)
def test_a_pipe_in_a_files_place_is_refused_without_waiting_on_it(folder: Path, file: str) -> None:
    (folder / file).unlink()
    os.mkfifo(folder / file)
    assert f"{file} in" in refusal(folder)
    assert "neither a file nor a folder" in refusal(folder)


@pytest.mark.parametrize(
    "file",
    ["notes.txt", ".DS_Store", "golden/2.rgb", "tiny_int8.mlpackage/more", "a\nb", "x\udcff", "-r"],
)
def test_a_file_that_the_manifest_does_not_name_is_refused(folder: Path, file: str) -> None:
    (folder / file).write_bytes(b"")
    with pytest.raises(GateError):
        check_integrity(open_bundle(folder))
    refusal(folder)


def test_a_file_in_a_folders_place_is_refused(folder: Path) -> None:
    shutil.rmtree(folder / "tiny_int8.mlpackage")
    (folder / "tiny_int8.mlpackage").write_bytes(b"")
    assert "tiny_int8.mlpackage in" in refusal(folder)


def test_a_folder_in_a_files_place_is_refused(folder: Path) -> None:
    (folder / "labels.txt").unlink()
    (folder / "labels.txt").mkdir()
    assert "labels.txt in" in refusal(folder)


def test_names_that_differ_in_case_alone_are_refused(folder: Path) -> None:
    package = folder / "tiny_int8.mlpackage"
    (package / "MANIFEST.json").write_bytes(b"")
    if len(os.listdir(package)) == 2:
        pytest.skip("needs a file system that tells upper from lower case")
    assert "in case alone" in refusal(folder)


def test_a_newer_schema_is_refused(folder: Path) -> None:
    edit_manifest(folder, lambda content: content.update(schema_version=3))
    assert "schema 3, this one reads 2" in refusal(folder)


def test_a_path_out_of_the_folder_is_refused(folder: Path) -> None:
    shutil.copy(folder / "labels.txt", folder.parent)
    edit_manifest(folder, lambda content: content["labels"].update(file="../labels.txt"))
    assert "labels.file" in refusal(folder)


def test_a_truncated_manifest_is_refused(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BundleError, match="is not JSON"):
        open_bundle(folder)


def test_what_is_not_a_bundle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path, tmp_path / "file", tmp_path / "missing", tmp_path / "no" / "where"):
        with pytest.raises(BundleError, match=path.name):
            open_bundle(path)


def test_a_link_to_a_bundle_opens(folder: Path) -> None:
    link = folder.with_name("link")
    link.symlink_to(folder)
    check_integrity(open_bundle(link))


@pytest.mark.parametrize(
    "text", [b"cat\ndog\n", b"cat\ndog\ndog\n", b"cat\n\ndog\n", b"cat\ndog\n\xff\n"]
)
def test_labels_that_are_not_distinct_lines_are_refused(folder: Path, text: bytes) -> None:
    (folder / "labels.txt").write_bytes(text)
    record = file_record(folder, "labels.txt").model_dump()
    edit_manifest(folder, lambda content: content["labels"].update(record))
    with pytest.raises(BundleError, match=r"labels\.txt .* distinct lines"):
        open_bundle(folder)


@pytest.mark.parametrize("values", [np.zeros(5, "<f4"), np.zeros(7, "<f4"), np.full(6, np.nan)])
def test_golden_logits_of_another_size_or_not_finite_are_refused(
    folder: Path, values: np.ndarray
) -> None:
    path = folder / "golden" / "logits_float.f32"
    path.write_bytes(values.astype("<f4").tobytes())
    record = file_record(folder, "golden/logits_float.f32").model_dump()
    edit_manifest(folder, lambda content: content["golden"].update(logits_float=record))
    with pytest.raises(GateError, match=r"golden/logits_float\.f32"):
        open_bundle(folder).golden_logits_float()


def test_floats_that_are_not_finite_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="finite"):
        write_floats(tmp_path / "x.f32", [1.0, float("nan")])


def test_asking_for_what_is_not_there_names_what_is(folder: Path) -> None:
    bundle = open_bundle(folder)
    with pytest.raises(BundleError, match="onnx_fp32, executorch_int8, coreml_int8"):
        bundle.artifact("onnx_int8")
    with pytest.raises(BundleError, match="onnx_fp32"):
        bundle.golden_logits("onnx_fp32")


def test_a_path_that_no_runtime_takes_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    make_bundle(folder)
    with pytest.raises(BundleError, match=r"caf\? is not UTF-8: rename that folder"):
        open_bundle(folder)
    with pytest.raises(BundleError, match="is not UTF-8"):
        check_target(folder.parent / os.fsdecode(b"other\xe9"))
