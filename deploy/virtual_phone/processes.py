"""What runs on the phone, how it ended, and what was logged."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

SIGKILL = 9


@dataclass(kw_only=True, eq=False)
class Process:
    """`cores` are those that its affinity mask allows; memory in kB."""

    pid: int
    name: str
    uid: int
    cores: tuple[int, ...]
    threads: int
    rss_kb: int
    peak_kb: int
    killed_by: int | None = None
    _killed: asyncio.Event = field(default_factory=asyncio.Event)

    def kill(self, signal: int) -> None:
        self.killed_by = signal
        self._killed.set()

    async def lives(self, seconds: float | None) -> bool:
        """Let so much of our time pass, None for ever; False if it was killed meanwhile."""
        try:
            await asyncio.wait_for(self._killed.wait(), seconds)
        except TimeoutError:
            return True
        return False


class Processes:
    """All processes of one phone."""

    def __init__(self) -> None:
        self._pids = itertools.count(4211, 13)
        self.running: dict[int, Process] = {}

    def start(
        self, name: str, uid: int, *, cores: tuple[int, ...], threads: int, rss_kb: int
    ) -> Process:
        """A process that is there until somebody ends it."""
        process = Process(
            pid=next(self._pids),
            name=name,
            uid=uid,
            cores=cores,
            threads=threads,
            rss_kb=rss_kb,
            peak_kb=rss_kb + 512,
        )
        self.running[process.pid] = process
        return process

    @contextmanager
    def process(
        self, name: str, uid: int, *, cores: tuple[int, ...], threads: int, rss_kb: int
    ) -> Iterator[Process]:
        """A process that is there within the `with`."""
        process = self.start(name, uid, cores=cores, threads=threads, rss_kb=rss_kb)
        try:
            yield process
        finally:
            self.running.pop(process.pid, None)

    def named(self, name: str) -> list[Process]:
        return [process for process in self.running.values() if process.name == name]

    def kill_all(self) -> None:
        for process in list(self.running.values()):
            process.kill(SIGKILL)
        self.running.clear()


@dataclass(frozen=True, kw_only=True)
class AppExit:
    """How an app's process ended, as `dumpsys activity exit-info` tells."""

    at: datetime
    pid: int
    process: str
    reason: int
    title: str
    status: int
    description: str


@dataclass(frozen=True, kw_only=True)
class LogLine:
    at: datetime
    pid: int
    level: str
    tag: str
    text: str

    def threadtime(self) -> str:
        """As `logcat -v threadtime` prints it."""
        stamp = f"{self.at:%m-%d %H:%M:%S}.{self.at.microsecond // 1000:03}"
        return f"{stamp} {self.pid:5} {self.pid:5} {self.level} {self.tag:<8}: {self.text}"
