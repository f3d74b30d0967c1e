"""`mobile-deploy` in a process of its own, in this one, and as installed for a line of shell."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from places import ROOT

MAIN = "import sys; from deploy.__main__ import main; sys.exit(main())"


def command(*arguments: str) -> list[str]:
    """What starts `mobile-deploy ARGUMENTS...`, in the `environment` below."""
    return [sys.executable, "-m", "deploy", *arguments]


def environment(**changes: str) -> dict[str, str]:
    """Ours, in which any folder's Python finds this checkout."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **changes}


def run_process(
    *arguments: str, folder: Path | None = None, **changes: str
) -> subprocess.CompletedProcess[str]:
    """`mobile-deploy ARGUMENTS...` in a process of its own: for what only a real one shows."""
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env=environment(**changes),
    )


def modules_loaded(*arguments: str) -> set[str]:
    """What a process has imported once it has run `mobile-deploy ARGUMENTS...`."""
    code = "import sys; from deploy.cli import main; main(); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
    )
    return set(done.stderr.split())


def run_installed(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run one line of shell in `folder`, with the installed `mobile-deploy` of this Python."""
    return subprocess.run(
        ["bash", "-ec", line],
        cwd=folder,
        env=_with_installed(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def start_installed(line: str, folder: Path) -> subprocess.Popen[bytes]:
    """Start one such line, and return once it has said something."""
    process = subprocess.Popen(
        ["bash", "-c", f"exec {line}"],
        cwd=folder,
        env=_with_installed(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    return process


def _with_installed() -> dict[str, str]:
    scripts = Path(sys.executable).parent
    assert shutil.which("mobile-deploy", path=str(scripts)), (
        "mobile-deploy is not installed beside this Python: pip install --editable '.[dev]'"
    )
    return {**os.environ, "PATH": os.pathsep.join([str(scripts), os.environ["PATH"]])}


@dataclass(frozen=True, kw_only=True)
class Done:
    """As of a process that has ended."""

    returncode: int
    stdout: str
    stderr: str


def run_here(capfd: pytest.CaptureFixture[str], *arguments: str) -> Done:
    """`mobile-deploy ARGUMENTS...` in this process, whose toolkits are imported once for all."""
    from deploy.cli import commands
    from deploy.cli.run import run

    capfd.readouterr()
    code = run(commands, arguments)
    out, err = capfd.readouterr()
    return Done(returncode=code, stdout=out, stderr=err)
