"""What the runner can be compiled for, a row each, with the runtime that it is linked to.

ExecuTorch's wheels of Linux carry its C++ runtime: headers and libraries, without torch. Any
Python's will do, for nothing in them is of Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from models.pinned import PinnedFile, WholeWheel

TargetName = Literal["linux-x86_64", "linux-arm64", "android-arm64"]
"""The last is not of a wheel: android.py."""

EXECUTORCH = "1.5.1"
"""The version whose runtime the runner has."""

_PYTHON = "3.11"


@dataclass(frozen=True, kw_only=True)
class RunnerTarget:
    """`triplet` is the compiler's name of it, `machine` that of the kernel, `package` Debian's
    package of a compiler for it on another machine.

    `loader` is the program that starts a program there; where it is named it is carried along with
    the C library, for phones have another.
    """

    name: TargetName
    triplet: str
    machine: str
    package: str
    wheel: PinnedFile
    loader: str | None = None


def _wheel(machine: str, sha256: str, size: int) -> PinnedFile:
    platform = f"manylinux_2_28_{machine}"
    return PinnedFile(
        name=f"executorch-{EXECUTORCH}-cp311-cp311-{platform}.whl",
        sha256=sha256,
        bytes=size,
        addresses=(
            WholeWheel(requirement=f"executorch=={EXECUTORCH}", platform=platform, python=_PYTHON),
        ),
    )


TARGETS: dict[str, RunnerTarget] = {
    target.name: target
    for target in (
        RunnerTarget(
            name="linux-x86_64",
            triplet="x86_64-linux-gnu",
            machine="x86_64",
            package="g++-x86-64-linux-gnu",
            wheel=_wheel(
                "x86_64",
                "274c28c2fe2b76acb03f9fa381537425c40e0098dcf886baf6d97a1a55ffe300",
                18_887_977,
            ),
        ),
        RunnerTarget(
            name="linux-arm64",
            triplet="aarch64-linux-gnu",
            machine="aarch64",
            package="g++-aarch64-linux-gnu",
            wheel=_wheel(
                "aarch64",
                "8ee02348a3ea80ddf770822911ebf78da616b73afce0fbaaa79f23311c88c66a",
                17_810_491,
            ),
            loader="ld-linux-aarch64.so.1",
        ),
    )
}
