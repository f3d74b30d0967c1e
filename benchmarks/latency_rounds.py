"""Interleaved measurement of arms, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from latency_artifacts import Arm

SCRIPT = str(Path(__file__).with_name("latency_arm.py"))
WARM_UP = 5
# The threads of a pool spin for some milliseconds after a call, waiting for the next one.
PAUSE_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class Measured:
    """`ms` is the median latency of each round; `logits` (classes,) what the arm answered."""

    ms: npt.NDArray[np.float64]
    logits: npt.NDArray[np.float32]


def measure(
    arms: Sequence[Arm], folder: Path, *, threads: int, rounds: int, iterations: int
) -> dict[str, Measured]:
    """Every arm in every round, by name; one computes at a time. Odd rounds go backwards.
    Their inputs are in `folder`.

    All arms stay loaded from the first round to the last, so that none profits from the file or
    memory caches of a later start.
    """
    medians: dict[str, list[float]] = {arm.name: [] for arm in arms}
    with ExitStack() as stack:
        running = [
            (arm, stack.enter_context(started(arm, folder / arm.input, threads))) for arm in arms
        ]
        logits = {arm.name: json.loads(process.answer()) for arm, process in running}
        for number in range(rounds):
            for arm, process in running[:: 1 if number % 2 == 0 else -1]:
                time.sleep(PAUSE_SECONDS)
                process.ask(f"{WARM_UP} {iterations}")
                medians[arm.name].append(float(process.answer()))
    return {
        name: Measured(ms=np.array(ms), logits=np.array(logits[name], np.float32))
        for name, ms in medians.items()
    }


class ArmProcess:
    """A running `latency_arm.py`. Whatever its runtime prints to stderr goes to `log`."""

    def __init__(self, arm: Arm, process: subprocess.Popen[str], log: Path) -> None:
        self._arm, self._process, self._log = arm, process, log

    def ask(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def answer(self) -> str:
        """The next line; ends the benchmark where the arm has died."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self._arm.name} failed:\n{self._log.read_text()[-4000:]}")
        return line


@contextmanager
def started(arm: Arm, inputs: Path, threads: int) -> Iterator[ArmProcess]:
    """The arm's process, ended when the context is."""
    command = [arm.python, SCRIPT, arm.runtime, str(arm.file), str(inputs), str(threads)]
    with tempfile.TemporaryDirectory() as folder, Path(folder, "log").open("w") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            yield ArmProcess(arm, process, Path(log.name))
        finally:
            process.kill()
            process.communicate()
