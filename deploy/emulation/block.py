"""A block of the native runner for phones on an emulated processor.

.pte, photos ── request ── qemu-aarch64 ── runner for linux-arm64 ── answer
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deploy.backends import BACKENDS, loads_pte
from deploy.bundle.feeding import Taken, in_memory, pixels_in
from deploy.emulation.emulator import Emulator, find_emulator
from deploy.emulation.processors import Processor
from deploy.native_runner.build import build, command
from deploy.native_runner.targets import EXECUTORCH, TargetName
from deploy.protocol.answers import parse_answer
from deploy.protocol.messages import (
    Answer,
    GoldenInput,
    Request,
    RequestedArtifact,
    TimedInput,
    request_version,
)
from deploy.support.errors import EmulationError, GateError
from deploy.support.hashing import sha256_file
from deploy.support.reporter import Progress, silent
from deploy.support.temporary import temporary_folder

FORMAT = "executorch"
_TARGET: TargetName = "linux-arm64"
_ID = "block"
_COUNTS = "counts"
# An emulated inference takes a hundred times as long as one here, and the machine may be busy.
_START_S, _INFERENCE_S = 60.0, 120.0


@dataclass(frozen=True, kw_only=True)
class Emulation:
    """An emulator, and the folder of the runner that it runs."""

    emulator: Emulator
    runner: Path

    def run(
        self,
        processor: Processor,
        file: Path,
        photos: Taken,
        *,
        iterations: int = 1,
        timeout: float | None = None,
    ) -> Answer:
        """The answer for the .pte `file` and photos (N, ...) as the network takes them.

        In one thread: the first photo once and then `iterations` times, then each photo once for
        its logits. Raises GateError where the runner refuses the file, EmulationError where the
        emulator fails or takes longer than `timeout` seconds.
        """
        return self._run(processor, file, photos, iterations, timeout, plugin=None)[0]

    def count(
        self,
        processor: Processor,
        file: Path,
        photos: Taken,
        plugin: Path,
        *,
        iterations: int,
        timeout: float | None = None,
    ) -> tuple[Answer, str]:
        """As `run`, and what the plugin of qemu's at `plugin` wrote when the runner ended."""
        return self._run(processor, file, photos, iterations, timeout, plugin=plugin)

    def _run(
        self,
        processor: Processor,
        file: Path,
        photos: Taken,
        iterations: int,
        timeout: float | None,
        *,
        plugin: Path | None,
    ) -> tuple[Answer, str]:
        options: tuple[str, ...] = ()
        with temporary_folder() as folder:
            request = _stage(folder, file, photos, iterations)
            if plugin is not None:
                # By a name of ours: qemu reads commas in it as options.
                (folder / "plugin.so").symlink_to(plugin)
                options = ("-plugin", f"./plugin.so,out={_COUNTS}")
            self.emulator.run(
                processor,
                (*command(_TARGET, self.runner), f"{_ID}.request.json"),
                folder=folder,
                timeout=timeout or _START_S + _INFERENCE_S * (1 + iterations + len(photos)),
                options=options,
            )
            wanted = [f"{_ID}.answer.json", *([_COUNTS] if plugin else [])]
            try:
                answered, *counted = [(folder / name).read_bytes() for name in wanted]
            except FileNotFoundError as error:
                what = f"the emulated {processor.name} wrote no {Path(error.filename).name}"
                raise EmulationError(f"{what}: run again with --debug and report it") from error
        answer = parse_answer(answered, request, f"the emulated {processor.name}")
        if answer.error is not None:
            raise GateError(
                f"{file.name} does not run on an emulated {processor.name} ({answer.error.kind}: "
                f"{answer.error.text}): build the bundle again"
            )
        return answer, b"".join(counted).decode()


def open_emulation(processors: Sequence[Processor], *, progress: Progress = silent) -> Emulation:
    """What runs blocks on these processors; the runner is compiled unless that was done.

    Raises UserError where the emulator or the compiler is missing, or the former lacks one of
    them; what `deploy.native_runner.build` raises.
    """
    emulator = find_emulator()
    emulator.require(processors)
    return Emulation(emulator=emulator, runner=build(_TARGET, progress=progress))


def why_not_run(format: str, written_by: str) -> str | None:
    """Why an artifact cannot be run on an emulated processor; None where it can.

    `written_by` is the version of its runtime, as its manifest has it.
    """
    if format != FORMAT:
        return "only .pte files are run on emulated processors"
    if not loads_pte(EXECUTORCH, written_by):
        return (
            f"written by ExecuTorch {written_by}, which the runner's {EXECUTORCH} is not known to "
            "load"
        )
    return None


def _stage(folder: Path, file: Path, photos: Taken, iterations: int) -> Request:
    """Write the files of a block, and its request."""
    pixels = pixels_in(photos)
    network = f"network{BACKENDS[FORMAT].suffix}"
    (folder / network).symlink_to(file.resolve())
    request = Request(
        schema_version=request_version(pixels),
        id=_ID,
        artifact=RequestedArtifact(
            file=network,
            sha256=sha256_file(file),
            format="executorch",
            backend="xnnpack",
            # A .pte has one input and one output, whatever they are called.
            input="input",
            output="output",
        ),
        threads=1,
        warmup=0,
        iterations=iterations,
        shape=(1, *photos.shape[1:]),
        pixels=pixels,
        input=TimedInput(golden=0, seed=None),
        golden=tuple(_write_photo(folder, index, photo) for index, photo in enumerate(photos)),
        sustained=False,
    )
    (folder / f"{_ID}.request.json").write_text(request.to_json(), encoding="utf-8")
    return request


def _write_photo(folder: Path, index: int, photo: Taken) -> GoldenInput:
    data = in_memory(photo)
    name = f"golden-{index}.{'f32' if photo.dtype == np.float32 else 'u8'}"
    (folder / name).write_bytes(data)
    return GoldenInput(index=index, file=name, sha256=hashlib.sha256(data).hexdigest())
