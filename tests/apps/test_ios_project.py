"""The Xcode project of the iOS app, as far as it can be proved without a Mac."""

from __future__ import annotations

import json
import plistlib
import re
import tomllib
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from ios_sources import IOS, KIT, libraries, text_of
from openstep_parser import OpenStepDecoder
from packaging.requirements import Requirement
from packaging.version import Version
from PIL import Image
from places import ROOT

from deploy import __version__
from deploy.apps.projects import APPS
from deploy.bundle.manifest import Manifest

APP = IOS / "MobileDeployDemo"
XCODEPROJ = APP / "MobileDeployDemo.xcodeproj"
FIXTURES = ROOT / "tests" / "fixtures"

Objects = dict[str, dict[str, Any]]


def executorch_pin() -> str:
    """The version of ExecuTorch that .pte files are exported with."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = [Requirement(each) for each in project["dependencies"]]
    [pin] = [each for each in pins if each.name == "executorch"]
    return str(pin.specifier).removeprefix("==")


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
