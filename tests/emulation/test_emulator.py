"""What can go wrong with an emulator, each as one line that says what to do."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from deploy.backends import ALSO_LOADED_BY, BACKENDS, loads_pte
from deploy.emulation.block import Emulation, why_not_run
from deploy.emulation.emulator import PROGRAM, Emulator, find_emulator
from deploy.emulation.instructions import count_instructions
from deploy.emulation.processors import PROCESSORS, processors_named
from deploy.native_runner.targets import EXECUTORCH
from deploy.support.errors import EmulationError, GateError, UserError

Fake = Callable[[str], Emulator]
CORE = PROCESSORS["cortex-a53"]
REFUSAL = (
    '{"schema_version": 1, "id": "block", "status": "error", "error": {"kind": "load-failed", '
    '"text": "no program"}, "runner": null, "load_ns": null, "first_ns": null, "iterations_ns": '
    '[], "thermal_before": null, "thermal_after": null, "memory_before_bytes": null, '
    '"memory_peak_bytes": null, "logits": []}'
)


TELLS = """\
case "$*" in
    --version) echo "$0 version 7.2.5 (here)"; exit;;
    "-cpu help") echo cortex-a53; exit 1;;
esac"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """`fake(script)`: the emulator on the path is a shell script that knows one processor."""

    def make(script: str) -> Emulator:
        program = tmp_path / "bin" / PROGRAM
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\n{TELLS}\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
        return find_emulator()

    return make


def run(emulator: Emulator, folder: Path, *, timeout: float = 30) -> None:
    """A block on it."""
    file = folder / "network.pte"
    file.write_bytes(b"a network")
    photos = np.zeros((1, 3, 4, 4), np.float32)
    Emulation(emulator=emulator, runner=folder).run(CORE, file, photos, timeout=timeout)


def test_a_processor_that_is_unknown_names_the_known_ones() -> None:
    with pytest.raises(
        UserError, match="--cpu: unknown processor 'pentium': known are cortex-a53, "
    ):
        processors_named("--cpu", ["cortex-a53", "pentium"])
    assert processors_named("--cpu", ["max", "max"]) == (PROCESSORS["max"],)


def test_a_missing_emulator_names_the_command_that_brings_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UserError, match=r"no qemu-aarch64 .*: apt install qemu-user"):
        find_emulator()


def test_one_that_is_too_old_or_lacks_the_processor_is_told(fake: Fake, tmp_path: Path) -> None:
    emulator = fake("")
    assert (emulator.version, emulator.processors) == ("7.2.5", {"cortex-a53"})
    with pytest.raises(
        UserError, match=r"7\.2\.5 emulates no cortex-a710: take one of cortex-a53,"
    ):
        emulator.require([PROCESSORS["cortex-a710"]])
    program = Path(emulator.path)
    program.write_text("#!/bin/sh\necho qemu-aarch64 version 6.1.0")
    with pytest.raises(UserError, match=r"6\.1\.0 is too old, 7\.2 .*: apt install qemu-user"):
        find_emulator()
    program.write_text("#!/bin/sh\necho something else")
    with pytest.raises(EmulationError, match="does not tell its version"):
        find_emulator()


@pytest.mark.parametrize(
    ("script", "error", "said"),
    [
        ("exec sleep 60", EmulationError, "did not end in 1 s and was killed"),
        ("kill -9 $$", EmulationError, "was ended by SIGKILL .*: run again with more memory"),
        ("echo no room >&2; exit 1", EmulationError, r"the emulated cortex-a53 failed \(no room\)"),
        ("exit 0", EmulationError, r"wrote no block\.answer\.json"),
        (f"echo '{REFUSAL}' >block.answer.json", GateError, r"\(load-failed: no program\): build"),
    ],
    ids=["hung", "killed", "failed", "silent", "refused"],
)
def test_whatever_ends_a_block_is_told(
    script: str, error: type[Exception], said: str, fake: Fake, tmp_path: Path
) -> None:
    with pytest.raises(error, match=said):
        run(fake(script), tmp_path, timeout=1 if "sleep" in script else 30)


def test_counts_that_are_cut_short_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.emulation.instructions.build_plugin", lambda: tmp_path / "p.so")
    emulator = Emulator(path="x", version="7.2", processors=frozenset())
    emulation = Emulation(emulator=emulator, runner=tmp_path)
    monkeypatch.setattr(Emulation, "count", lambda *_, **__: (None, "load 12\nstor"))
    with pytest.raises(EmulationError, match="was cut short"):
        count_instructions(emulation, CORE, tmp_path, np.zeros((1, 3, 4, 4), np.float32))


def test_what_is_not_run_says_why() -> None:
    written_by = BACKENDS["executorch"].runtime.version
    assert why_not_run("executorch", written_by) is None
    assert why_not_run("onnx", "1.18") == "only .pte files are run on emulated processors"
    other = why_not_run("executorch", "1.3.0")
    assert other == (
        f"written by ExecuTorch 1.3.0, which the runner's {EXECUTORCH} is not known to load"
    )
    assert all(loads_pte(version, version) for version in ALSO_LOADED_BY)
