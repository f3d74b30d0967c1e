"""The iOS app as far as it can be proved without a Mac: its texts, its project, its export.

What needs Swift is proved by `swift test` in ios_demo/MobileDeployKit; docs/ios.md says what only a
Mac can show.
"""

from __future__ import annotations

import json
import plistlib
import re
import tomllib
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import tree_sitter
import tree_sitter_swift
import yaml
from openstep_parser import OpenStepDecoder
from packaging.requirements import Requirement
from packaging.version import Version
from PIL import Image
from places import ROOT

from deploy import __version__
from deploy.apps.projects import APPS
from deploy.bundle.manifest import SCHEMA_VERSION, Manifest
from deploy.protocol.messages import PROTOCOL_VERSION, RunnerErrorKind
from deploy.results.compare import compare_files
from deploy.results.file import read_results
from deploy.results.judge import DeviceReport, judge
from deploy.results.records import RESULTS_VERSION
from deploy.statistics import TimedBlock

IOS = ROOT / "ios_demo"
KIT = IOS / "MobileDeployKit"
APP = IOS / "MobileDeployDemo"
XCODEPROJ = APP / "MobileDeployDemo.xcodeproj"
FIXTURES = ROOT / "tests" / "fixtures"
EXPORT = FIXTURES / "results" / "ios.json"
SWIFT = sorted(IOS.rglob("*.swift"))

Objects = dict[str, dict[str, Any]]


def executorch_pin() -> str:
    """The version of ExecuTorch that .pte files are exported with."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = [Requirement(each) for each in project["dependencies"]]
    [pin] = [each for each in pins if each.name == "executorch"]
    return str(pin.specifier).removeprefix("==")


def text_of(name: str) -> str:
    [file] = [each for each in SWIFT if each.name == name]
    return file.read_text(encoding="utf-8")


# --- Swift ----------------------------------------------------------------------------------


def faults(source: bytes) -> list[str]:
    """What is no Swift in `source`, as far as a grammar can tell."""
    language = tree_sitter.Language(tree_sitter_swift.language())
    pending = [tree_sitter.Parser(language).parse(source).root_node]
    found = []
    while pending:
        node = pending.pop()
        if node.is_error or node.is_missing:
            found.append(f"line {node.start_point.row + 1}")
        elif node.has_error:
            pending.extend(node.children)
    return found


@pytest.mark.parametrize("file", SWIFT, ids=lambda file: file.name)
def test_swift_parses(file: Path) -> None:
    assert not faults(file.read_bytes())


@pytest.mark.parametrize("broken", ["func f( {", "let a = ", "struct A { func b() {} "])
def test_the_parser_sees_what_is_broken(broken: str) -> None:
    assert faults(broken.encode())


def test_the_core_needs_nothing_but_foundation() -> None:
    for file in (KIT / "Sources" / "MobileDeployCore").glob("*.swift"):
        imported = set(re.findall(r"^import (\w+)", file.read_text(encoding="utf-8"), re.M))
        assert imported <= {"Foundation"}, file.name


def test_the_package_asks_for_apples_frameworks_only_where_they_are() -> None:
    for file in (KIT / "Sources" / "MobileDeployRuntime").glob("*.swift"):
        source = file.read_text(encoding="utf-8")
        imported = set(re.findall(r"^import (\w+)", source, re.M))
        if imported - {"Foundation", "Dispatch", "MobileDeployCore"}:
            assert re.match(r"#if canImport\(\w+\)\n", source), file.name
            assert source.endswith("#endif\n"), file.name


def test_no_public_type_is_named_as_one_of_apples() -> None:
    # Of Darwin's MacTypes.h, which Foundation brings along there: either name would be ambiguous.
    taken = {"Size", "Point", "Rect", "Fixed", "Style", "Ptr", "Handle", "Byte"}
    kinds = "struct|class|enum|protocol|actor|typealias"
    # Those at the margin: a type inside another has a name of its own.
    declared = rf"^public (?:final |indirect )?(?:{kinds}) (\w+)"
    found = {
        name
        for file in (KIT / "Sources").rglob("*.swift")
        for name in re.findall(declared, file.read_text(encoding="utf-8"), re.M)
    }
    assert "PixelSize" in found
    assert not found & taken


def test_executorch_is_imported_in_one_file() -> None:
    importing = [file.name for file in SWIFT if "import ExecuTorch" in file.read_text("utf-8")]
    assert importing == ["ExecuTorchClassifier.swift"]


def test_the_package_names_targets_that_exist_and_no_executorch() -> None:
    manifest = (KIT / "Package.swift").read_text(encoding="utf-8")
    assert manifest.startswith("// swift-tools-version: 5.9\n")
    assert "github.com" not in manifest
    kinds = {"target": "Sources", "testTarget": "Tests"}
    targets = re.findall(r'\.(target|testTarget)\(\s*name: "(\w+)"', manifest)
    assert {name for kind, name in targets if kind == "target"} == {
        name for name, _ in libraries().items()
    }
    for kind, name in targets:
        assert list((KIT / kinds[kind] / name).glob("*.swift")), name
    folders = [path.name for kind in kinds.values() for path in (KIT / kind).iterdir()]
    assert sorted(folders) == sorted(name for _, name in targets)


def libraries() -> dict[str, str]:
    """The package's products, each with its target."""
    manifest = (KIT / "Package.swift").read_text(encoding="utf-8")
    return dict(re.findall(r'\.library\(name: "(\w+)", targets: \["(\w+)"\]\)', manifest))


