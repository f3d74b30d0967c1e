"""Compiling the runner for Android itself, within the build of an ExecuTorch source tree.

Written from ExecuTorch's documentation; it has been run with no NDK yet.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from deploy.assets import cache_folder
from deploy.native_runner.build import PROGRAM, SOURCES, VERSION
from deploy.support.errors import RunError, UserError
from deploy.support.printable import last_line

_OLDEST_ANDROID = "android-26"


def build_for_android(executorch: Path) -> Path:
    """The folder of the program, linked statically to the runtime of that source tree.

    What was compiled is kept, so that a second call compiles what has changed alone. Raises
    UserError where the tree, CMake or the NDK is not there, RunError where it does not compile.
    """
    version_file = executorch / "version.txt"
    if not version_file.is_file():
        raise UserError(f"{executorch} is no source tree of ExecuTorch: clone one with submodules")
    toolchain = _ndk() / "build/cmake/android.toolchain.cmake"
    if not toolchain.is_file():
        raise UserError(f"there is no {toolchain}: set ANDROID_NDK_HOME to an NDK")
    cmake = shutil.which("cmake")
    if cmake is None:
        raise UserError("there is no cmake: apt install cmake")
    key = hashlib.sha256(str(executorch.resolve()).encode()).hexdigest()[:16]
    folder = cache_folder() / "native-runner" / f"android-arm64-{key}"
    version = version_file.read_text(encoding="utf-8", errors="replace").strip()
    _run(
        *(cmake, "-S", SOURCES, "-B", folder),
        f"-DEXECUTORCH={executorch.resolve()}",
        f"-DCMAKE_TOOLCHAIN_FILE={toolchain}",
        *("-DANDROID_ABI=arm64-v8a", f"-DANDROID_PLATFORM={_OLDEST_ANDROID}"),
        *("-DANDROID_STL=c++_static", "-DCMAKE_BUILD_TYPE=Release"),
        f"-DPYTHON_EXECUTABLE={sys.executable}",
        f"-DRUNNER_VERSION={VERSION}",
        f"-DEXECUTORCH_VERSION={version}",
    )
    _run(cmake, "--build", folder, "--target", PROGRAM, "--parallel")
    return folder


def _ndk() -> Path:
    for name in ("ANDROID_NDK_HOME", "ANDROID_NDK_ROOT", "ANDROID_NDK"):
        if os.environ.get(name):
            return Path(os.environ[name])
    raise UserError("no NDK is named: set ANDROID_NDK_HOME to one, r27 or later")


def _run(*words: str | Path) -> None:
    done = subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).splitlines()
        errors = [line.strip() for line in lines if "rror:" in line or "Error" in line]
        said = errors[0] if errors else last_line(done.stderr)
        raise RunError(f"ExecuTorch's build for Android failed ({said}): see docs/native-runner.md")
