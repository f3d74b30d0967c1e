"""A folder of ours on the phone: here in the shell's own temporary place, in `app_folders` inside
the app."""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from pathlib import Path

from deploy.android.parsers.processes import parse_pidof
from deploy.android.phone import Phone, ShellResult
from deploy.protocol.faults import fault
from deploy.support.hashing import sha256_file

SHELL_FOLDER = "/data/local/tmp/mobile-deploy"
_SECONDS = 30.0
_BYTES_PER_S = 1_000_000


class DeviceFolder(ABC):
    """A place at `path`. Names in it are generated: letters, digits, dots and dashes."""

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
        data = self._read(name)
        if hashlib.sha256(data).hexdigest() not in self._hash(name):
            raise fault("bad-answer", f"{self.phone.serial} gave a file that is not whole")
        return data

    def push_aside(self, name: str, file: Path) -> str:
        """Push `file` to where the shell can read it, and give its path there: for an old phone,
        which never learns where a command's input ends."""
        by_way = f"{SHELL_FOLDER}-{name}"
        self.phone.push(file, by_way)
        return by_way

    def check_space(self, done: ShellResult) -> None:
        """Raise PhoneError (no-space) where that is why a copy came to nothing."""
        if "No space left" in done.err + done.out:
            raise fault("no-space", f"{self.phone.serial} has no space left")

    @abstractmethod
    def _make(self) -> None:
        """Make it, empty."""

    @abstractmethod
    def _copy(self, name: str, file: Path) -> str:
        """Copy, and give what then tells the SHA-256 of the copy."""

    @abstractmethod
    def _read(self, name: str) -> bytes:
        """What comes of a file, which may not be all."""

    @abstractmethod
    def _hash(self, name: str) -> str:
        """What tells the SHA-256 of a file."""

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
        return self.phone.shell(f"sha256sum {self.path}/{name}", timeout=timeout_of(file)).out

    def _read(self, name: str) -> bytes:
        return self.phone.read(f"cat {self.path}/{name}")

    def _hash(self, name: str) -> str:
        return self.phone.shell(f"sha256sum {self.path}/{name}").out

    def remove(self) -> None:
        sweep_phone(self.phone)


def timeout_of(file: Path) -> float:
    """Seconds that copying `file` may take."""
    return _SECONDS + file.stat().st_size / _BYTES_PER_S
