"""One phone behind adb: commands that end for certain, and what a failure of theirs means."""

from __future__ import annotations

import contextlib
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from deploy.android.adb import MOST_TEXT, Adb, Finished
from deploy.android.parsers.devices import Connection, connection_of, is_address, selector
from deploy.android.parsers.failures import failure_kind
from deploy.protocol.answers import MAX_ANSWER_BYTES
from deploy.protocol.faults import fault
from deploy.support.errors import PhoneError
from deploy.support.printable import last_line

# Slower than the slowest USB 2 port by an order.
_BYTES_PER_S = 1_000_000
_BACK_POLL_S = 0.5
# An answer of the greatest size, or the trace of a block.
_MOST_FILE = MAX_ANSWER_BYTES + 2**20


@dataclass(frozen=True, kw_only=True)
class ShellResult:
    """What a command on the phone gave, without carriage returns."""

    out: str
    err: str
    code: int


@dataclass(frozen=True)
class Phone:
    """A phone by its serial. Commands must hold no user's string: names there are generated."""

    adb: Adb
    serial: str
    # How long a command may take that has nothing to wait for, and how long to wait for a phone
    # that is gone.
    command_s: float = field(default=20.0, kw_only=True)
    back_s: float = field(default=60.0, kw_only=True)
    linked_by: Connection | None = field(default=None, kw_only=True)

    def shell(
        self, command: str, *, timeout: float | None = None, stdin: Path | None = None
    ) -> ShellResult:
        """Run `command` in the phone's shell and see its end.

        A dropped connection may look like success to adb, so a mark with the exit code, made for
        this call, must come last. Raises PhoneError where it does not.
        """
        mark = f"end-{secrets.token_hex(8)}"
        done = self._run(["shell", f"{command}; echo {mark}:$?"], timeout=timeout, stdin=stdin)
        out = done.text.replace("\r", "")
        end = re.search(rf"{mark}:([0-9]{{1,3}})\s*\Z", out)
        if end is None:
            raise self._failure(done, "shell", f"lost {self.serial} in the middle of a command")
        return ShellResult(out=out[: end.start()], err=done.stderr, code=int(end[1]))

    def shell_each(
        self, commands: Mapping[str, str], *, timeout: float | None = None
    ) -> dict[str, str]:
        """The output of several commands by name, in one go over the wire.

        Raises as `shell`, and PhoneError (bad-answer) where an output was lost.
        """
        mark = f"next-{secrets.token_hex(8)}"
        # The first answer may come without a line end, so that each mark brings its own.
        joined = f"; echo; echo {mark}; ".join(commands.values())
        parts = self.shell(joined, timeout=timeout).out.split(f"\n{mark}\n")
        if len(parts) != len(commands):
            answered = f"{len(parts)} of {len(commands)} commands in one go"
            raise fault("bad-answer", f"{self.serial} answers {answered}")
        return dict(zip(commands, parts, strict=True))

    def push(self, file: Path, remote: str) -> None:
        """Copy a file. Raises PhoneError: no-space, lost, timeout and the rest."""
        timeout = self.command_s + file.stat().st_size / _BYTES_PER_S
        done = self._run(["push", str(file.resolve()), remote], timeout=timeout)
        if done.code != 0:
            raise self._failure(done, "push", f"the copy to {self.serial} broke off")

    def read(self, command: str, *, timeout: float | None = None) -> bytes:
        """The raw output of a command, at most a file that a runner may answer with. Its end cannot
        be told: check size or hash."""
        return self._run(["exec-out", command], timeout=timeout, most=_MOST_FILE).stdout

    @cached_property
    def features(self) -> frozenset[str]:
        """What this phone and this adb both offer, such as shell_v2."""
        done = self._run(["features"])
        if done.code != 0:
            raise self._failure(done, "features", f"{self.serial} does not tell its features")
        return frozenset(done.text.split())

    @property
    def connection(self) -> Connection:
        """How adb reaches it: as its list says, else by the serial."""
        return self.linked_by or connection_of(self.serial)

    @property
    def over_network(self) -> bool:
        """Whether adb reaches it by HOST:PORT, so that `adb connect` may bring it back."""
        return self.connection == "tcp" and is_address(self.serial)

    def wait_back(self) -> None:
        """Wait until the phone answers again, after it was lost or has rebooted.

        Raises PhoneError: what was last wrong with it, `back_s` seconds later.
        """
        deadline = time.monotonic() + self.back_s
        while True:
            try:
                if self.over_network:
                    self.adb.connect(self.serial)
                if last_line(self.shell("getprop sys.boot_completed").out) == "1":
                    return
                error = fault("not-booted", f"{self.serial} has not finished booting")
            except PhoneError as problem:
                error = problem
                if error.kind == "timeout":
                    # Its connection is up and dead: only a new one helps.
                    with contextlib.suppress(PhoneError):
                        self._run(["reconnect"])
            if time.monotonic() > deadline:
                raise error
            time.sleep(_BACK_POLL_S)

    def _run(
        self,
        arguments: Sequence[str],
        *,
        timeout: float | None = None,
        stdin: Path | None = None,
        most: int = MOST_TEXT,
    ) -> Finished:
        return self.adb.run(
            [*selector(self.serial), *arguments],
            timeout=timeout or self.command_s,
            stdin=stdin,
            most=most,
        )

    def _failure(self, done: Finished, command: str, otherwise: str) -> PhoneError:
        said = last_line(done.stderr) or last_line(done.text)
        match failure_kind(done.text, done.stderr, done.code, command):
            case "unauthorized":
                return fault("unauthorized", f"{self.serial} has not accepted this computer's key")
            case "offline":
                return fault("offline", f"{self.serial} is offline")
            case "no-permissions":
                return fault("no-permissions", f"{self.serial} may not be opened by this user")
            case "not-found" | "no-phone" | "lost":
                return fault("lost", f"{self.serial} is gone")
            case "server-unreachable" | "server-version":
                return fault("server", f"the adb server went away ({said})")
            case "no-space":
                return fault("no-space", f"{self.serial} has no space left")
            case _:
                return fault("lost", f"{otherwise} ({said})" if said else otherwise)
