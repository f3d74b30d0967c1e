"""How a long run tells what it does; the command line decides whether and how to show it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

# `Reporter.progress`, for work that has nothing else to tell: what, how much is done, of how much.
Progress = Callable[[str, int, int | None], None]


class Reporter(Protocol):
    def stage(self, text: str) -> None:
        """A new stage begins, such as "calibrating"."""

    def progress(self, what: str, done: int, total: int | None) -> None:
        """`done` of `total` (None: unknown) of `what`, within the stage."""

    def warn(self, text: str) -> None:
        """Something that the user should know though the run goes on."""


class Silent:
    """Nobody watches."""

    def stage(self, text: str) -> None:
        pass

    def progress(self, what: str, done: int, total: int | None) -> None:
        pass

    def warn(self, text: str) -> None:
        pass


silent: Progress = Silent().progress


class Recorder:
    """Passes everything on, and keeps the warnings."""

    def __init__(self, reporter: Reporter) -> None:
        self.warnings: list[str] = []
        self.stage, self.progress = reporter.stage, reporter.progress
        self._reporter = reporter

    def warn(self, text: str) -> None:
        self.warnings.append(text)
        self._reporter.warn(text)

    def warn_all(self, texts: Iterable[str]) -> None:
        for text in texts:
            self.warn(text)
