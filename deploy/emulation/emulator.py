"""qemu's user mode for arm64: finding it, and running one program in it."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.emulation.processors import PROCESSORS, Processor
from deploy.support.errors import EmulationError, UserError
from deploy.support.printable import last_line, printable

PROGRAM = "qemu-aarch64"
INSTALL = "apt install qemu-user"
OLDEST = (7, 2)
# Of qemu and of what it runs: nothing of ours, so that counts repeat wherever they are taken, and
# none of qemu's own variables.
_ENVIRONMENT = {"LC_ALL": "C"}
_LOOK_S = 30


@dataclass(frozen=True, kw_only=True)
class Emulator:
    """A qemu at `path`, and what its `-cpu` takes."""

    path: str
    version: str
    processors: frozenset[str]

    def require(self, processors: Sequence[Processor]) -> None:
        """Raise UserError where it lacks one of them."""
        for processor in processors:
            if not self._has(processor):
                having = [row.name for row in PROCESSORS.values() if self._has(row)]
                raise UserError(
                    f"{PROGRAM} {self.version} emulates no {processor.name}: take one of "
                    f"{', '.join(having)}, or install a later qemu"
                )

    def run(
        self,
        processor: Processor,
        words: Sequence[str | Path],
        *,
        folder: Path,
        timeout: float,
        options: Sequence[str] = (),
    ) -> None:
        """Run a program for arm64 in `folder`, with `options` of qemu's.

        Raises EmulationError where it fails, is ended by a signal, or is not done in `timeout`
        seconds.
        """
        what = f"the emulated {processor.name}"
        try:
            done = subprocess.run(
                [self.path, "-cpu", processor.qemu, *options, *words],
                cwd=folder,
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise EmulationError(
                f"{what} did not end in {timeout:g} s and was killed: run again while the computer "
                "is idle, or take a smaller network"
            ) from error
        if done.returncode == 0:
            return
        said = last_line(done.stderr.decode("utf-8", "replace"))
        if done.returncode < 0:
            ended = f"was ended by {_signal_name(-done.returncode)}"
            raise EmulationError(
                f"{what} {ended} ({said or 'no word'}): run again with more memory"
            )
        raise EmulationError(
            f"{what} failed ({said or f'exit {done.returncode}'}): run again with --debug and "
            "report it"
        )

    def _has(self, processor: Processor) -> bool:
        return processor.qemu.partition(",")[0] in self.processors


def find_emulator() -> Emulator:
    """The emulator on the path.

    Raises UserError where there is none, or one that is too old: what to install. EmulationError
    where it does not start.
    """
    path = shutil.which(PROGRAM)
    if path is None:
        raise UserError(f"no {PROGRAM} to emulate a phone's processor: {INSTALL}")
    said = _ask(path, "--version")
    found = re.search(r"version ((\d+)\.(\d+)[\d.]*)", said)
    if found is None:
        raise EmulationError(f"{path} does not tell its version ({printable(said)}): {INSTALL}")
    if (int(found[2]), int(found[3])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise UserError(
            f"{PROGRAM} {found[1]} is too old, {oldest} is the oldest that will do: {INSTALL}, on "
            "Debian 12, Ubuntu 24.04 or later"
        )
    listed = frozenset(_ask(path, "-cpu", "help").split())
    return Emulator(path=path, version=found[1], processors=listed)


def _ask(path: str, *words: str) -> str:
    """What it says; of `-cpu help` older ones also end with 1."""
    try:
        done = subprocess.run(
            [path, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LOOK_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise EmulationError(f"{path} does not start ({error}): {INSTALL}") from error
    return done.stdout.decode("utf-8", "replace")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
