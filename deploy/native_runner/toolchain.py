"""The compiler for a target, and what it tells of itself."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from deploy.native_runner.targets import RunnerTarget
from deploy.support.errors import RunError, UserError
from deploy.support.printable import last_line


@dataclass(frozen=True, kw_only=True)
class Compiler:
    """A g++ at `path`; `version` is its first line about itself."""

    path: str
    version: str

    def run(self, *arguments: str | Path) -> str:
        """What it prints. Raises RunError with the first error that it finds."""
        done = subprocess.run(
            [self.path, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if done.returncode != 0:
            lines = done.stderr.splitlines()
            errors = [line for line in lines if "error:" in line or "undefined" in line]
            said = errors[0] if errors else last_line(done.stderr) or f"exit {done.returncode}"
            raise RunError(f"{Path(self.path).name} cannot compile the runner ({said}): report it")
        return done.stdout

    def library(self, name: str) -> Path | None:
        """Where it has a library of its target; None where it has none."""
        found = Path(self.run(f"-print-file-name={name}").strip())
        return found.resolve() if found.is_absolute() and found.is_file() else None

    def needed_by(self, program: Path) -> tuple[str, ...]:
        """Names of the libraries that an ELF file of its target asks for."""
        readelf = self.run("-print-prog-name=readelf").strip()
        told = subprocess.run(
            [readelf, "-d", program], capture_output=True, encoding="utf-8", check=True
        ).stdout
        return tuple(
            line.partition("[")[2].partition("]")[0]
            for line in told.splitlines()
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
            return Compiler(path=path, version=found.run("--version").splitlines()[0])
    raise UserError(
        f"no C++ compiler for {target.name}: apt install {'g++' if here else target.package}"
    )
