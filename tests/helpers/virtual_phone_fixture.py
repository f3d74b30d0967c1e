"""An adb server of the tests' own, and virtual phones connected to it: a plugin of pytest."""

from __future__ import annotations

import importlib
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
from adbutils._utils import adb_path

from deploy.virtual_phone.phone import VirtualPhone

Done = subprocess.CompletedProcess[bytes]

# What passes for our native runner on a virtual phone: the head of a binary for arm64.
RUNNER = b"\x7fELF\x02\x01\x01" + bytes(11) + (183).to_bytes(2, "little") + bytes(44)


@dataclass(frozen=True, kw_only=True)
class AdbServer:
    """The real adb on a port, with keys and a log, that no other server knows."""

    port: int
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """For whoever starts adb by itself."""
        return {
            **os.environ,
            "HOME": str(self.home),
            "ANDROID_ADB_SERVER_PORT": str(self.port),
            "ANDROID_ADB_LOG_PATH": str(self.home / "adb.log"),
            "ADB_MDNS": "0",
            # No phone on a cable is any of the tests' business, and looking for one takes 3 s.
            "ADB_USB": "0",
            # So that it does not look for emulators, which phones on these ports would be.
            "ADB_LOCAL_TRANSPORT_MAX_PORT": "5553",
        }

    def run(self, *arguments: str, input: bytes | None = None, timeout: float = 10) -> Done:
        """`adb ARGUMENTS...`, its outputs as bytes. Raises subprocess.TimeoutExpired."""
        return subprocess.run(
            [adb_path(), *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL if input is None else None,
            input=input,
            capture_output=True,
            timeout=timeout,
            check=False,
        )

    def start(self) -> None:
        done = self.run("start-server", timeout=30)
        assert done.returncode == 0, done.stderr

    def kill(self) -> None:
        self.run("kill-server")

    def disconnect(self, *serial: str) -> None:
        """Until this phone is gone, or all of them: adb may just be connecting one anew."""

        def gone() -> bool:
            self.run("disconnect", *serial)
            listed = self.run("devices").stdout.decode().splitlines()[1:]
            return not any(line.startswith(serial or "") for line in listed if line)

        assert until(gone)

    def restart(self) -> None:
        """It then knows no phone any more."""
        self.kill()
        self.start()


@dataclass(frozen=True, kw_only=True)
class ConnectedPhone:
    """`serial` is adb's name for it."""

    serial: str
    phone: VirtualPhone
    server: AdbServer

    def adb(self, *arguments: str, input: bytes | None = None, timeout: float = 10) -> Done:
        return self.server.run("-s", self.serial, *arguments, input=input, timeout=timeout)

    def shell(self, command: str, input: bytes | None = None, timeout: float = 10) -> Done:
        return self.adb("shell", command, input=input, timeout=timeout)


class MakePhone(Protocol):
    def __call__(
        self,
        *,
        profile: str = "pixel",
        faults: Sequence[str] = (),
        seed: int = 0,
        speed: float = 60.0,
    ) -> ConnectedPhone: ...


def until(condition: Callable[[], bool]) -> bool:
    """Whether it comes true before patience ends."""
    for _ in range(400):
        if condition():
            return True
        time.sleep(0.01)
    return False


@pytest.fixture(scope="session")
def adb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdbServer]:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    server = AdbServer(port=port, home=tmp_path_factory.mktemp("adb"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def warm_runtimes() -> None:
    """What gives a virtual phone its logits: to import it may take longer than a block may here."""
    importlib.import_module("deploy.runtimes.executorch_program").library()
    importlib.import_module("onnxruntime")


@pytest.fixture
def phone(adb_server: AdbServer) -> Iterator[MakePhone]:
    """Makes phones that are connected, and gone after the test."""
    with ExitStack() as stack:

        def make(
            *,
            profile: str = "pixel",
            faults: Sequence[str] = (),
            seed: int = 0,
            speed: float = 60.0,
        ) -> ConnectedPhone:
            made = stack.enter_context(
                VirtualPhone(profile=profile, faults=faults, seed=seed, speed=speed)
            )
            adb_server.run("connect", made.serial, timeout=15)
            stack.callback(adb_server.disconnect, made.serial)
            return ConnectedPhone(serial=made.serial, phone=made, server=adb_server)

        yield make
