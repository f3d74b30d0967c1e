"""A folder of ours on the phone: in the shell's own temporary place, or inside the app."""

from __future__ import annotations

import hashlib
import re
import shlex
from pathlib import Path
from typing import Protocol

from deploy.hashing import sha256_file
from deploy.phone.faults import fault
from deploy.phone.parsers.process import parse_pidof
from deploy.phone.phone import Phone

PACKAGE = "dev.mobiledeploy.demo"
SHELL_FOLDER = "/data/local/tmp/mobile-deploy"
_APP_FOLDER = "files/bench"
_SECONDS = 30.0
_BYTES_PER_S = 1_000_000


class DeviceFolder(Protocol):
    """Names in it are generated: letters, digits, dots and dashes."""

    def make(self) -> None:
        """Empty, whatever an earlier run left there."""

    def put(self, name: str, file: Path) -> None:
        """Copy `file` there as `name`, and see by its hash that it arrived."""

    def remove(self) -> None:
        """All of it."""


def sweep(phone: Phone) -> None:
    """End and remove what an earlier run, of whichever runner, left under the shell's user.

    When adb loses its phone only the shell there is told: a runner may go on without it.
    """
    left = phone.shell(f"ls {SHELL_FOLDER}").out.split()
    for name in left:
        if re.fullmatch(r"runner-[0-9a-f]+", name):
            for pid in parse_pidof(phone.shell(f"pidof {name}").out):
                phone.shell(f"kill -9 {pid}")
    phone.shell(f"rm -rf {SHELL_FOLDER} {SHELL_FOLDER}-*")


class ShellFolder:
    """Under /data/local/tmp, where the shell may run what it has."""

    def __init__(self, phone: Phone) -> None:
        self.phone, self.path = phone, SHELL_FOLDER

    def make(self) -> None:
        sweep(self.phone)
        done = self.phone.shell(f"mkdir -p {self.path}")
        if done.code != 0:
            raise fault("unexpected", f"cannot make {self.path} on {self.phone.serial}: {done.err}")

    def put(self, name: str, file: Path) -> None:
        self.phone.push(file, f"{self.path}/{name}")
        done = self.phone.shell(f"sha256sum {self.path}/{name}", timeout=_timeout(file))
        _check(self.phone, name, file, done.out)

    def get(self, name: str) -> bytes:
        """The bytes of a file, whole. Raises PhoneError (bad-answer) where they cannot be had."""
        return _get(self.phone, "", f"{self.path}/{name}")

    def remove(self) -> None:
        sweep(self.phone)


class AppFolder:
    """In the app's own storage, which other apps and we reach by run-as alone."""

    def __init__(self, phone: Phone) -> None:
        self.phone, self.path = phone, _APP_FOLDER

    def make(self) -> None:
        sweep(self.phone)
        done = self.phone.shell(
            f"{as_app(f'rm -rf {self.path}')}; {as_app(f'mkdir -p {self.path}')}"
        )
        if done.code != 0:
            raise fault("app-not-debuggable", f"run-as fails on {self.phone.serial} ({done.err})")

    def put(self, name: str, file: Path) -> None:
        to = f"{self.path}/{name}"
        if "shell_v2" in self.phone.features:
            copy = as_app(f"cat > {to} && sha256sum {to}")
            done = self.phone.shell(copy, stdin=file, timeout=_timeout(file))
        else:
            # Such a phone never learns where the input ends.
            by_way = f"/data/local/tmp/mobile-deploy-{name}"
            self.phone.push(file, by_way)
            copy = as_app(f"cp {by_way} {to} && sha256sum {to}")
            done = self.phone.shell(f"chmod 644 {by_way}; {copy}; rm -f {by_way}")
        if "No space left" in done.err + done.out:
            raise fault("no-space", f"{self.phone.serial} has no space left")
        _check(self.phone, name, file, done.out)

    def get(self, name: str) -> bytes:
        """The bytes of a file, whole. Raises PhoneError (bad-answer) where they cannot be had."""
        return _get(self.phone, f"run-as {PACKAGE} ", f"{self.path}/{name}")

    def remove(self) -> None:
        self.phone.shell(as_app(f"rm -rf {self.path}"))


def as_app(command: str) -> str:
    """`command`, run by a shell of the app's own user in the app's own folder.

    >>> as_app("cat > files/x")
    "run-as dev.mobiledeploy.demo sh -c 'cat > files/x'"
    """
    return f"run-as {PACKAGE} sh -c {shlex.quote(command)}"


def _get(phone: Phone, prefix: str, path: str) -> bytes:
    data = phone.read(f"{prefix}cat {path}")
    if hashlib.sha256(data).hexdigest() not in phone.shell(f"{prefix}sha256sum {path}").out:
        raise fault("bad-answer", f"{phone.serial} gave a file that is not whole")
    return data


def _check(phone: Phone, name: str, file: Path, said: str) -> None:
    # Anywhere in it: old phones may print a notice first.
    if sha256_file(file) not in said:
        raise fault("file-differs", f"{name} did not arrive whole on {phone.serial}")


def _timeout(file: Path) -> float:
    return _SECONDS + file.stat().st_size / _BYTES_PER_S
