"""adb's file transfer in its first version: push, pull, stat and list."""

from __future__ import annotations

import posixpath
import stat
import struct

from deploy.virtual_phone.commands.call import number
from deploy.virtual_phone.filesystem import SHELL, UserFiles
from deploy.virtual_phone.state import State
from deploy.virtual_phone.wire import AdbStream

_ID_AND_SIZE = struct.Struct("<4sI")
# mode, size, mtime
_STAT = struct.Struct("<4sIII")
# mode, size, mtime, length of the name
_ENTRY = struct.Struct("<4sIIII")
_CHUNK = 1 << 16
_LONGEST_PATH = 1024
_MOST_BYTES = 2**31


async def serve_sync(phone: State, stream: AdbStream) -> None:
    """Requests on one stream, until the host quits or closes."""
    session = _Session(phone, stream)
    while True:
        name, size = await session.head()
        if name == b"QUIT":
            return
        if size > _LONGEST_PATH:
            await session.fail("path too long")
            return
        path = (await stream.read_exactly(size)).decode(errors="replace")
        match name:
            case b"STAT":
                await session.stat(path)
            case b"LIST":
                await session.list(path)
            case b"SEND":
                path, _, mode = path.rpartition(",")
                await session.receive(path, number(mode) or 0o644)
            case b"RECV":
                await session.send(path)
            case _:
                await session.fail("unknown command")
                return


class _Session:
    def __init__(self, phone: State, stream: AdbStream) -> None:
        self._phone = phone
        self._stream = stream
        self._files = UserFiles(phone.filesystem, SHELL)

    async def head(self) -> tuple[bytes, int]:
        name, size = _ID_AND_SIZE.unpack(await self._stream.read_exactly(_ID_AND_SIZE.size))
        return name, size

    async def fail(self, text: str) -> None:
        data = text.encode()
        await self._stream.write(_ID_AND_SIZE.pack(b"FAIL", len(data)) + data)

    async def stat(self, path: str) -> None:
        """All 0 is what is not there."""
        try:
            node = self._files.stat(path)
        except OSError:
            await self._stream.write(_STAT.pack(b"STAT", 0, 0, 0))
        else:
            await self._stream.write(_STAT.pack(b"STAT", node.mode, node.size, node.mtime))

    async def list(self, path: str) -> None:
        try:
            names = self._files.children(path)
        except OSError:
            names = []
        parts = []
        for name in names:
            node = self._files.stat(posixpath.join(path, name))
            data = name.encode()
            parts.append(_ENTRY.pack(b"DENT", node.mode, node.size, node.mtime, len(data)) + data)
        await self._stream.write(b"".join(parts) + _ENTRY.pack(b"DONE", 0, 0, 0, 0))

    async def send(self, path: str) -> None:
        try:
            data = self._files.read(path)
        except OSError as error:
            await self.fail(f"open failed: {error.strerror}")
            return
        for begin in range(0, len(data), _CHUNK):
            chunk = data[begin : begin + _CHUNK]
            await self._stream.write(_ID_AND_SIZE.pack(b"DATA", len(chunk)) + chunk)
        await self._stream.write(_ID_AND_SIZE.pack(b"DONE", 0))

    async def receive(self, path: str, mode: int) -> None:
        """A push. What the host still sends after a refusal is read and thrown away."""
        parts: list[bytes] = []
        refused = ""
        total = 0
        while True:
            name, size = await self.head()
            if name == b"DONE":
                break
            if name != b"DATA" or size > _CHUNK:
                await self.fail("oversize data message")
                raise EOFError
            parts.append(await self._stream.read_exactly(size))
            total += size
            if total > _MOST_BYTES:
                refused, parts = "write failed: File too large", []
            if self._phone.faults.strike("drop-mid-push"):
                self._stream.transport.drop()
                raise EOFError
        refused = refused or self._store(path, b"".join(parts), mode, mtime=size)
        if refused:
            await self.fail(refused)
        else:
            await self._stream.write(_ID_AND_SIZE.pack(b"OKAY", 0))

    def _store(self, path: str, data: bytes, mode: int, *, mtime: int) -> str:
        """What went wrong, empty if nothing did; makes the folders above it."""
        try:
            folder = posixpath.dirname(path)
            if not self._files.exists(folder):
                self._files.make_folder(folder, parents=True)
        except OSError as error:
            return f"secure_mkdirs failed: {error.strerror}"
        try:
            self._files.write(path, b"")
        except OSError as error:
            return f"couldn't create file: {error.strerror}"
        try:
            self._files.write(path, data, mtime=mtime)
            self._files.set_mode(path, stat.S_IMODE(mode))
        except OSError as error:
            self._files.remove(path)
            return f"write failed: {error.strerror}"
        return ""