def test_swift_tests_read_fixtures_that_exist() -> None:
    read = [
        path
        for file in (KIT / "Tests").rglob("*.swift")
        for path in re.findall(r'"([a-z_]+/[^"/]+\.\w+)"', file.read_text(encoding="utf-8"))
        if path.split("/")[0] not in ("golden", "tests")
    ]
    assert len(read) > 8
    for path in read:
        # What Swift fills in.
        pattern = re.sub(r"\\\(\w+\)", "*", path)
        assert list(FIXTURES.glob(pattern)), path


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("ManifestReader.swift", SCHEMA_VERSION),
        ("Answer.swift", PROTOCOL_VERSION),
        ("Results.swift", RESULTS_VERSION),
    ],
)
def test_schemas_are_those_of_python(file: str, expected: int) -> None:
    assert re.findall(r"static let schemaVersion = (\d+)", text_of(file)) == [str(expected)]


def test_kinds_of_error_are_those_of_the_protocol() -> None:
    body = text_of("Answer.swift").partition("enum Kind")[2].partition("}")[0]
    kinds = re.findall(r'= "([a-z-]+)"', body)
    assert kinds
    assert set(kinds) <= set(get_args(RunnerErrorKind))


# --- the Xcode project ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return parse_project((XCODEPROJ / "project.pbxproj").read_text(encoding="utf-8"))


def parse_project(text: str) -> dict[str, Any]:
    content = OpenStepDecoder.ParseFromString(text)
    assert isinstance(content, dict)
    return content


@pytest.fixture(scope="module")
def objects(project: dict[str, Any]) -> Objects:
    found: Objects = project["objects"]
    return found


@pytest.fixture(scope="module")
def target(objects: Objects) -> dict[str, Any]:
    [found] = of_kind(objects, "PBXNativeTarget")
    return found


def of_kind(objects: Objects, kind: str) -> list[dict[str, Any]]:
    return [each for each in objects.values() if each["isa"] == kind]


