"""The Android app: compiled, linked, tested on the JVM and packed, without Gradle.

That needs a folder with a compiler and Android's signatures, which the environment variable
ANDROID_TOOLCHAIN names; its build.py does the work. What Gradle alone reads is checked as text.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from app_fixtures import APP_VERSION, FIXTURES, request
from click.testing import CliRunner
from packaging.requirements import Requirement
from places import ROOT
from small_build import build_here, recipe
from small_photos import write_photos

from deploy.android.app_folders import PACKAGE, PROVIDER
from deploy.android.app_runner import ACTIVITY
from deploy.android.parsers.packages import parse_app_version
from deploy.apps.pack import pack
from deploy.benchmark.staging import stage_bundle
from deploy.bundle.open import Bundle, open_bundle
from deploy.cli import app as cli
from deploy.protocol.answers import parse_answer
from deploy.protocol.messages import (
    PROTOCOL_VERSION,
    Answer,
    Request,
    TimedInput,
    request_version,
)
from deploy.statistics.error_statistics import compare_logits
from deploy.verification.gates import judge_golden, require
from deploy.virtual_phone.commands.content import AUTHORITY

PROJECT = ROOT / "android_demo"
APP = (PROJECT / "app/build.gradle.kts").read_text(encoding="utf-8")
CATALOG = tomllib.loads((PROJECT / "gradle/libs.versions.toml").read_text(encoding="utf-8"))
# What the toolchain runs besides its own jars.
TOOLS = ("java", "javac", "aapt2", "zipalign", "apksigner")
# A compiler that is started once ends before the optimizing of its own code is paid back.
QUICK_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
PACKAGE_SOURCES = "app/src/main/kotlin/dev/mobiledeploy/demo"
MANIFEST = (PROJECT / "app/src/main/AndroidManifest.xml").read_text(encoding="utf-8")


# --- what Gradle reads ----------------------------------------------------------------------


def test_the_runtimes_are_of_the_versions_that_bundles_need() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = {r.name: str(r.specifier) for r in map(Requirement, project["dependencies"])}
    assert pins["executorch"] == f"=={CATALOG['versions']['executorch']}"
    # The first whose libraries Android 15 loads on pages of 16 KB; 1.18 knows opset 20 and IR 10.
    onnxruntime = [int(part) for part in CATALOG["versions"]["onnxruntime"].split(".")]
    assert onnxruntime >= [1, 23]


def test_the_version_name_is_one_that_the_harness_reads() -> None:
    versions = CATALOG["versions"]
    values = {
        "appVersion": re.findall(r'val appVersion = "(.*)"', APP)[0],
        "protocolVersion": re.findall(r"val protocolVersion = (\d+)", APP)[0],
        "executorchVersion": versions["executorch"],
        "onnxruntimeVersion": versions["onnxruntime"],
    }
    template = "".join(re.findall(r'"([^"]*)"', APP.split("versionName =")[1].split("ndk")[0]))
    name = re.sub(r"\$(\w+)", lambda match: values[match[1]], template)
    version = parse_app_version(name)
    assert name == APP_VERSION
    assert version is not None
    assert version.protocol == PROTOCOL_VERSION
    kotlin = PROJECT / PACKAGE_SOURCES / "core/protocol/Request.kt"
    assert f"const val PROTOCOL_VERSION = {PROTOCOL_VERSION}\n" in kotlin.read_text("utf-8")


def test_namespace_sdk_levels_and_abis_are_as_promised() -> None:
    assert f'namespace = "{PACKAGE}"' in APP
    assert f'applicationId = "{PACKAGE}"' in APP
    levels = {name: int(level) for name, level in re.findall(r"(\w+Sdk) = (\d+)", APP)}
    assert levels["minSdk"] == 26
    # Google Play's rule for new apps, from August 2026 on.
    assert levels["targetSdk"] >= 36
    assert levels["compileSdk"] >= levels["targetSdk"]
    assert 'listOf("arm64-v8a", "x86_64")' in APP


def test_every_alias_used_is_in_the_catalog_and_the_other_way_round() -> None:
    scripts = APP + (PROJECT / "build.gradle.kts").read_text(encoding="utf-8")
    used = set(re.findall(r"libs\.([\w.]+?)(?:\.get\(\)|\)|\s)", scripts))
    libraries = {name.replace("-", ".") for name in CATALOG["libraries"]}
    plugins = {f"plugins.{name.replace('-', '.')}" for name in CATALOG["plugins"]}
    versions = {f"versions.{name}" for name in CATALOG["versions"]}
    assert {name for name in used if not name.startswith("versions.")} == libraries | plugins
    assert {name for name in used if name.startswith("versions.")} <= versions
    references = {
        entry["version"]["ref"]
        for table in ("libraries", "plugins")
        for entry in CATALOG[table].values()
    }
    assert references == set(CATALOG["versions"])


def test_the_benchmark_activity_is_the_harnesss_guarded_and_not_in_the_release() -> None:
    declared = re.findall(r"<activity\s([^>]*)/?>", MANIFEST)
    (benchmark,) = [each for each in declared if ".BenchmarkActivity" in each]
    assert f"{PACKAGE}/.BenchmarkActivity" == ACTIVITY
    assert 'android:permission="android.permission.DUMP"' in benchmark
    assert 'android:exported="true"' in benchmark
    release = (PROJECT / "app/src/release/AndroidManifest.xml").read_text(encoding="utf-8")
    assert re.search(r'"\.BenchmarkActivity"\s+tools:node="remove"', release)


def test_the_benchmark_build_is_not_debuggable_and_gives_its_files_to_the_shell_alone() -> None:
    build = APP.split('create("benchmark")')[1].split("androidResources")[0]
    assert 'initWith(getByName("release"))' in build
    assert "isDebuggable" not in APP
    profileable = (PROJECT / "app/src/benchmark/AndroidManifest.xml").read_text("utf-8")
    assert re.search(r'<profileable\s+android:shell="true"', profileable)
    (provider,) = re.findall(r"<provider\s([^>]*)/>", MANIFEST)
    assert f'android:authorities="{PROVIDER.removeprefix("content://")}"' in provider
    assert f"content://{AUTHORITY}" == PROVIDER
    assert 'android:permission="android.permission.DUMP"' in provider
    assert 'android:exported="true"' in provider
    # As the harness reads a row, and as `content write` opens a file in each version of Android.
    kotlin = (PROJECT / PACKAGE_SOURCES / "BenchmarkFiles.kt").read_text(encoding="utf-8")
    assert 'MatrixCursor(arrayOf("name", "bytes", "sha256"))' in kotlin
    assert '"w", "wt" ->' in kotlin
    # The process that is measured is to be another one than is asked for files meanwhile.
    assert 'android:process=":files"' in provider
    release = (PROJECT / "app/src/release/AndroidManifest.xml").read_text(encoding="utf-8")
    assert re.search(r'<provider\s+android:name="\.BenchmarkFiles"\s+tools:node="remove"', release)


def test_gradle_is_the_one_that_the_plugin_was_made_for() -> None:
    wrapper = (PROJECT / "gradle/wrapper/gradle-wrapper.properties").read_text(encoding="utf-8")
    (gradle,) = re.findall(r"^distributionUrl=.*/gradle-([\d.]+)-bin\.zip$", wrapper, re.M)
    # https://developer.android.com/build/releases/gradle-plugin: 8.11 needs 8.13 or later.
    assert (CATALOG["versions"]["androidGradlePlugin"], gradle) == ("8.11.1", "8.14.3")
    workflow = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    assert f'gradle-version: "{gradle}"' in workflow
    ignored = (PROJECT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "gradle/wrapper/gradle-wrapper.jar" in ignored


def test_bundles_in_the_assets_stay_out_of_the_repository() -> None:
    ignored = (PROJECT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "app/src/main/assets/bundles/" in ignored


@pytest.mark.parametrize(
    "layout", sorted((PROJECT / "app/src/main/res/layout").iterdir()), ids=lambda file: file.stem
)
def test_every_word_on_a_screen_is_a_resource_and_every_picture_has_one(layout: Path) -> None:
    text = layout.read_text(encoding="utf-8")
    for value in re.findall(r'android:(?:text|hint|contentDescription)="([^"]*)"', text):
        assert value.startswith("@string/")
    for element in re.findall(r"<(?:ImageView|TextureView)\s[^>]*>", text):
        assert "android:contentDescription" in element
    for element in re.findall(r"<Spinner\s[^>]*>", text):
        # It would be said in place of the value that is chosen.
        assert "android:contentDescription" not in element


# --- what the toolchain does ----------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """What the toolchain made of the app with a bundle in it, and the answers of its own runner."""

    said: str
    apk: Path
    bundle: Bundle
    pixels: Bundle
    answers: dict[str, tuple[Request, Answer]]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory, phone_bundle: Path) -> Compiled:
    """A small bundle, staged by the command, compiled in and run by the app's code; and one of
    pixels, of which blocks alone are run."""
    toolchain = os.environ.get("ANDROID_TOOLCHAIN")
    if not toolchain:
        pytest.skip("ANDROID_TOOLCHAIN names no folder with a build.py and its compiler")
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        pytest.skip(f"not installed, though ANDROID_TOOLCHAIN needs it: {', '.join(missing)}")
    place = tmp_path_factory.mktemp("android")

    project = place / "android_demo"
    out_of_git = shutil.ignore_patterns("build", ".gradle", "bundles")
    shutil.copytree(PROJECT, project, ignore=out_of_git)
    staged = ["android", str(phone_bundle), "--project", str(project)]
    assert CliRunner().invoke(cli.app, staged, catch_exceptions=False).exit_code == 0

    bundle = open_bundle(phone_bundle)
    made = recipe(place / "pixels", write_photos(place / "photos", 12), input="pixels")
    build_here(made)
    pixels = open_bundle(made.output)
    (place / "bench").mkdir()
    packed = pack(phone_bundle, place / "pack.zip")
    requests = lay_requests(bundle, place / "bench")
    requests |= {
        f"{name} pixels": asked for name, asked in lay_blocks(pixels, place / "bench", 100).items()
    }
    done = subprocess.run(
        [
            sys.executable,
            str(Path(toolchain, "build.py").resolve()),
            str(project / "app"),
            str(place / "out"),
            "--",
            f"-Dfixtures={FIXTURES}",
            f"-Dbundle={project / 'app/src/main/assets/bundles' / phone_bundle.name}",
            f"-Dbench={place / 'bench'}",
            f"-Dpack={packed.file}",
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "JAVA_TOOL_OPTIONS": QUICK_JAVA},
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-8000:]
    answers = {
        name: (asked, parse_answer(answer_of(place / "bench", asked), asked, "the JVM"))
        for name, asked in requests.items()
    }
    apk = place / "out/demo.apk"
    return Compiled(said=said, apk=apk, bundle=bundle, pixels=pixels, answers=answers)


def lay_blocks(bundle: Bundle, folder: Path, first: int) -> dict[str, Request]:
    """The harness's own files for a block of each .onnx, and its requests."""
    artifacts = [each for each in bundle.manifest.artifacts if each.format == "onnx"]
    staged = stage_bundle(bundle, artifacts, folder)
    for name, file in staged.files.items():
        if not (folder / name).exists():
            shutil.copyfile(file, folder / name)
    requests = {
        artifact.name: request(
            id=f"b-{number:04d}",
            schema_version=request_version(artifact.input.pixels),
            artifact=staged.artifacts[artifact.name],
            threads=1,
            warmup=1,
            iterations=4,
            shape=artifact.input.shape,
            pixels=artifact.input.pixels,
            golden=staged.golden[artifact.name],
        )
        for number, artifact in enumerate(artifacts, first)
    }
    for asked in requests.values():
        (folder / f"{asked.id}.request.json").write_text(asked.to_json(), encoding="utf-8")
    return requests


