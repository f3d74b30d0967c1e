"""doctor on Python's packages and on the compiler: what is amiss is told, with its cure."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from deploy.android import doctor


def test_a_package_of_another_version_is_told_with_the_command_that_mends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    versions = {"torch": "2.13.0+cpu", "onnx": "1.0.0"}

    def version(name: str) -> str:
        if name not in versions:
            raise importlib.metadata.PackageNotFoundError(name)
        return versions[name]

    requires = ["torch==2.13.0", "onnx==1.23.2", "executorch==1.4.1", "pytest==9; extra == 'dev'"]
    monkeypatch.setattr(importlib.metadata, "version", version)
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: requires)
    found = {each.about: (each.state, each.what) for each in doctor._packages()}
    assert found["torch"] == ("ok", "2.13.0+cpu")
    assert found["onnx"] == (
        "warning",
        "1.0.0, tested with ==1.23.2: pip install 'onnx==1.23.2'",
    )
    assert found["executorch"] == ("blocks", "not installed: pip install 'executorch==1.4.1'")


def test_a_compiler_that_is_missing_is_told_with_the_command_that_brings_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = doctor._compiler()
    assert found.state == "warning"
    assert "no C++ compiler for linux-arm64: apt install g++" in found.what
