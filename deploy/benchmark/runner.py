"""What runs a block: the app, our native runner, or this computer. One protocol for all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from deploy.backends import RunnerName
from deploy.protocol.messages import Answer, Request


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A block's answer, and what was seen of its process where that was looked at."""

    answer: Answer
    threads_seen: int | None = None
    cores_seen: str | None = None
    # Of an Android app alone.
    debuggable: bool | None = None


class Runner(Protocol):
    """Used in this order: start, put, run..., stop. All raise PhoneError."""

    @property
    def name(self) -> RunnerName:
        """Its kind, which is a part of an arm's key."""

    def start(self) -> None:
        """See that it can run at all, and make an empty place for files."""

    def put(self, name: str, file: Path) -> None:
        """Copy a file there, unless it is there already."""

    def run(self, request: Request, mask: str | None, timeout: float) -> Ran:
        """One block in a fresh process, held to the cores of the hexadecimal `mask`."""

    def stop(self) -> None:
        """Leave nothing behind: no process, no file."""