def lay_requests(bundle: Bundle, folder: Path) -> dict[str, Request]:
    """The same, with one of a seed and one that must be refused."""
    requests = lay_blocks(bundle, folder, 0)
    first = next(iter(requests.values()))
    requests["seed"] = first.model_copy(
        update={"id": "b-seed", "golden": (), "input": TimedInput(golden=None, seed=3)}
    )
    requests["other shape"] = first.model_copy(
        update={
            "id": "b-shape",
            "shape": (1, 3, 8, 8),
            "golden": (),
            "input": TimedInput(golden=None, seed=3),
        }
    )
    for asked in requests.values():
        (folder / f"{asked.id}.request.json").write_text(asked.to_json(), encoding="utf-8")
    return requests


def answer_of(folder: Path, asked: Request) -> bytes:
    return (folder / f"{asked.id}.answer.json").read_bytes()


def test_the_app_compiles_and_passes_its_own_tests(compiled: Compiled) -> None:
    passed = re.search(r"OK \((\d+) tests\)", compiled.said)
    assert passed, compiled.said
    written = [
        len(re.findall(r"@Test\b", file.read_text(encoding="utf-8")))
        for file in (PROJECT / "app/src/test").rglob("*Test.kt")
    ]
    assert int(passed[1]) == sum(written)


