"""The adb binary, run with a time-out and no shell of ours in between.

adbutils brings the binary; its own calls lose the reason of a failed push and hang where a phone
stalls, so the binary is driven here. docs/decisions/adb-binary.md says more.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from deploy.android.parsers.devices import AttachedDevice, parse_devices, parse_version
from deploy.android.parsers.failures import failure_kind
from deploy.protocol.faults import fault
from deploy.support.cancel import CancelledError
from deploy.support.errors import PhoneError
from deploy.support.lacking import lacking
from deploy.support.printable import last_line

LOCAL = "127.0.0.1"
DEFAULT_PORT = 5037
# A server may have to be started first.
_SHORT_S = 20.0
_CONNECT_S = 15.0
# A server that cannot start ends with such a line of its log, which its client passes on:
# 11-26 21:16:00.254 12979 12979 F adb     : adb_utils.cpp:316 Cannot mkdir '/nobody/.android': ...
_FATAL = re.compile(r"^[\d\- :.]+ F adb *: (?:\S+:\d+ )?(?P<why>.+)$", re.MULTILINE)
# Far more than any command of ours prints, but for files; read in pieces of so many bytes.
MOST_TEXT = 8 * 2**20
_CHUNK = 1 << 16
# How often to look whether the user has had enough.
_LOOK_S = 0.2


@dataclass(frozen=True, kw_only=True)
class Finished:
    """What one run of adb gave; `stdout` as it came, `stderr` as text."""

    stdout: bytes
    stderr: str
    code: int

    @property
    def text(self) -> str:
        return self.stdout.decode("utf-8", "replace")


@dataclass(frozen=True, kw_only=True)
class Adb:
    """One adb server, on this computer or a lab's."""

    binary: str
    host: str = LOCAL
    port: int = DEFAULT_PORT
    # Set by Ctrl-C: what is running is given up.
    cancelled: threading.Event | None = None

    def run(
        self,
        arguments: Sequence[str],
        *,
        timeout: float = _SHORT_S,
        stdin: Path | None = None,
        most: int = MOST_TEXT,
    ) -> Finished:
        """Run adb with `arguments`, each handed over as it is; `stdin` is a file.

        Raises PhoneError: timeout where it does not end in `timeout` seconds, bad-answer where it
        prints more than `most` bytes, adb-missing where the binary cannot be run. Raises
        CancelledError.
        """
        command = [self.binary, "-P", str(self.port), *arguments]
        if self.host != LOCAL:
            # Named, even the own host keeps the client from starting a server.
            command[1:1] = ["-H", self.host]
        with ExitStack() as stack:
            source: IO[bytes] | int = subprocess.DEVNULL
            if stdin is not None:
                source = stack.enter_context(stdin.open("rb"))
            try:
                # A session of its own: Ctrl-C is ours to pass on, once the phone is left clean.
                process = subprocess.Popen(
                    command,
                    stdin=source,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                )
            except OSError as error:
                # Of adb itself: one that is not there, or that this user may not run.
                named = error.filename is not None
                if not named and (lack := lacking(error)):
                    raise lack from error
                raise fault(
                    "adb-missing", f"cannot run {self.binary} ({error.strerror})"
                ) from error
            stdout, stderr = self._communicate(process, arguments, timeout, most)
        return Finished(
            stdout=stdout,
            stderr=stderr.decode("utf-8", "replace").replace("\r", ""),
            code=process.returncode,
        )

    def _communicate(
        self, process: subprocess.Popen[bytes], arguments: Sequence[str], timeout: float, most: int
    ) -> tuple[bytes, bytes]:
        """What it printed, once it has ended by itself within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        assert process.stdout is not None
        assert process.stderr is not None
        printed = {process.stdout: bytearray(), process.stderr: bytearray()}
        try:
            with selectors.DefaultSelector() as open_ones:
                for stream in printed:
                    open_ones.register(stream, selectors.EVENT_READ)
                while open_ones.get_map():
                    for key, _ in open_ones.select(_LOOK_S):
                        if data := os.read(key.fd, _CHUNK):
                            printed[cast(IO[bytes], key.fileobj)] += data
                        else:
                            open_ones.unregister(key.fileobj)
                    if sum(map(len, printed.values())) > most:
                        what = f"adb {_what(arguments)} printed more than {most / 2**20:.0f} MB"
                        raise fault("bad-answer", what)
                    self._check_patience(deadline, arguments, timeout)
            while process.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_LOOK_S)
                self._check_patience(deadline, arguments, timeout)
            return bytes(printed[process.stdout]), bytes(printed[process.stderr])
        finally:
            if process.returncode is None:
                # adb may be a script that started another: its children hold the pipes.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            for stream in printed:
                stream.close()

    def _check_patience(self, deadline: float, arguments: Sequence[str], timeout: float) -> None:
        """Raises CancelledError, and PhoneError (timeout) past the deadline."""
        if self.cancelled is not None and self.cancelled.is_set():
            raise CancelledError
        if time.monotonic() > deadline:
            raise fault("timeout", f"adb {_what(arguments)} did not end in {timeout:g} s")

    def rest(self, seconds: float) -> None:
        """Wait, but not for the user who has had enough. Raises CancelledError."""
        if self.cancelled is None:
            time.sleep(seconds)
        elif self.cancelled.wait(seconds):
            raise CancelledError

    def devices(self) -> tuple[AttachedDevice, ...]:
        """Every phone that the server knows, in whatever state. Starts the server if need be.

        Raises PhoneError (server) where it cannot be reached.
        """
        done = self.run(["devices", "-l"])
        if done.code != 0:
            raise self._server_fault(done) or self._unexpected(done)
        return parse_devices(done.text)

    def version(self) -> str | None:
        """The client's version, such as 36.0.0-13206524."""
        return parse_version(self.run(["version"]).text)

    def connect(self, address: str) -> None:
        """Connect to a phone over the network.

        Raises PhoneError: offline where nobody answers there, unauthorized, and server or
        server-start where there is no server to ask.

        adb's exit code is 0 either way: its words tell.
        """
        done = self.run(["connect", address], timeout=_CONNECT_S)
        said = last_line(done.text) or last_line(done.stderr)
        if not said.startswith(("connected to", "already connected to")):
            if server := self._server_fault(done):
                raise server
            kind = failure_kind(done.text, done.stderr, done.code, "connect")
            if kind == "unauthorized":
                raise fault("unauthorized", f"{address} has not accepted this computer's key")
            raise fault("offline", f"cannot connect to {address} ({said or 'no answer'})")

    def _server_fault(self, done: Finished) -> PhoneError | None:
        """What is wrong where adb has no server to talk to, and could start none."""
        if fatal := _FATAL.search(done.stderr):
            return fault("server-start", f"adb cannot start its server ({fatal['why'].strip()})")
        kind = failure_kind(done.text, done.stderr, done.code, "connect")
        if kind in ("server-unreachable", "server-version"):
            return self._unexpected(done)
        return None

    def _unexpected(self, done: Finished) -> PhoneError:
        what = last_line(done.stderr) or "no answer"
        return fault("server", f"adb at {self.host}:{self.port} fails ({what})")


def default_port() -> int:
    """Where the adb server of this computer listens: ANDROID_ADB_SERVER_PORT, or 5037."""
    named = os.environ.get("ANDROID_ADB_SERVER_PORT", "")
    return int(named) if named.isdecimal() and 0 < int(named) < 65536 else DEFAULT_PORT


def find_adb() -> str:
    """The adb to use: ADBUTILS_ADB_PATH, the one on PATH (so that one server serves all), or the
    one that adbutils brings. Raises PhoneError (adb-missing) where there is none.
    """
    from adbutils._utils import adb_path

    named = os.environ.get("ADBUTILS_ADB_PATH") or shutil.which("adb")
    try:
        return named or adb_path()
    except RuntimeError as error:
        raise fault("adb-missing", f"there is no adb here ({error})") from error


def _what(arguments: Sequence[str]) -> str:
    """The adb command and the phone, without the paths and scripts that follow it."""
    if arguments[0] in ("-s", "-t"):
        return f"{arguments[2]} on {arguments[1]}"
    return arguments[0]
