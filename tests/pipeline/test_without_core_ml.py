"""coremltools without its libraries, as pip makes it of its sources on Linux for arm64: Core ML is
left out of a build, in one line, and can still be verified."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import MAIN
from places import ROOT
from session_builds import CommandBuild

LINE = (
    "coreml cannot be written: the coremltools installed here has no libmilstoragepython: "
    "coreml is left out"
)
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """This Python, with a coremltools that has no compiled library."""
    folder = tmp_path_factory.mktemp("pure")
    spec = importlib.util.find_spec("coremltools")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    (folder / "coremltools").mkdir()
    for entry in Path(spec.submodule_search_locations[0]).iterdir():
        if not entry.name.startswith("lib"):
            (folder / "coremltools" / entry.name).symlink_to(entry)
    environment = os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return run


def test_the_other_formats_are_built_and_the_one_line_says_why(run: Run) -> None:
    code = (
        "from deploy.pipeline.recipe import *; "
        "print(*(t.name for t in make_targets())); print(*left_out())"
    )
    done = run("-c", code)
    assert done.stdout.splitlines() == [
        "executorch-fp32 executorch-int8 onnx-fp32 onnx-int8",
        LINE,
    ]


def test_asked_for_by_name_it_is_a_mistake_of_the_users(run: Run) -> None:
    done = run("-c", MAIN, "build", "mobilenet_v2", "--formats", "coreml")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: --formats: coreml cannot be written: the coremltools installed here has no "
        "libmilstoragepython: leave it out, or build on macOS or x86-64 Linux"
    ]


def test_a_package_from_elsewhere_is_still_proved(run: Run, real_build: CommandBuild) -> None:
    code = """
import sys
from pathlib import Path
from deploy.bundle.open import open_bundle
from deploy.runtimes import load
bundle = open_bundle(Path(sys.argv[1]))
artifact = bundle.artifact("coreml-fp16")
preprocessing = bundle.manifest.input.preprocessing()
logits = load("coreml", bundle.path_of(artifact), preprocessing).logits(bundle.golden_crops()[:1])
print(logits.argmax(), bundle.golden_logits_float()[0].argmax())
"""
    done = run("-c", code, str(real_build.bundle))
    assert done.returncode == 0, done.stderr
    top, expected = done.stdout.split()
    assert top == expected