def test_the_apk_holds_the_code_and_the_staged_bundle(compiled: Compiled) -> None:
    with zipfile.ZipFile(compiled.apk) as apk:
        names = set(apk.namelist())
        stored = apk.read(f"assets/bundles/{compiled.bundle.folder.name}/manifest.json")
    assert {"classes.dex", "AndroidManifest.xml", "resources.arsc"} <= names
    assert stored == (compiled.bundle.folder / "manifest.json").read_bytes()
    assert not [name for name in names if name.endswith(".png") and "bundles" in name]


@pytest.mark.parametrize("taken", ["tensor", "pixels"])
@pytest.mark.parametrize("name", ["onnx-fp32", "onnx-int8"])
def test_the_apps_runner_answers_the_harness_rightly(
    compiled: Compiled, name: str, taken: str
) -> None:
    asked, answer = compiled.answers[name if taken == "tensor" else f"{name} pixels"]
    assert answer.status == "ok"
    assert len(answer.iterations_ns) == asked.iterations
    assert answer.runner is not None
    assert (answer.runner.name, answer.runner.runtime) == ("app", "ONNX Runtime")
    assert answer.memory_before_bytes is not None
    assert answer.memory_peak_bytes is not None
    assert answer.memory_before_bytes <= answer.memory_peak_bytes
    bundle = compiled.bundle if taken == "tensor" else compiled.pixels
    reference = bundle.golden_logits_float()
    rows = np.stack([each.values() for each in answer.logits])
    assert [each.index for each in answer.logits] == list(range(len(reference)))
    own = compare_logits(reference, bundle.golden_logits(name)) if "int8" in name else None
    precision = bundle.artifact(name).precision
    require(judge_golden(name, precision, compare_logits(reference, rows), own))


def test_the_apps_runner_takes_a_seed_and_refuses_another_shape(compiled: Compiled) -> None:
    _, seeded = compiled.answers["seed"]
    assert (seeded.status, seeded.logits) == ("ok", ())
    _, refused = compiled.answers["other shape"]
    assert refused.error is not None
    assert refused.error.kind == "wrong-shape"
