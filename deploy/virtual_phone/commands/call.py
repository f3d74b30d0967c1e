"""One run of a command: its words, where it reads and writes, and on which phone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.virtual_phone.filesystem import UserFiles
from deploy.virtual_phone.state import State
from deploy.virtual_phone.streams import Streams

if TYPE_CHECKING:
    from deploy.virtual_phone.shell import ShellProcess


@dataclass(frozen=True, kw_only=True)
class Call:
    """`argv` with the command's own name; `shell` is the one that it was typed into."""

    phone: State
    shell: ShellProcess
    argv: tuple[str, ...]
    streams: Streams

    @property
    def name(self) -> str:
        return self.argv[0].rpartition("/")[2]

    @property
    def args(self) -> tuple[str, ...]:
        return self.argv[1:]

    @property
    def files(self) -> UserFiles:
        return self.shell.files

    def options(self) -> tuple[str, tuple[str, ...]]:
        """Letters of the options that come first, and the words after them."""
        letters, rest = "", list(self.args)
        while rest and rest[0].startswith("-") and rest[0] != "-":
            letters += rest.pop(0)[1:]
        return letters, tuple(rest)

    def out(self, text: str) -> int:
        """Print `text` as it is; success."""
        self.streams.stdout.write(text.encode())
        return 0

    def fail(self, text: str, status: int = 1) -> int:
        """Complain in the command's name."""
        self.streams.stderr.write(f"{self.name}: {text}\n".encode())
        return status

    async def read_all(self) -> bytes:
        """Standard input to its end."""
        parts = []
        while data := await self.streams.stdin.read():
            parts.append(data)
        return b"".join(parts)


Command = Callable[[Call], int | Awaitable[int]]


def number(text: str) -> int | None:
    """A decimal number of at most nine digits, None for anything else.

    >>> number("42"), number("-1"), number("9" * 5000)
    (42, None, None)
    """
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
