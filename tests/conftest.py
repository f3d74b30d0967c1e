"""Shared by all tests: one cache for the session, and one real build."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from deploy.runtimes.processor import describe_int8

# Fixtures that several folders use: started for those alone that ask for them.
pytest_plugins = ["virtual_phone_fixture"]

# The README's main job. `--json` changes what is printed, not what is done.
REAL_BUILD = "mobile-deploy build mobilenet_v2"


# What takes minutes starts first, so that no worker is left alone with it at the end.
LONGEST = ("test_readme", "test_user_network_build", "test_trained_networks", "test_pipeline")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files to the front; all else keeps its order."""
    rank = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


def pytest_report_header() -> str:
    """Which kind of processor the verdicts below are of."""
    return f"int8 on {describe_int8()}"


@dataclass(frozen=True, kw_only=True)
class RealBundle:
    """Where the build was started, the bundle below it, and the JSON that it printed."""

    workplace: Path
    folder: Path
    answer: dict[str, Any]


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> Iterator[None]:
    """Ctrl-C as on a terminal: what a shell starts in the background inherits it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


Make = Callable[[Path], None]


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Make], Path]:
    """`shared_folder(name, make)`: a folder that `make` fills once for all workers of this run."""
    own = tmp_path_factory.getbasetemp()
    base = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def shared_folder(name: str, make: Make) -> Path:
        folder, done = base / name, base / f"{name}.done"
        with FileLock(base / f"{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # Of a worker that failed in its midst.
                folder.mkdir()
                make(folder)
                done.touch()
        return folder

    return shared_folder


@pytest.fixture(scope="session", autouse=True)
def cache(shared_folder: Callable[[str, Make], Path]) -> Iterator[Path]:
    """An empty cache, so that no earlier run's files help, shared by the whole session.

    MOBILE_DEPLOY_CACHE, where it is set, is taken as it is: the tests then fetch nothing.
    """
    with pytest.MonkeyPatch.context() as patch:
        if "MOBILE_DEPLOY_CACHE" not in os.environ:
            empty = shared_folder("cache", lambda folder: None)
            patch.setenv("MOBILE_DEPLOY_CACHE", str(empty))
        yield Path(os.environ["MOBILE_DEPLOY_CACHE"])


@pytest.fixture(scope="session")
def real_bundle(cache: Path, shared_folder: Callable[[str, Make], Path]) -> RealBundle:
    """The main job as the README has it, on the real weights and photos, run once."""

    def make(folder: Path) -> None:
        done = run_command(f"{REAL_BUILD} --json", folder)
        assert done.returncode == 0, done.stderr
        (folder / "answer.json").write_text(done.stdout, encoding="utf-8")

    workplace = shared_folder("real", make)
    return RealBundle(
        workplace=workplace,
        folder=workplace / "bundles/mobilenet_v2",
        answer=json.loads((workplace / "answer.json").read_bytes()),
    )


@pytest.fixture(scope="session")
def phone_bundle(cache: Path, shared_folder: Callable[[str, Make], Path]) -> Path:
    """A real bundle, small enough to run anywhere in no time: .pte and .onnx, fp32 and int8."""

    def make(folder: Path) -> None:
        # Not for the tests that need none of it: torch takes seconds to import.
        from small_build import build_here, recipe, write_photos

        from deploy.pipeline.recipe import make_targets

        targets = make_targets(["executorch", "onnx"])
        build_here(recipe(folder / "bundle", write_photos(folder / "photos", 40), targets=targets))

    return shared_folder("phone", make) / "bundle"


def run_command(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run one line of shell in `folder`, with this environment's own `mobile-deploy`."""
    return subprocess.run(
        ["bash", "-ec", line],
        cwd=folder,
        env=_with_our_command(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def start_command(line: str, folder: Path) -> subprocess.Popen[bytes]:
    """Start one line of shell in `folder`, and return once it has said something."""
    process = subprocess.Popen(
        ["bash", "-c", f"exec {line}"],
        cwd=folder,
        env=_with_our_command(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    return process


def _with_our_command() -> dict[str, str]:
    scripts = Path(sys.executable).parent
    assert shutil.which("mobile-deploy", path=str(scripts)), (
        "mobile-deploy is not installed beside this Python: pip install --editable '.[dev]'"
    )
    return {**os.environ, "PATH": os.pathsep.join([str(scripts), os.environ["PATH"]])}
