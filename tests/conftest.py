"""Shared by all tests: one cache for the session, one real build, one small one."""

from __future__ import annotations

import gc
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command_line import run_installed, run_process
from filelock import FileLock
from pure_logic import is_pure_logic
from session_builds import REAL_BUILD, SMALL_BUILD, STRICT, CommandBuild
from small_photos import write_photos

from deploy.runtimes.processor import describe_int8

# Fixtures that several folders use: started for those alone that ask for them.
pytest_plugins = ["virtual_phone_fixture"]


# Toolkits make millions of small objects that stay: looking for garbage among them as often as
# Python does takes a twentieth of all time.
gc.set_threshold(100_000)

# What takes minutes starts first, so that no worker is left alone with it at the end.
LONGEST = ("test_readme", "test_android_app", "test_cli_build", "test_pipeline")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--logic", action="store_true", help="only the tests of pure logic")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Told without importing the file: toolkits take seconds. A conftest.py holds no doctests."""
    if collection_path.name == "conftest.py":
        return True
    if config.getoption("--logic") and collection_path.match("test_*.py"):
        return not is_pure_logic(collection_path) or None
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files to the front; all else keeps its order."""
    rank = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


def pytest_report_header() -> str:
    """Which kind of processor the verdicts below are of."""
    return f"int8 on {describe_int8()}"


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> Iterator[None]:
    """Ctrl-C as on a terminal: what a shell starts in the background inherits it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


Make = Callable[[Path], None]
Share = Callable[[str, Make], Path]


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Share:
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
def cache(shared_folder: Share) -> Iterator[Path]:
    """An empty cache, so that no earlier run's files help, shared by the whole session.

    MOBILE_DEPLOY_CACHE, where it is set, is taken as it is: the tests then fetch nothing.
    """
    with pytest.MonkeyPatch.context() as patch:
        if "MOBILE_DEPLOY_CACHE" not in os.environ:
            empty = shared_folder("cache", lambda folder: None)
            patch.setenv("MOBILE_DEPLOY_CACHE", str(empty))
        yield Path(os.environ["MOBILE_DEPLOY_CACHE"])


@pytest.fixture(scope="session")
def real_build(cache: Path, shared_folder: Share) -> CommandBuild:
    """The main job as the README has it, on the real weights and photos, run once."""

    def make(folder: Path) -> None:
        done = run_installed(f"{REAL_BUILD} --json", folder)
        assert done.returncode == 0, done.stderr
        CommandBuild.save(done, folder)

    return CommandBuild.read(shared_folder("real", make))


@pytest.fixture(scope="session")
def command_build(cache: Path, shared_folder: Share) -> CommandBuild:
    """A narrow network at low resolution by the command, on photos of three classes, run once."""

    def make(folder: Path) -> None:
        write_photos(folder / "photos", 12, size=(120, 90), classes=3)
        done = run_process(*SMALL_BUILD.split(), folder=folder, **STRICT)
        assert done.returncode == 0, done.stderr
        CommandBuild.save(done, folder)

    return CommandBuild.read(shared_folder("small", make))


@pytest.fixture(scope="session")
def phone_bundle(command_build: CommandBuild) -> Path:
    """A real bundle, small enough to run anywhere in no time: .pte and .onnx, fp32 and int8."""
    return command_build.bundle
