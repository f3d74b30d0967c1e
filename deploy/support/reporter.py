"""How a long run tells what it does; the command line decides whether and how to show it."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Iterable
from typing import Protocol, runtime_checkable

from deploy.support.durations import WORTH_TELLING_S, about

# Ours, and what stands between where a context manager of ours decorates a function.
_OURS = (__name__.partition(".")[0], "contextlib")

# `Reporter.progress`, for work that has nothing else to tell: what, how much is done, of how much.
Progress = Callable[[str, int, int | None], None]


class Reporter(Protocol):
    def stage(self, text: str) -> None:
        """A new stage begins, such as "calibrating"."""

    def progress(self, what: str, done: int, total: int | None) -> None:
        """`done` of `total` (None: unknown) of `what`, within the stage."""

    def warn(self, text: str) -> None:
        """Something that the user should know though the run goes on."""


@runtime_checkable
class Foretold(Protocol):
    """A reporter that is told beforehand how long something takes, too; none has to be."""

    def ahead(self, text: str) -> None:
        """Such as "calibrating takes about 40 s"."""


def foretell(reporter: Reporter, what: str, seconds: float) -> None:
    """Say beforehand about how long `what` takes, where that is worth a line."""
    if seconds >= WORTH_TELLING_S and isinstance(reporter, Foretold):
        reporter.ahead(f"{what} takes about {about(seconds)}")


class Silent:
    """Nobody watches."""

    def stage(self, text: str) -> None:
        pass

    def progress(self, what: str, done: int, total: int | None) -> None:
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

    def ahead(self, text: str) -> None:
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
        self.stage, self.progress = reporter.stage, reporter.progress
        self._reporter = reporter

    def warn(self, text: str) -> None:
        self.warnings.append(text)
        self._reporter.warn(text)

    def ahead(self, text: str) -> None:
        if isinstance(self._reporter, Foretold):
            self._reporter.ahead(text)

    def warn_all(self, texts: Iterable[str]) -> None:
        for text in texts:
            self.warn(text)
