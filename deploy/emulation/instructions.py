"""How many instructions one inference executes, by kind: counted by a plugin of qemu's, our own.

The difference of two runs that differ in nothing but the number of inferences, so that starting,
loading and answering do not count. The counts are the program's: how long a processor takes for
them, they do not say.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, fields
from pathlib import Path

from deploy.assets import cache_folder
from deploy.bundle.feeding import Taken
from deploy.emulation.block import Emulation
from deploy.emulation.processors import Processor
from deploy.protocol.messages import Answer
from deploy.support.errors import EmulationError, RunError, StorageError, UserError
from deploy.support.hashing import sha256_file
from deploy.support.printable import last_line

SOURCE = Path(__file__).with_suffix(".c")
FEW, MANY = 3, 7
"""Inferences of the two runs."""


@dataclass(frozen=True, kw_only=True)
class Instructions:
    """By kind: `dot_product` of four bytes each, `i8mm` the matrix products of bytes,
    `multiply_add` of vectors and floats, memory, and all `other`."""

    dot_product: int
    i8mm: int
    multiply_add: int
    load: int
    store: int
    other: int


def count_instructions(
    emulation: Emulation,
    processor: Processor,
    file: Path,
    photos: Taken,
    *,
    timeout: float | None = None,
) -> tuple[Instructions, Answer]:
    """The instructions of one inference of the .pte `file` on the first of `photos` (N, ...),
    and the answer with the logits of all.

    Raises UserError where no C compiler is there, EmulationError where the emulator takes no
    plugins, and what `Emulation.run` raises.
    """
    plugin = build_plugin()
    few, many = (
        emulation.count(processor, file, photos, plugin, iterations=number, timeout=timeout)
        for number in (FEW, MANY)
    )
    return _of_one(_parse(few[1]), _parse(many[1])), many[0]


def build_plugin() -> Path:
    """The plugin, compiled unless that was done.

    Raises UserError where there is no C compiler, RunError where it does not compile, StorageError
    where the cache cannot be written.
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    key = hashlib.sha256(f"{sha256_file(SOURCE)} {platform.machine()}".encode()).hexdigest()[:16]
    plugin = cache_folder() / "emulation" / f"instructions-{key}.so"
    if plugin.exists():
        return plugin
    if compiler is None:
        raise UserError("no C compiler for what counts instructions: apt install gcc libc6-dev")
    flags = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")
    try:
        plugin.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".building-", dir=plugin.parent) as scratch:
            made = Path(scratch, plugin.name)
            done = subprocess.run(
                [compiler, *flags, "-fvisibility=hidden", SOURCE, "-o", made],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
            )
            if done.returncode != 0:
                said = last_line(done.stderr) or f"exit {done.returncode}"
                raise RunError(f"{compiler} cannot compile {SOURCE.name} ({said}): report it")
            made.replace(plugin)
    except OSError as error:
        raise StorageError(
            f"cannot write to {plugin.parent} ({error.strerror or error}): make room, or set "
            "MOBILE_DEPLOY_CACHE to another folder"
        ) from error
    return plugin


def _parse(text: str) -> dict[str, int]:
    """What the plugin wrote. Raises EmulationError for anything else."""
    counts = {}
    for line in text.splitlines():
        kind, _, number = line.partition(" ")
        counts[kind] = int(number) if number.isdecimal() else -1
    if set(counts) != {field.name for field in fields(Instructions)} or -1 in counts.values():
        raise EmulationError("the emulator's plugin was cut short: run again with more disk space")
    return counts


def _of_one(few: dict[str, int], many: dict[str, int]) -> Instructions:
    """Of one inference: what is not of inferences is in both runs, but for some hundreds."""
    each = {kind: round((many[kind] - few[kind]) / (MANY - FEW)) for kind in few}
    return Instructions(**{kind: max(0, number) for kind, number in each.items()})
