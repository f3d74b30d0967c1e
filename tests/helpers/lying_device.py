"""A phone that answers what it is told to, without adb."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from deploy.android.adb import Adb
from deploy.android.device import AndroidDevice
from deploy.android.phone import Phone, ShellResult
from deploy.benchmark.runner import Ran
from deploy.protocol.messages import Request

PROPERTIES = {
    "sys.boot_completed": "1",
    "ro.product.model": "Liar",
    "ro.product.cpu.abi": "arm64-v8a",
    "ro.build.version.sdk": "34",
}


class LyingPhone(Phone):
    """Answers what it is told to, by a part of the command; the rest with nothing."""

    answers: Mapping[str, str]

    def shell(
        self, command: str, *, timeout: float | None = None, stdin: Path | None = None
    ) -> ShellResult:
        out = next((said for part, said in self.answers.items() if part in command), "")
        return ShellResult(out=out, err="", code=0)

    def shell_each(
        self, commands: Mapping[str, str], *, timeout: float | None = None
    ) -> dict[str, str]:
        return {name: self.shell(command).out for name, command in commands.items()}


class NoRunner:
    name = "native"

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def put(self, name: str, file: Path) -> None: ...
    def run(self, request: Request, mask: str | None, timeout: float) -> Ran:
        raise NotImplementedError


def lying_device(answers: Mapping[str, str], properties: Mapping[str, str] = {}) -> AndroidDevice:
    said = {**PROPERTIES, **properties}
    phone = LyingPhone(Adb(binary="none"), "liar")
    listed = "".join(f"[{key}]: [{value}]\n" for key, value in said.items())
    object.__setattr__(phone, "answers", {**answers, "getprop": listed})
    return AndroidDevice(phone, lambda phone, about: NoRunner())  # type: ignore[arg-type, return-value]
