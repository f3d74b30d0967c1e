"""The processors that can be emulated, a row each: one for every kind of int8 kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deploy.support.choices import one_of


@dataclass(frozen=True, kw_only=True)
class Processor:
    """`qemu` is what its `-cpu` takes, `kernels` what the int8 kernels for it compute with."""

    name: str
    qemu: str
    kernels: str


PROCESSORS: dict[str, Processor] = {
    processor.name: processor
    for processor in (
        Processor(name="cortex-a53", qemu="cortex-a53", kernels="multiply-adds alone"),
        Processor(name="cortex-a76", qemu="cortex-a76", kernels="dot products"),
        Processor(name="cortex-a710", qemu="cortex-a710", kernels="i8mm and SVE2"),
        Processor(name="neoverse-v1", qemu="neoverse-v1", kernels="i8mm and SVE"),
        Processor(name="max", qemu="max", kernels="all that the emulator has, SVE and SME too"),
        Processor(name="max-without-sve", qemu="max,sve=off", kernels="i8mm"),
    )
}
DEFAULT_PROCESSOR = "cortex-a76"


def processors_named(option: str, names: Sequence[str]) -> tuple[Processor, ...]:
    """The processors, each once. Raises UserError, which names `option` and the known ones."""
    chosen = [one_of(option, "processor", name, PROCESSORS) for name in names]
    return tuple(PROCESSORS[name] for name in dict.fromkeys(chosen))
