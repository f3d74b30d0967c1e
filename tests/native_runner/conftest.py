"""The native runner as it is compiled here, and a folder with a request that it can run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from runner_folder import Folder

from deploy.assets import fetch
from deploy.benchmark.staging import stage_bundle
from deploy.bundle.open import open_bundle
from deploy.native_runner.build import build, command, compile_runner, unpack
from deploy.native_runner.targets import TARGETS
from deploy.native_runner.toolchain import find_compiler
from deploy.protocol.messages import PIXELS_VERSION, Request, TimedInput


@pytest.fixture(scope="session")
def native() -> tuple[str, ...]:
    """The words that start it here."""
    return command("linux-x86_64", build("linux-x86_64"))


@pytest.fixture(scope="session")
def arm64() -> Path:
    """The folder of the one for phones."""
    return build("linux-arm64")


@pytest.fixture(scope="session")
def sanitized(
    shared_folder: Callable[[str, Callable[[Path], None]], Path],
) -> tuple[str, ...]:
    """The same program, which ends where it reads or writes what is not its own."""

    def make(folder: Path) -> None:
        target = TARGETS["linux-x86_64"]
        unpack(fetch(target.wheel), folder)
        flags = ("-std=c++17", "-O0", "-g", "-fsanitize=address,undefined")
        stops = ("-fno-sanitize-recover=all", f"-Wl,-rpath,{folder}/executorch/lib")
        compile_runner(find_compiler(target), folder, folder / "sanitized", flags=(*flags, *stops))

    return (str(shared_folder("sanitized-runner", make) / "sanitized"),)


@pytest.fixture
def folder(phone_bundle: Path, tmp_path: Path) -> Folder:
    """Of the int8 .pte: all eight golden photos, two threads, three timed inferences."""
    bundle = open_bundle(phone_bundle)
    (artifact,) = (a for a in bundle.manifest.artifacts if a.name == "executorch-int8")
    staged = stage_bundle(bundle, [artifact], tmp_path)
    file = staged.artifacts[artifact.name].file
    shutil.copy(staged.files[file], tmp_path / file)
    request = Request(
        schema_version=PIXELS_VERSION,
        id="block",
        artifact=staged.artifacts[artifact.name],
        threads=2,
        warmup=1,
        iterations=3,
        shape=artifact.input.shape,
        input=TimedInput(golden=0, seed=None),
        golden=staged.golden[artifact.name],
        sustained=False,
    )
    made = Folder(tmp_path, json.loads(request.to_json()))
    made.ask()
    return made
