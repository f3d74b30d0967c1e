"""Where a command reads and writes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, Self


class ByteSource(Protocol):
    async def read(self) -> bytes:
        """What has come, at least a byte; b"" at the end."""


class ByteSink(Protocol):
    def write(self, data: bytes) -> None:
        """Keep until the next flush."""

    async def flush(self) -> None:
        """Send what was written; raises ConnectionError when nobody listens any more."""


class Buffer:
    """A source of what it was made with, and a sink that keeps everything in `data`."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = bytearray(data)

    async def read(self) -> bytes:
        data, self.data = self.data, bytearray()
        return bytes(data)

    def write(self, data: bytes) -> None:
        self.data += data

    async def flush(self) -> None:
        pass


@dataclass(frozen=True)
class Streams:
    stdin: ByteSource
    stdout: ByteSink
    stderr: ByteSink

    def with_input(self, stdin: ByteSource) -> Self:
        return replace(self, stdin=stdin)

    def with_output(self, stdout: ByteSink) -> Self:
        return replace(self, stdout=stdout)

    async def flush(self) -> None:
        await self.stdout.flush()
        await self.stderr.flush()