def references(value: object) -> Iterator[str]:
    """Everything in `value` that looks like an identifier, keys too."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from references(key)
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)
    elif isinstance(value, str) and re.fullmatch("[0-9A-F]{24}", value):
        yield value


def reached(project: dict[str, Any]) -> set[str]:
    """What is referred to, from the root on, there or not."""
    pending, seen = [project["rootObject"]], set()
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            pending.extend(references(project["objects"].get(name, {})))
    return seen


def test_the_project_is_whole(project: dict[str, Any]) -> None:
    assert project["objectVersion"] == "77"
    assert project["objects"][project["rootObject"]]["isa"] == "PBXProject"
    assert reached(project) == set(project["objects"])


def test_a_dangling_and_an_unreached_object_would_be_seen(project: dict[str, Any]) -> None:
    text = (XCODEPROJ / "project.pbxproj").read_text(encoding="utf-8")
    # One digit of one reference.
    broken = parse_project(
        text.replace("= DE0000000000000000000060;", "= DE00000000000000000000FF;")
    )
    assert reached(broken) - set(broken["objects"]) == {"DE00000000000000000000FF"}
    assert set(broken["objects"]) - reached(broken)


def test_the_project_defines_each_object_once() -> None:
    text = (XCODEPROJ / "project.pbxproj").read_text(encoding="utf-8")
    assert text.startswith("// !$*UTF8*$!\n")
    defined = Counter(re.findall(r"^\t\t([0-9A-F]{24})(?: /\*.*\*/)? = \{", text, re.M))
    assert set(defined.values()) == {1}
    assert set(defined) == set(parse_project(text)["objects"])


def test_each_build_file_is_in_one_phase_of_the_target(
    objects: Objects, target: dict[str, Any]
) -> None:
    phases = [objects[name] for name in target["buildPhases"]]
    assert [phase["isa"] for phase in phases] == [
        "PBXSourcesBuildPhase",
        "PBXFrameworksBuildPhase",
        "PBXResourcesBuildPhase",
    ]
    used = Counter(file for phase in phases for file in phase["files"])
    assert set(used.values()) == {1}
    files = {name for name, each in objects.items() if each["isa"] == "PBXBuildFile"}
    assert set(used) == files


def test_synchronised_folders_and_their_exceptions_exist(
    objects: Objects, target: dict[str, Any]
) -> None:
    synchronised = [
        name
        for name, each in objects.items()
        if each["isa"] == "PBXFileSystemSynchronizedRootGroup"
    ]
    assert target["fileSystemSynchronizedGroups"] == synchronised
    for name in synchronised:
        folder = APP / objects[name]["path"]
        assert folder.is_dir()
        for exception in objects[name]["exceptions"]:
            for file in objects[exception]["membershipExceptions"]:
                assert (folder / file).is_file()


def test_the_bundles_are_a_folder_reference_that_a_fresh_clone_has(objects: Objects) -> None:
    [reference] = [each for each in objects.values() if each.get("lastKnownFileType") == "folder"]
    folder = APP / reference["path"]
    app = APPS["ios"]
    assert folder == ROOT / app.folder / app.bundles
    assert (ROOT / app.folder / app.marker).is_file()
    rules = (folder / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert [rule for rule in rules if not rule.startswith("#")] == ["*", "!.gitignore"]


def test_package_products_exist_and_are_linked(objects: Objects, target: dict[str, Any]) -> None:
    products = [objects[name] for name in target["packageProductDependencies"]]
    linked = [
        each["productRef"] for each in of_kind(objects, "PBXBuildFile") if "productRef" in each
    ]
    assert sorted(linked) == sorted(target["packageProductDependencies"])
    local = [each["productName"] for each in products if "package" not in each]
    assert local == list(libraries())
    remote = [each["productName"] for each in products if "package" in each]
    assert remote == ["executorch", "backend_xnnpack", "kernels_optimized"]
    [package] = of_kind(objects, "XCLocalSwiftPackageReference")
    assert (APP / package["relativePath"]).resolve() == KIT.resolve()


def test_executorch_has_one_version_everywhere(objects: Objects) -> None:
    pin = executorch_pin()
    [package] = of_kind(objects, "XCRemoteSwiftPackageReference")
    assert package["requirement"] == {"kind": "branch", "branch": f"swiftpm-{pin}"}
    resolved = XCODEPROJ / "project.xcworkspace/xcshareddata/swiftpm/Package.resolved"
    [locked] = json.loads(resolved.read_text(encoding="utf-8"))["pins"]
    assert locked["location"] == package["repositoryURL"]
    assert locked["state"]["branch"] == f"swiftpm-{pin}"
    assert re.fullmatch("[0-9a-f]{40}", locked["state"]["revision"])
    assert f'static let version = "{pin}"' in text_of("ExecuTorchClassifier.swift")


def test_the_app_starts_no_later_than_what_its_artifacts_need() -> None:
    good = (FIXTURES / "manifests" / "good.json").read_bytes()
    needed = {
        Version(each.runtime.version)
        for each in Manifest.model_validate_json(good).artifacts
        if each.runtime.name == "iOS"
    }
    text = (XCODEPROJ / "project.pbxproj").read_text(encoding="utf-8")
    [target] = {Version(each) for each in re.findall(r"IPHONEOS_DEPLOYMENT_TARGET = (.*);", text)}
    assert needed
    assert target <= min(needed)
    assert f".iOS(.v{target.major})" in (KIT / "Package.swift").read_text(encoding="utf-8")


def configurations(objects: Objects, owner: dict[str, Any]) -> list[dict[str, Any]]:
    names = objects[owner["buildConfigurationList"]]["buildConfigurations"]
    found = [objects[name] for name in names]
    assert [each["name"] for each in found] == ["Debug", "Release"]
    return [each["buildSettings"] for each in found]


def test_all_of_executorch_is_linked(objects: Objects) -> None:
    [root] = of_kind(objects, "PBXProject")
    for settings in configurations(objects, root):
        flags = " ".join(settings["OTHER_LDFLAGS"])
        assert flags == "$(inherited) -all_load -framework Accelerate -framework CoreImage"
        assert settings["EXCLUDED_ARCHS[sdk=iphonesimulator*]"] == "x86_64"


def test_the_app_is_of_the_toolkits_version(objects: Objects, target: dict[str, Any]) -> None:
    for settings in configurations(objects, target):
        assert settings["MARKETING_VERSION"] == __version__


def test_info_plist_says_why_the_camera_is_wanted(objects: Objects, target: dict[str, Any]) -> None:
    for settings in configurations(objects, target):
        assert settings["GENERATE_INFOPLIST_FILE"] == "YES"
        info = plistlib.loads((APP / settings["INFOPLIST_FILE"]).read_bytes())
        # Without it the system ends the app at the first look through the camera.
        assert len(info["NSCameraUsageDescription"]) > 20
        assert "UIApplicationSceneManifest" in info
        assert "UILaunchScreen" in info
        assert info["UISupportedInterfaceOrientations"]


def test_the_icon_is_a_whole_picture_without_alpha() -> None:
    folder = APP / "MobileDeployDemo" / "Assets.xcassets"
    for contents in folder.rglob("Contents.json"):
        assert json.loads(contents.read_text(encoding="utf-8"))["info"]["author"] == "xcode"
    icon = folder / "AppIcon.appiconset"
    [image] = json.loads((icon / "Contents.json").read_text(encoding="utf-8"))["images"]
    picture = Image.open(icon / image["filename"])
    assert (picture.size, picture.mode) == ((1024, 1024), "RGB")


def test_the_scheme_runs_the_target_in_release(objects: Objects) -> None:
    scheme = ElementTree.parse(XCODEPROJ / "xcshareddata/xcschemes/MobileDeployDemo.xcscheme")
    for reference in scheme.iter("BuildableReference"):
        target = objects[reference.attrib["BlueprintIdentifier"]]
        assert target["name"] == reference.attrib["BlueprintName"]
        assert objects[target["productReference"]]["path"] == reference.attrib["BuildableName"]
    assert [each.attrib["buildConfiguration"] for each in scheme.iter("LaunchAction")] == [
        "Release"
    ]


def test_the_description_for_xcodegen_is_of_the_same_project(
    objects: Objects, target: dict[str, Any]
) -> None:
    spec = yaml.safe_load((APP / "project.yml").read_text(encoding="utf-8"))
    [remote] = of_kind(objects, "XCRemoteSwiftPackageReference")
    assert spec["packages"]["executorch"] == {
        "url": remote["repositoryURL"],
        "branch": remote["requirement"]["branch"],
    }
    own = spec["targets"][target["name"]]
    products = [objects[name]["productName"] for name in target["packageProductDependencies"]]
    assert [each["product"] for each in own["dependencies"]] == products
    for source in own["sources"]:
        assert (APP / source["path"]).is_dir()
    [root] = of_kind(objects, "PBXProject")
    for described, owner in ((spec["settings"]["base"], root), (own["settings"]["base"], target)):
        for settings in configurations(objects, owner):
            for key, value in described.items():
                ours = settings[key]
                flat = " ".join(ours) if isinstance(ours, list) else ours
                assert flat == ("YES" if value is True else str(value)), key


# --- what the app exports -------------------------------------------------------------------


def exported() -> tuple[DeviceReport, ...]:
    """What a session in Swift wrote; BenchmarkTests.swift proves that it still does."""
    return judge(read_results(EXPORT))


def test_an_export_is_read_and_believed() -> None:
    [report] = exported()
    assert report.device.kind == "ios"
    assert not report.device.virtual
    assert [(each.arm.artifact, each.arm.key.cores) for each in report.arms] == [
        ("coreml-fp16", "all"),
        ("coreml-fp16", "cpu-only"),
        ("executorch-int8", None),
    ]
    for arm in report.arms:
        assert arm.arm.key.runner == "app"
        assert arm.arm.key.threads is None
        assert arm.valid, arm.reasons
        assert arm.golden is not None
        assert arm.golden.agreement == 1


def test_two_exports_are_compared_arm_by_arm() -> None:
    [before] = exported()
    slower = replace(
        before,
        arms=tuple(
            replace(
                arm,
                blocks=tuple(
                    TimedBlock(round=each.round, times=np.asarray(each.times) * 1.5)
                    for each in arm.blocks
                ),
            )
            for arm in before.arms
        ),
    )
    same = compare_files([before], [before], floor=0.03)
    assert len(same.arms) == 3
    assert not any(arm.slower_beyond(0) for arm in same.arms)
    assert all(arm.slower_beyond(20) for arm in compare_files([before], [slower], floor=0.03).arms)
