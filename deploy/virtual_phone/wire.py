"""adb's wire protocol over TCP: packets of 24 bytes and a payload, and streams within them.

A packet is six little-endian u32: command, two arguments, the payload's length, its checksum (0 in
this version) and the command inverted. In each direction of a stream one WRTE may be under way;
the other side's OKAY allows the next.
"""

from __future__ import annotations

import asyncio
import itertools
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

_HEADER = struct.Struct("<6I")
VERSION = 0x01000001
MOST_PAYLOAD = 1 << 20
# What every adb has taken since the first.
_LEAST_PAYLOAD = 4096
_TOKEN, _PUBLIC_KEY = 1, 3
# Packets that a stream keeps unread, where one is right, and streams of a host at once.
_MOST_WAITING, _MOST_STREAMS = 4, 256


def _command(name: bytes) -> int:
    return int.from_bytes(name, "little")


CNXN, AUTH, OPEN = _command(b"CNXN"), _command(b"AUTH"), _command(b"OPEN")
OKAY, WRTE, CLSE = _command(b"OKAY"), _command(b"WRTE"), _command(b"CLSE")


@dataclass(frozen=True)
class Packet:
    command: int
    arg0: int
    arg1: int
    payload: bytes = b""

    def encode(self) -> bytes:
        inverted = self.command ^ 0xFFFFFFFF
        head = (self.command, self.arg0, self.arg1, len(self.payload), 0, inverted)
        return _HEADER.pack(*head) + self.payload


async def read_packet(reader: asyncio.StreamReader) -> Packet:
    """Raises EOFError at the end, ConnectionError for what is not adb."""
    head = await reader.readexactly(_HEADER.size)
    command, arg0, arg1, length, _, inverted = _HEADER.unpack(head)
    if command ^ 0xFFFFFFFF != inverted or length > MOST_PAYLOAD:
        raise ConnectionError("this is not adb's protocol")
    return Packet(command, arg0, arg1, await reader.readexactly(length))


class AdbStream:
    """One service's two-way stream of bytes."""

    def __init__(self, transport: Transport, local: int, remote: int) -> None:
        self.transport = transport
        self._local = local
        self._remote = remote
        self._received: asyncio.Queue[bytes] = asyncio.Queue()
        self._rest = b""
        self._allowed = asyncio.Event()
        self._closed = False
        # Whether the host's going away ends the service, as a hang-up ends a shell's command.
        self.ends_with_host = False

    async def read(self) -> bytes:
        """At least a byte, b"" once the host has closed. Allows the host its next packet."""
        if self._rest:
            data, self._rest = self._rest, b""
            return data
        if self._closed and self._received.empty():
            return b""
        data = await self._received.get()
        if data:
            self.send(OKAY)
        return data

    async def read_exactly(self, count: int) -> bytes:
        """Raises EOFError when the host closes before."""
        parts: list[bytes] = []
        while count:
            data = await self.read()
            if not data:
                raise EOFError
            parts.append(data[:count])
            self._rest = data[count:]
            count -= len(parts[-1])
        return b"".join(parts)

    async def write(self, data: bytes) -> None:
        """Raises ConnectionError when the host has closed."""
        size = self.transport.payload_size
        for begin in range(0, len(data), size):
            if self._closed:
                raise ConnectionResetError("the host closed the stream")
            self._allowed.clear()
            self.send(WRTE, data[begin : begin + size])
            await self.transport.drain()
            await self._allowed.wait()

    def send(self, command: int, payload: bytes = b"") -> None:
        if not self._closed:
            self.transport.send(Packet(command, self._local, self._remote, payload))

    def received(self, data: bytes) -> None:
        """Raises ConnectionError for a host that does not wait to be allowed."""
        if self._received.qsize() >= _MOST_WAITING:
            raise ConnectionError("a host sends one packet of a stream, then waits")
        self._received.put_nowait(data)

    def allowed(self) -> None:
        self._allowed.set()

    def close(self) -> None:
        """Answer the host's CLSE, or close of our own accord; once."""
        self.send(CLSE)
        self._closed = True
        self._received.put_nowait(b"")
        self._allowed.set()


# Serves one stream to its end; the name is what the host opened.
Serve = Callable[[AdbStream, str], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Greeting:
    """How a phone answers a host. `banner` None: it never accepts the host's key."""

    banner: str | None
    silent_after: bool = False


class Transport:
    """One TCP connection from an adb server."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        greeting: Greeting,
        knows: Callable[[str], bool],
        serve: Serve,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._greeting = greeting
        self._knows = knows
        self._serve = serve
        self._streams: dict[int, AdbStream] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._ids = itertools.count(1)
        self.payload_size = MOST_PAYLOAD
        self.stalled = False

    async def run(self) -> None:
        """Until either side breaks the connection."""
        try:
            while True:
                self._handle(await read_packet(self._reader))
        except (EOFError, ConnectionError):
            pass
        finally:
            self.drop()

    def send(self, packet: Packet) -> None:
        self._writer.write(packet.encode())

    async def drain(self) -> None:
        await self._writer.drain()

    def drop(self) -> None:
        """Break the connection at once, as pulling the cable does."""
        self._writer.transport.abort()
        for task in list(self._tasks.values()):
            task.cancel()

    def _handle(self, packet: Packet) -> None:
        stream = self._streams.get(packet.arg1)
        if self.stalled:
            return
        if packet.command in (CNXN, AUTH):
            self._greet(packet)
        elif packet.command == OPEN:
            self._open(packet)
        elif stream is None:
            return
        elif packet.command == WRTE:
            stream.received(packet.payload)
        elif packet.command == OKAY:
            stream.allowed()
        elif packet.command == CLSE:
            self._hang_up(packet.arg1, stream)

    def _greet(self, packet: Packet) -> None:
        """Raises ConnectionError for a host that takes no packets of any use."""
        if packet.command == CNXN and packet.arg1 < _LEAST_PAYLOAD:
            raise ConnectionError("a host takes 4096 bytes or more")
        if self._greeting.banner is None:
            # Silence after the public key is how a phone waits for its owner to accept it.
            if packet.command == CNXN or packet.arg0 != _PUBLIC_KEY:
                self.send(Packet(AUTH, _TOKEN, 0, bytes(range(20))))
            return
        if packet.command == CNXN:
            self.payload_size = min(packet.arg1, MOST_PAYLOAD)
        self.send(Packet(CNXN, VERSION, MOST_PAYLOAD, self._greeting.banner.encode()))
        if self._greeting.silent_after:
            self._writer.close()

    def _open(self, packet: Packet) -> None:
        # The name ends in a NUL.
        name = packet.payload.rstrip(b"\0").decode(errors="replace")
        if not self._knows(name) or len(self._streams) >= _MOST_STREAMS:
            self.send(Packet(CLSE, 0, packet.arg0))
            return
        local = next(self._ids)
        stream = self._streams[local] = AdbStream(self, local, packet.arg0)
        stream.send(OKAY)
        self._tasks[local] = asyncio.create_task(self._run(local, stream, name))

    async def _run(self, local: int, stream: AdbStream, name: str) -> None:
        try:
            await self._serve(stream, name)
        except (EOFError, ConnectionError):
            pass
        finally:
            stream.close()
            self._streams.pop(local, None)
            self._tasks.pop(local, None)

    def _hang_up(self, local: int, stream: AdbStream) -> None:
        """The host closed: the service reads the end, and can write no more."""
        stream.close()
        del self._streams[local]
        if stream.ends_with_host:
            self._tasks[local].cancel()
