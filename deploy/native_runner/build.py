"""Compiling the runner, once for all: a folder in the cache that holds what it needs to run.

    sources ─┐
    compiler ┼─ key ──> native-runner/TARGET-KEY ── there and whole ──> folder
    wheel   ─┘             │ no
                           └─ unpack, compile, gather libraries, rename ──> folder

The folder has the program, ExecuTorch's libraries and, for phones, a C library and its loader.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from contextlib import suppress
from pathlib import Path

import deploy
from deploy.assets import cache_folder, fetch
from deploy.assets.scratch import locked_scratch
from deploy.native_runner.targets import EXECUTORCH, TARGETS, RunnerTarget, TargetName
from deploy.native_runner.toolchain import Compiler, find_compiler
from deploy.support.errors import FetchError, RunError, StorageError, UserError
from deploy.support.hashing import sha256_file
from deploy.support.printable import printable
from deploy.support.reporter import Progress, silent
from deploy.support.temporary import temporary_folder

PROGRAM = "mobile-deploy-runner"
FACTS_FILE = "runner.json"
"""What the folder is of, and the SHA-256 of each of its files."""

SOURCES = Path(__file__).with_name("src")
VERSION = f"{deploy.__version__}+protocol.1.executorch.{EXECUTORCH}"

_KEPT = 4

_FLAGS = ("-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror", "-Wl,-rpath,$ORIGIN")
# As the wheel's libraries were compiled: executorch-config.cmake.
_DEFINITIONS = ("-DC10_USING_CUSTOM_GENERATED_MACROS", "-DET_EVENT_TRACER_ENABLED")
_C10 = "include/executorch/runtime/core/portable_type/c10"
_LIBRARIES = (
    "executorch",
    "executorch_backend_xnnpack",
    "executorch_kernels_optimized",
    "executorch_kernels_quantized",
    "executorch_threadpool",
    "executorch_etdump",
)


def build(target: TargetName, *, progress: Progress = silent) -> Path:
    """The folder of the runner for `target`, compiled unless that was done.

    Raises UserError where there is no compiler, FetchError where the runtime cannot be had,
    RunError where it does not compile, StorageError where the cache cannot be written.
    """
    row = TARGETS[target]
    compiler = find_compiler(row)
    folder = cache_folder() / "native-runner" / f"{target}-{_key(row, compiler)}"
    if _is_whole(folder):
        with suppress(OSError):  # Of use even in a cache that cannot be written.
            os.utime(folder)
        return folder
    wheel = fetch(row.wheel, progress=progress)
    try:
        with locked_scratch(folder.parent, ".building-") as scratch:
            if _is_whole(folder):  # Another process has just made the same.
                return folder
            runtime, made = scratch / "runtime", scratch / "made"
            made.mkdir()
            unpack(wheel, runtime)
            compile_runner(compiler, runtime, made / PROGRAM)
            _gather(row, compiler, runtime, made)
            _write_facts(row, compiler, made)
            shutil.rmtree(folder, ignore_errors=True)
            made.rename(folder)
            _prune(folder.parent, target)
    except OSError as error:
        raise StorageError(
            f"cannot write to {folder.parent} ({error.strerror or error}): make room, or set "
            "MOBILE_DEPLOY_CACHE to another folder"
        ) from error
    if not _is_whole(folder):
        raise RunError(f"{compiler.path} ended without a program: install it again")
    return folder


def command(target: TargetName, folder: str | Path) -> tuple[str, ...]:
    """What starts the runner whose folder lies at `folder`, on a device or here; the options and
    the name of the request follow."""
    loader = TARGETS[target].loader if target in TARGETS else None
    program = f"{folder}/{PROGRAM}"
    if loader is None:
        return (program,)
    return (f"{folder}/{loader}", "--library-path", str(folder), program)


def files_of(folder: Path) -> dict[str, str]:
    """The files of a runner's folder, and the SHA-256 of each."""
    files: dict[str, str] = json.loads((folder / FACTS_FILE).read_text(encoding="utf-8"))["files"]
    return files


def check_new(output: Path) -> None:
    """Raise UserError where something is at `output` already: before anything is compiled."""
    if os.path.lexists(output):
        raise UserError(f"{printable(str(output))} is there already: name a folder that is not")


