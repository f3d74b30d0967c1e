"""How a long run tells what it does; the command line decides whether and how to show it."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Iterable
from typing import Protocol

# Ours, and what stands between where a context manager of ours decorates a function.
_OURS = (__name__.partition(".")[0], "contextlib")

# `Reporter.progress`, for work that has nothing else to tell: what, how much is done, of how much.
Progress = Callable[[str, int, int | None], None]


class Reporter(Protocol):
    def stage(self, text: str) -> None:
        """A new stage begins, such as "calibrating"."""

    def progress(self, what: str, done: int, total: int | None) -> None:
        """`done` of `total` (None: unknown) of `what`, within the stage."""

    def note(self, text: str) -> None:
        """Something good to know, such as how long it will take."""

    def warn(self, text: str) -> None:
        """Something that the user should know though the run goes on."""


class Silent:
    """Nobody watches."""

    def stage(self, text: str) -> None:
        pass

    def progress(self, what: str, done: int, total: int | None) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def warn(self, text: str) -> None:
        pass


silent: Progress = Silent().progress


class DeployWarning(UserWarning):
    """What a user of the library should know though the run goes on."""


class Logged:
    """Where nobody else watches: stages and progress to the log `mobile-deploy`, and warnings as
    Python's, at the line that called us."""

    def __init__(self) -> None:
        self._log = logging.getLogger("mobile-deploy")

    def stage(self, text: str) -> None:
        self._log.info("%s", text)

    def progress(self, what: str, done: int, total: int | None) -> None:
        self._log.debug("%s: %s of %s", what, done, "?" if total is None else total)

    def note(self, text: str) -> None:
        self._log.info("%s", text)

    def warn(self, text: str) -> None:
        warnings.warn(text, DeployWarning, stacklevel=_levels_of_ours())


def _levels_of_ours() -> int:
    """How many calls up from `warnings.warn` the line is that is not ours."""
    frame, level = sys._getframe(1), 1
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in _OURS:
        frame, level = frame.f_back, level + 1
    return level


class Recorder:
    """Passes everything on, and keeps the warnings."""

    def __init__(self, reporter: Reporter) -> None:
        self.warnings: list[str] = []
        self.stage, self.progress, self.note = reporter.stage, reporter.progress, reporter.note
        self._reporter = reporter

    def warn(self, text: str) -> None:
        self.warnings.append(text)
        self._reporter.warn(text)

    def warn_all(self, texts: Iterable[str]) -> None:
        for text in texts:
            self.warn(text)
