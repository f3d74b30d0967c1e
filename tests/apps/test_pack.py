"""A bundle as one .zip: what is in it, that it is the same every time, and what is refused.

What the apps make of it, and of hostile ones, their own tests prove on tests/fixtures/packs.
"""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pytest
from app_packs import GOOD
from bundle_factory import make_bundle
from click.testing import CliRunner, Result

from deploy.apps import pack as library
from deploy.apps.pack import pack
from deploy.bundle.open import check_integrity, open_bundle
from deploy.cli import pack as cli
from deploy.support.errors import BundleError, GateError, UserError


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    make_bundle(tmp_path / "tiny")
    return tmp_path / "tiny"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli.pack, [str(each) for each in arguments], catch_exceptions=False)


def test_a_pack_unpacks_into_the_bundle(bundle: Path, tmp_path: Path) -> None:
    packed = pack(bundle)
    assert packed.file == tmp_path / "tiny.zip"
    assert packed.bytes == packed.file.stat().st_size
    with zipfile.ZipFile(packed.file) as archive:
        assert archive.testzip() is None
        entries = archive.infolist()
        archive.extractall(tmp_path / "out")
    assert entries[0].filename == "tiny/manifest.json"
    assert len(entries) == packed.files
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
    check_integrity(open_bundle(tmp_path / "out/tiny"))
    for file in bundle.rglob("*"):
        if file.is_file():
            unpacked = tmp_path / "out/tiny" / file.relative_to(bundle)
            assert unpacked.read_bytes() == file.read_bytes()


def test_the_stored_pack_is_what_packing_it_again_gives(tmp_path: Path) -> None:
    with zipfile.ZipFile(GOOD) as archive:
        archive.extractall(tmp_path)
    for file in (tmp_path / "tiny").rglob("*"):
        # Neither times nor permissions count.
        os.utime(file, (2e9, 2e9))
    (tmp_path / "tiny/labels.txt").chmod(0o600)
    pack(tmp_path / "tiny")
    assert (tmp_path / "tiny.zip").read_bytes() == GOOD.read_bytes()


def test_what_an_app_would_refuse_is_refused_before(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BundleError, match="is no name for a bundle in an app"):
        pack(bundle.rename(bundle.with_name("_tiny")))
    bundle.with_name("_tiny").rename(bundle)
    monkeypatch.setattr(library, "_MOST_BYTES", 100)
    with pytest.raises(BundleError, match="too much for an app to import"):
        pack(bundle)


def test_an_altered_bundle_is_refused_and_the_old_pack_stays(bundle: Path, tmp_path: Path) -> None:
    before = pack(bundle).sha256
    whole = (bundle / "tiny_fp32.onnx").read_bytes()
    (bundle / "tiny_fp32.onnx").write_bytes(b"x")
    with pytest.raises(GateError, match=r"tiny_fp32\.onnx"):
        pack(bundle)
    with pytest.raises(UserError, match="is a folder"):
        pack(bundle, tmp_path)
    (bundle / "tiny_fp32.onnx").write_bytes(whole)
    assert pack(bundle).sha256 == before
    assert [each.name for each in tmp_path.iterdir()] == ["tiny", "tiny.zip"]


def test_the_command_tells_what_it_wrote(bundle: Path, tmp_path: Path) -> None:
    done = run(bundle)
    assert done.exit_code == 0
    assert "tiny.zip" in done.stdout
    assert "Import a bundle" in done.stdout
    facts = json.loads(run(bundle, "-o", tmp_path / "other.zip", "--json").stdout)
    assert facts["path"] == str(tmp_path / "other.zip")
    assert (tmp_path / "other.zip").read_bytes() == (tmp_path / "tiny.zip").read_bytes()
    assert facts["bytes"] == (tmp_path / "other.zip").stat().st_size
