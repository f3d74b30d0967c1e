"""The Swift of the iOS app, as far as it can be proved without a Mac, and what it exports.

What needs Swift is proved by `swift test` in ios_demo/MobileDeployKit, which runs here too where
`swift` is on the path; docs/ios.md says what only a Mac can show.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import tree_sitter
import tree_sitter_swift
from ios_sources import KIT, SWIFT, libraries, text_of
from places import ROOT

from deploy.bundle.manifest import SCHEMA_VERSION
from deploy.protocol.messages import PROTOCOL_VERSION, RunnerErrorKind
from deploy.results.compare import compare_files
from deploy.results.file import read_results
from deploy.results.judge import DeviceReport, judge
from deploy.results.records import APP_VERSION, PIXELS_VERSION, RESULTS_VERSION
from deploy.statistics import TimedBlock

FIXTURES = ROOT / "tests" / "fixtures"
EXPORT = FIXTURES / "results" / "ios.json"


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


def test_the_package_passes_its_own_tests() -> None:
    swift = shutil.which("swift")
    if swift is None:
        pytest.skip("swift is not on the path (Debian 13 has it: apt-get install swiftlang)")
    done = subprocess.run([swift, "test"], cwd=KIT, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-8000:]
    passed = re.findall(r"Executed (\d+) tests, with 0 failures", said)
    written = sum(
        # What only Apple's frameworks can show is compiled on a Mac alone.
        0 if text.startswith("#if canImport") else len(re.findall(r"^    func test", text, re.M))
        for text in (file.read_text("utf-8") for file in (KIT / "Tests").rglob("*.swift"))
    )
    assert max(map(int, passed)) >= written > 0


def test_the_core_needs_nothing_but_foundation() -> None:
    optional = r"^#if canImport\((\w+)\)\nimport \1\n#endif\n"
    for file in (KIT / "Sources" / "MobileDeployCore").glob("*.swift"):
        needed = re.sub(optional, "", file.read_text(encoding="utf-8"), flags=re.M)
        assert set(re.findall(r"^import (\w+)", needed, re.M)) <= {"Foundation"}, file.name


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
    ],
)
def test_schemas_are_those_of_python(file: str, expected: int) -> None:
    assert re.findall(r"static let schemaVersion = (\d+)", text_of(file)) == [str(expected)]


def test_an_export_has_the_version_that_its_content_has_in_python() -> None:
    said = re.findall(r"static let (\w+)Version = (\d+)", text_of("Results.swift"))
    expected = {
        "preparation": APP_VERSION,
        "pixels": PIXELS_VERSION,
        "plain": RESULTS_VERSION,
    }
    assert {name: int(version) for name, version in said} == expected


def test_kinds_of_error_are_those_of_the_protocol() -> None:
    body = text_of("Answer.swift").partition("enum Kind")[2].partition("}")[0]
    kinds = re.findall(r'= "([a-z-]+)"', body)
    assert kinds
    assert set(kinds) <= set(get_args(RunnerErrorKind))


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
