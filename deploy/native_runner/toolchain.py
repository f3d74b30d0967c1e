"""The compiler for a target, and what it tells of itself."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from deploy.native_runner.targets import RunnerTarget
from deploy.support.errors import RunError, StorageError, UserError
from deploy.support.printable import last_line, printable

# A compilation takes 6 s, on the slowest of machines some minutes.
_SECONDS = 900.0


@dataclass(frozen=True, kw_only=True)
class Compiler:
    """A g++ at `path`; `version` is its first line about itself."""

    path: str
    version: str

    def run(self, *arguments: str | Path) -> str:
        """What it prints. Raises RunError with the first error that it finds, StorageError where
        it finds no room."""
        done = _started([self.path, *map(str, arguments)])
        if done.returncode != 0:
            lines = done.stderr.splitlines()
            if any("No space left on device" in line for line in lines):
                raise StorageError(
                    f"{Path(self.path).name} finds no room in the cache or for temporary "
                    "files: make room, or set MOBILE_DEPLOY_CACHE or TMPDIR to another folder"
                )
            errors = [line for line in lines if "error:" in line or "undefined" in line]
            said = errors[0] if errors else last_line(done.stderr) or f"exit {done.returncode}"
            what = f"cannot compile the runner ({printable(said)})"
            raise RunError(f"{Path(self.path).name} {what}: report it")
        return done.stdout

    def library(self, name: str) -> Path | None:
        """Where it has a library of its target; None where it has none."""
        found = Path(self.run(f"-print-file-name={name}").strip())
        return found.resolve() if found.is_absolute() and found.is_file() else None

    def needed_by(self, program: Path) -> tuple[str, ...]:
        """Names of the libraries that an ELF file of its target asks for."""
        readelf = self.run("-print-prog-name=readelf").strip()
        told = _started([readelf, "-d", str(program)])
        if told.returncode != 0:
            said = printable(last_line(told.stderr) or f"exit {told.returncode}")
            raise RunError(f"{readelf} cannot read {program.name} ({said}): install binutils again")
        return tuple(
            line.partition("[")[2].partition("]")[0]
            for line in told.stdout.splitlines()
            if "(NEEDED)" in line
        )


def find_compiler(target: RunnerTarget) -> Compiler:
    """The cross compiler by its triplet, or g++ where this is such a machine.

    Raises UserError where there is none: what to install.
    """
    here = sys.platform == "linux" and platform.machine() == target.machine
    for name in (f"{target.triplet}-g++", *(["g++"] if here else [])):
        path = shutil.which(name)
        if path is not None:
            found = Compiler(path=path, version="")
            version = found.run("--version").strip()
            if not version:
                raise RunError(f"{path} does not tell its version: install it again")
            return Compiler(path=path, version=version.splitlines()[0])
    raise UserError(
        f"no C++ compiler for {target.name}: apt install {'g++' if here else target.package}"
    )


def _started(words: list[str]) -> subprocess.CompletedProcess[str]:
    """A program of the compiler's, ended. Raises RunError where it cannot be started or hangs."""
    try:
        return subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RunError(
            f"{words[0]} did not end in {_SECONDS:g} s, and was ended: run again"
        ) from error
    except OSError as error:
        raise RunError(
            f"cannot start {words[0]} ({error.strerror or error}): install it again"
        ) from error
