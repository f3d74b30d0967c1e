"""Putting bundles into an app's project: what is copied, replaced, listed, removed and refused."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from bundle_factory import make_bundle
from click.testing import CliRunner, Result
from places import ROOT

from deploy.apps import projects, stage
from deploy.bundle.open import check_integrity, open_bundle
from deploy.cli import app as cli
from deploy.support.errors import BundleError, GateError, UserError
from deploy.support.reporter import Reporter
from deploy.verification.bundle import Verified

ANDROID, IOS = (projects.APPS[name] for name in ("android", "ios"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder that is each app's project, as far as staging looks at it."""
    for app in projects.APPS.values():
        marker = tmp_path / "project" / app.marker
        marker.parent.mkdir(parents=True)
        marker.touch()
    return tmp_path / "project"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    make_bundle(tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.fixture
def hashes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny bundle's artifacts are no networks: of the proof only the files' hashes are left."""

    def verify(folder: Path, reporter: Reporter | None) -> Verified:
        bundle = open_bundle(folder)
        check_integrity(bundle)
        return Verified(
            bundle=bundle, checks=(), statistics={}, agreement={}, skipped=(), emulated=()
        )

    monkeypatch.setattr(stage, "verify", verify)


def files(folder: Path) -> set[str]:
    return {each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file()}


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli.app, [str(each) for each in arguments], catch_exceptions=False)


@pytest.mark.usefixtures("hashes_alone")
def test_only_what_the_app_reads_is_copied_and_its_size_is_told(
    bundle: Path, project: Path
) -> None:
    staged = stage.stage(bundle, ANDROID, project)
    assert staged.folder == project / "app/src/main/assets/bundles/tiny"
    assert files(staged.folder) == {
        "manifest.json",
        "labels.txt",
        "tiny_fp32.onnx",
        "tiny_int8.pte",
        "golden/logits_float.f32",
        "golden/logits_executorch_int8.f32",
        *(f"golden/{photo}.rgb" for photo in range(8)),
    }
    assert staged.artifacts == ("onnx_fp32", "executorch_int8")
    assert staged.bytes == sum(
        (staged.folder / name).stat().st_size for name in files(staged.folder)
    )
    # The harness knows a bundle by this hash.
    digests = {
        hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
        for folder in (bundle, staged.folder)
    }
    assert len(digests) == 1


@pytest.mark.usefixtures("hashes_alone")
def test_a_package_is_copied_as_the_folder_that_it_is(bundle: Path, project: Path) -> None:
    staged = stage.stage(bundle, IOS, project)
    assert staged.artifacts == ("executorch_int8", "coreml_int8")
    assert {name for name in files(staged.folder) if "/" in name and "golden" not in name} == {
        "tiny_int8.mlpackage/Manifest.json",
        "tiny_int8.mlpackage/Data/model.mlmodel",
    }
    assert not (staged.folder / "tiny_fp32.onnx").exists()
    assert (staged.folder / "golden/logits_coreml_int8.f32").exists()


def test_each_app_has_its_command(project: Path) -> None:
    for name, app in projects.APPS.items():
        done = run(name, "--list", "--project", project, "--json")
        assert json.loads(done.stdout)["app"] == app.name
        assert (projects.project_of(app, None) / app.marker).is_file()


@pytest.mark.usefixtures("hashes_alone")
def test_a_bundle_of_the_same_name_is_replaced_whole(bundle: Path, project: Path) -> None:
    stage.stage(bundle, ANDROID, project)
    before = (project / ANDROID.bundles / "tiny/tiny_fp32.onnx").read_bytes()
    make_bundle(bundle.parent / "other" / "tiny", seed=1)
    staged = stage.stage(bundle.parent / "other" / "tiny", ANDROID, project)
    assert (staged.folder / "tiny_fp32.onnx").read_bytes() != before
    assert [each.name for each in staged.folder.parent.iterdir()] == ["tiny"]


@pytest.mark.usefixtures("hashes_alone")
def test_an_altered_bundle_is_refused_and_the_old_one_stays(bundle: Path, project: Path) -> None:
    stage.stage(bundle, ANDROID, project)
    (bundle / "tiny_fp32.onnx").write_bytes(b"x")
    with pytest.raises(GateError, match=r"tiny_fp32\.onnx .* bytes"):
        stage.stage(bundle, ANDROID, project)
    assert stage.staged_bundles(ANDROID, project)[0].problem is None


def test_artifacts_that_do_not_run_are_refused_by_the_real_proof(
    bundle: Path, project: Path
) -> None:
    with pytest.raises((GateError, BundleError)):
        stage.stage(bundle, ANDROID, project)
    assert stage.staged_bundles(ANDROID, project) == ()


@pytest.mark.usefixtures("hashes_alone")
@pytest.mark.parametrize("name", ["_hidden", "with space", "-option", "grün"])
def test_a_name_that_the_packager_drops_is_refused(name: str, bundle: Path, project: Path) -> None:
    renamed = bundle.rename(bundle.with_name(name))
    with pytest.raises(BundleError, match="is no name for a bundle in an app: rename the folder"):
        stage.stage(renamed, ANDROID, project)


@pytest.mark.usefixtures("hashes_alone")
def test_a_bundle_without_anything_for_the_app_is_refused(bundle: Path, project: Path) -> None:
    lacking = replace(ANDROID, formats=())
    with pytest.raises(BundleError, match="has nothing that the Android app runs"):
        stage.stage(bundle, lacking, project)


@pytest.mark.usefixtures("hashes_alone")
def test_bundles_are_listed_with_their_problems_and_removed(bundle: Path, project: Path) -> None:
    stage.stage(bundle, ANDROID, project)
    broken = project / ANDROID.bundles / "broken"
    broken.mkdir()
    (broken / "manifest.json").write_text('{"schema_version": 99}')
    listed = {each.name: each for each in stage.staged_bundles(ANDROID, project)}
    assert listed["tiny"].problem is None
    assert "newer mobile-deploy" in (listed["broken"].problem or "")
    assert stage.remove("broken", ANDROID, project).name == "broken"
    assert [each.name for each in (project / ANDROID.bundles).iterdir()] == ["tiny"]


@pytest.mark.usefixtures("hashes_alone")
@pytest.mark.parametrize("name", ["gone", "../bundles/tiny", ".", "", "/"])
def test_only_a_bundle_that_is_there_can_be_removed(name: str, bundle: Path, project: Path) -> None:
    stage.stage(bundle, ANDROID, project)
    with pytest.raises(UserError, match=r"has no bundle .*tiny"):
        stage.remove(name, ANDROID, project)
    assert len(stage.staged_bundles(ANDROID, project)) == 1


def test_the_project_is_the_repositorys_own_unless_another_is_given(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root = ROOT
    assert projects.project_of(ANDROID, None) == root / "android_demo"
    assert projects.project_of(ANDROID, project) == project
    with pytest.raises(UserError, match=r"has no app/build\.gradle\.kts"):
        projects.project_of(ANDROID, tmp_path)
    monkeypatch.setattr(projects, "_REPOSITORY", tmp_path / "site-packages")
    with pytest.raises(UserError, match="with --project, or have one written with --new DIR"):
        projects.project_of(ANDROID, None)


@pytest.mark.usefixtures("hashes_alone")
def test_the_command_puts_in_lists_and_removes(bundle: Path, project: Path) -> None:
    done = run("android", bundle, "--project", project)
    assert done.exit_code == 0
    assert "tiny    onnx_fp32, executorch_int8" in done.stdout
    assert "gradle :app:installBenchmark" in done.stdout
    facts = json.loads(run("android", "--list", "--project", project, "--json").stdout)
    assert [each["name"] for each in facts["bundles"]] == ["tiny"]
    assert facts["bundles"][0]["bytes"] > 0
    facts = json.loads(run("android", "--remove", "tiny", "--project", project, "--json").stdout)
    assert (facts["removed"], facts["bundles"]) == ("tiny", [])
    assert "no bundles in" in run("android", "--list", "--project", project).stdout


def test_the_command_wants_one_thing_at_a_time(project: Path, bundle: Path) -> None:
    for arguments in ([], [bundle, "--list"], ["--list", "--remove", "tiny"]):
        done = run("android", *arguments, "--project", project)
        assert done.exit_code == 2
        assert "give bundles to put in, --new DIR, --list, or --remove NAME" in done.output
    done = run("android", bundle, "--new", project.parent / "mine", "--project", project)
    assert done.exit_code == 2
    assert "give no other option with it" in done.output


@pytest.mark.usefixtures("hashes_alone")
@pytest.mark.parametrize("app", projects.APPS.values(), ids=lambda app: app.name)
def test_a_new_project_is_whole_with_its_bundle(
    app: projects.App, bundle: Path, tmp_path: Path
) -> None:
    new = tmp_path / "mine"
    done = run(app.name, bundle, "--new", new, "--json")
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert (facts["project"], [each["name"] for each in facts["bundles"]]) == (str(new), ["tiny"])
    assert projects.project_of(app, new) == new
    assert [each.name for each in tmp_path.iterdir() if ".part" in each.name] == []
    tracked = subprocess.run(
        ["git", "ls-files", app.folder], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    if not tracked:
        pytest.skip("git does not list this repository's files")
    # All that is tracked but tests, pages and what formats the sources; and nothing else.
    ours = {
        file.partition("/")[2]
        for file in tracked
        if not re.search(r"/src/test/|/Tests/|README\.md$|\.swift-format$", file)
    }
    written = {name for name in files(new) if not name.startswith(f"{app.bundles}/tiny/")}
    assert written == ours
    for name in ours:
        assert (new / name).read_bytes() == (ROOT / app.folder / name).read_bytes(), name


@pytest.mark.usefixtures("hashes_alone")
def test_a_new_project_without_a_bundle_has_the_default_one(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(bundle, tmp_path / "bundles/mobilenet_v2")
    facts = json.loads(run("ios", "--new", "mine", "--json").stdout)
    assert [each["name"] for each in facts["bundles"]] == ["mobilenet_v2"]


@pytest.mark.usefixtures("hashes_alone")
def test_a_new_project_replaces_nothing_and_is_written_whole_or_not_at_all(
    bundle: Path, project: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="is there already: give --new another folder"):
        run("android", bundle, "--new", project)
    with pytest.raises(UserError, match="is the current folder"):
        run("android", bundle, "--new", "")
    (bundle / "tiny_fp32.onnx").write_bytes(b"x")
    with pytest.raises(GateError):
        run("android", bundle, "--new", tmp_path / "mine")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["project", "tiny"]


def test_the_wheel_carries_what_a_new_project_needs() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = settings["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["only-include"] == ["deploy", "models"] + [
        f"{app.folder}/{file}" for app in projects.APPS.values() for file in app.files
    ]
    folders = [app.folder for app in projects.APPS.values()]
    assert wheel["sources"] == {folder: f"deploy/apps/{folder}" for folder in folders}
    # It would leave a folder `deploy` beside the packages of an editable installation.
    assert "force-include" not in wheel
