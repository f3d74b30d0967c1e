"""A virtual phone on a TCP port, to be used in a `with`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from deploy.support.errors import RunError
from deploy.virtual_phone import services
from deploy.virtual_phone.profiles import profile_named
from deploy.virtual_phone.state import State
from deploy.virtual_phone.wire import Greeting, Transport

HOST = "127.0.0.1"
SPEED = 60.0

# Our own time.
_BOOTING_S = 0.4


class VirtualPhone:
    """A phone that `adb connect` finds at `serial` while the `with` lasts."""

    def __init__(
        self,
        *,
        profile: str = "pixel",
        faults: Sequence[str] = (),
        seed: int = 0,
        speed: float = SPEED,
        port: int = 0,
    ) -> None:
        """`speed` seconds pass on the phone in one of ours; `port` 0 is any that is free.

        Raises UserError for a profile or fault that there is none of.
        """
        self.state = State(profile_named(profile), seed=seed, faults=faults, speed=speed)
        self.state.disconnect = self._disconnect
        self.state.stall = self._stall
        self.port = port
        self._features = tuple(
            feature
            for feature in services.FEATURES
            if feature != "shell_v2" or not self.state.faults.expects("crlf")
        )
        self._transports: set[Transport] = set()
        self._connections: set[asyncio.Task[None]] = set()
        self._boots_at = 0.0
        self._silent = False
        self._ready = threading.Event()
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._work, name="virtual phone", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    @property
    def serial(self) -> str:
        """What `adb connect` is given, and what adb then calls the phone."""
        return f"{HOST}:{self.port}"

    @property
    def files(self) -> Mapping[str, bytes]:
        """Every file that lies on the phone, by path."""
        return self.state.filesystem.files()

    @property
    def commands(self) -> Sequence[str]:
        """Every command line that its shell was given."""
        return tuple(self.state.commands)

    def __enter__(self) -> Self:
        """Raises RunError when the port cannot be had."""
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise RunError(
                f"cannot listen on {self.serial} ({self._failure.strerror}): give another port"
            ) from self._failure
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Be gone for good, as an unplugged phone is; once more does nothing."""
        assert self._loop is not None
        assert self._stop is not None
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def _work(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._accept, HOST, self.port)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        self._disconnect()
        for task in [*self._connections, *self.state.jobs]:
            task.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._converse(reader, writer)
        except asyncio.CancelledError:
            # Our own end: asyncio would print it.
            pass
        finally:
            writer.transport.abort()
            self._connections.discard(task)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, once the phone has started."""
        assert self._loop is not None
        await asyncio.sleep(max(0.0, self._boots_at - self._loop.time()))
        if self._silent:
            await reader.read()
            await asyncio.sleep(3600)
        state = self.state
        greeting = Greeting(
            banner=None
            if state.faults.strike("unauthorized")
            else services.banner(state, self._features),
            silent_after=state.faults.strike("offline"),
        )
        self._silent = greeting.silent_after
        transport = Transport(
            reader,
            writer,
            greeting,
            services.knows,
            lambda stream, name: services.serve(state, stream, name),
        )
        self._transports.add(transport)
        try:
            await transport.run()
        finally:
            self._transports.discard(transport)

    def _disconnect(self) -> None:
        """As pulling the cable does; a phone that restarts takes a while to be there again."""
        assert self._loop is not None
        self._boots_at = self._loop.time() + _BOOTING_S
        for transport in list(self._transports):
            transport.drop()

    def _stall(self) -> None:
        for transport in self._transports:
            transport.stalled = True
