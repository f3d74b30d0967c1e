"""A folder of ours on the phone: in the shell's own temporary place, or inside the app."""

from __future__ import annotations

import hashlib
import re
import shlex
from abc import ABC, abstractmethod
from pathlib import Path

from deploy.android.parsers.processes import parse_pidof
from deploy.android.phone import Phone
from deploy.protocol.faults import fault
from deploy.support.hashing import sha256_file

PACKAGE = "dev.mobiledeploy.demo"
SHELL_FOLDER = "/data/local/tmp/mobile-deploy"
_APP_FOLDER = "files/bench"
_SECONDS = 30.0
_BYTES_PER_S = 1_000_000


class DeviceFolder(ABC):
    """A place at `path`. Names in it are generated: letters, digits, dots and dashes."""

    # What goes before a command that is to read in it.
    prefix = ""

    def __init__(self, phone: Phone, path: str) -> None:
        self.phone, self.path = phone, path
        self._there: set[str] = set()

    def make(self) -> None:
        """Make it, empty, whatever an earlier run left there."""
        sweep_phone(self.phone)
        self._make()
        self._there.clear()

    def put(self, name: str, file: Path) -> None:
        """Copy `file` there as `name`, unless that was done, and see by its hash that it came."""
        if name not in self._there:
            # Anywhere in it: old phones may print a notice first.
            if sha256_file(file) not in self._copy(name, file):
                what = f"{name} did not arrive whole on {self.phone.serial}"
                raise fault("file-differs", what)
            self._there.add(name)

    def get(self, name: str) -> bytes:
        """The bytes of a file, whole. Raises PhoneError (bad-answer) where they cannot be had."""
        path = f"{self.path}/{name}"
        data = self.phone.read(f"{self.prefix}cat {path}")
        said = self.phone.shell(f"{self.prefix}sha256sum {path}").out
        if hashlib.sha256(data).hexdigest() not in said:
            raise fault("bad-answer", f"{self.phone.serial} gave a file that is not whole")
        return data

    @abstractmethod
    def _make(self) -> None:
        """Make it, empty."""

    @abstractmethod
    def _copy(self, name: str, file: Path) -> str:
        """Copy, and give what sha256sum then says of the copy."""

    @abstractmethod
    def remove(self) -> None:
        """All of it."""


def sweep_phone(phone: Phone) -> None:
    """End and remove what an earlier run, of whichever runner, left under the shell's user.

    When adb loses its phone only the shell there is told: a runner may go on without it.
    """
    left = phone.shell(f"ls {SHELL_FOLDER}").out.split()
    for name in left:
        if re.fullmatch(r"runner-[0-9a-f]+", name):
            for pid in parse_pidof(phone.shell(f"pidof {name}").out):
                phone.shell(f"kill -9 {pid}")
    phone.shell(f"rm -rf {SHELL_FOLDER} {SHELL_FOLDER}-*")


class ShellFolder(DeviceFolder):
    """Under /data/local/tmp, where the shell may run what it has."""

    def __init__(self, phone: Phone) -> None:
        super().__init__(phone, SHELL_FOLDER)

    def _make(self) -> None:
        done = self.phone.shell(f"mkdir -p {self.path}")
        if done.code != 0:
            raise fault("unexpected", f"cannot make {self.path} on {self.phone.serial}: {done.err}")

    def _copy(self, name: str, file: Path) -> str:
        self.phone.push(file, f"{self.path}/{name}")
        return self.phone.shell(f"sha256sum {self.path}/{name}", timeout=_timeout(file)).out

    def remove(self) -> None:
        sweep_phone(self.phone)


class AppFolder(DeviceFolder):
    """In the app's own storage, which other apps and we reach by run-as alone."""

    prefix = f"run-as {PACKAGE} "

    def __init__(self, phone: Phone) -> None:
        super().__init__(phone, _APP_FOLDER)

    def _make(self) -> None:
        done = self.phone.shell(
            f"{as_app(f'rm -rf {self.path}')}; {as_app(f'mkdir -p {self.path}')}"
        )
        if done.code != 0:
            raise fault("app-not-debuggable", f"run-as fails on {self.phone.serial} ({done.err})")

    def _copy(self, name: str, file: Path) -> str:
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
        return done.out

    def remove(self) -> None:
        self.phone.shell(as_app(f"rm -rf {self.path}"))


def as_app(command: str) -> str:
    """`command`, run by a shell of the app's own user in the app's own folder.

    >>> as_app("cat > files/x")
    "run-as dev.mobiledeploy.demo sh -c 'cat > files/x'"
    """
    return f"run-as {PACKAGE} sh -c {shlex.quote(command)}"


def _timeout(file: Path) -> float:
    return _SECONDS + file.stat().st_size / _BYTES_PER_S
