"""For which of Android's ABIs a program was built, from the first bytes of its file."""

from __future__ import annotations

from pathlib import Path

# e_machine of the ELF header (elf.h), with the class: 2 is 64 bits.
_ABIS = {
    (2, 183): "arm64-v8a",
    (2, 62): "x86_64",
    (1, 40): "armeabi-v7a",
    (1, 3): "x86",
}


def abi_of(file: Path) -> str | None:
    """Android's name of the ABI; None for what is no ELF program of one. Raises OSError."""
    with file.open("rb") as stream:
        head = stream.read(20)
    if len(head) < 20 or head[:4] != b"\x7fELF" or head[5] != 1:
        return None
    return _ABIS.get((head[4], int.from_bytes(head[18:20], "little")))