def copy_to(folder: Path, output: Path) -> Path:
    """Copy a runner's folder to `output`, which must not be there.

    Raises UserError where it is, StorageError where it cannot be written.
    """
    check_new(output)
    try:
        shutil.copytree(folder, output)
    except shutil.Error as error:  # Of each file that failed: source, copy, reason.
        shutil.rmtree(output, ignore_errors=True)
        raise StorageError(
            f"cannot write {printable(str(output))} ({error.args[0][0][2]})"
        ) from error
    except OSError as error:
        raise StorageError(
            f"cannot write {printable(str(output))} ({error.strerror or error})"
        ) from error
    return output


def unpack(wheel: Path, folder: Path) -> None:
    """Headers and libraries of the runtime. Raises FetchError for what is no such wheel."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if name.startswith(("executorch/include/", "executorch/lib/")):
                    archive.extract(name, folder)
    except zipfile.BadZipFile as error:
        raise FetchError(f"{wheel} is damaged: remove it and run again") from error


def compile_runner(
    compiler: Compiler, runtime: Path, program: Path, *, flags: tuple[str, ...] = _FLAGS
) -> None:
    """Compile our sources against an unpacked wheel to `program`.

    As one translation unit, so that the runtime's headers are read once: a third of the time.
    """
    headers = runtime / "executorch"
    with temporary_folder() as scratch:
        every = Path(scratch, "runner.cpp")
        every.write_text("".join(f'#include "{file}"\n' for file in _sources("*.cpp")))
        compiler.run(
            *flags,
            *_DEFINITIONS,
            # The same program wherever this package lies.
            f"-ffile-prefix-map={SOURCES}=src",
            f'-DRUNNER_VERSION="{VERSION}"',
            f'-DEXECUTORCH_VERSION="{EXECUTORCH}"',
            *("-isystem", headers / "include", "-isystem", headers / _C10),
            *(every, "-o", program, "-L", headers / "lib"),
            # Nothing calls those that only register kernels and delegates.
            "-Wl,--no-as-needed",
            *(f"-l{name}" for name in _LIBRARIES),
        )


def _sources(*patterns: str) -> list[Path]:
    return sorted(file for pattern in patterns for file in SOURCES.glob(pattern))


def _key(target: RunnerTarget, compiler: Compiler) -> str:
    """Of all that decides what the folder holds."""
    parts = [
        *(f"{file.name} {sha256_file(file)}" for file in _sources("*.cpp", "*.h")),
        sha256_file(Path(__file__)),
        target.wheel.sha256,
        compiler.version,
        VERSION,
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _gather(target: RunnerTarget, compiler: Compiler, runtime: Path, made: Path) -> None:
    """Put the libraries that the program needs beside it; the system's own too where they are to
    be carried."""
    for name in _LIBRARIES:
        shutil.copy(runtime / "executorch" / "lib" / f"lib{name}.so", made)
    if target.loader is None:
        return
    wanted = [target.loader]
    wanted += [name for file in sorted(made.iterdir()) for name in compiler.needed_by(file)]
    while wanted:
        name = wanted.pop()
        if (made / name).exists():
            continue
        found = compiler.library(name)
        if found is None:
            raise RunError(f"{compiler.path} has no {name}: install it again")
        shutil.copy(found, made / name)
        (made / name).chmod(0o755)
        wanted += compiler.needed_by(made / name)


def _write_facts(target: RunnerTarget, compiler: Compiler, made: Path) -> None:
    facts = {
        "target": target.name,
        "version": VERSION,
        "executorch": EXECUTORCH,
        "compiler": compiler.version,
        "files": {file.name: sha256_file(file) for file in sorted(made.iterdir())},
    }
    (made / FACTS_FILE).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def _prune(cache: Path, target: TargetName) -> None:
    """Keep the runners of `target` that were used last, of toolkits and compilers side by side."""
    there = sorted(cache.glob(f"{target}-*"), key=lambda folder: folder.stat().st_mtime)
    for old in there[:-_KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def _is_whole(folder: Path) -> bool:
    """Whether each file is there as it was made."""
    try:
        files = files_of(folder)
        return PROGRAM in files and all(
            sha256_file(folder / name) == digest for name, digest in files.items()
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return False
