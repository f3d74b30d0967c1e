"""What a long run does, on stderr: stages and a bar on a terminal, in a pipe warnings alone."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

from deploy.cli.output import echo
from deploy.support.lacking import check_current_folder
from deploy.support.printable import one_line
from deploy.support.quiet import hidden_output
from deploy.support.reporter import Reporter, Silent

if TYPE_CHECKING:
    from rich.progress import Progress


class Watcher(Reporter, Protocol):
    """A reporter that keeps the warnings it has shown."""

    warnings: list[str]


@contextmanager
def watched(debug: bool) -> Iterator[Watcher]:
    """Import and call the library inside: it is shown at work, and no toolkit's chatter is.

    With `debug` nothing is hidden, and so no bar is drawn between what others print.
    """
    check_current_folder()
    if debug:
        yield Piped(sys.stderr)
        return
    with hidden_output() as stderr:
        if not stderr.isatty():
            yield Piped(stderr)
            return
        with bar(stderr) as drawn:
            watcher = OnTerminal(drawn)
            yield watcher
            watcher.finish()


class Piped(Silent):
    """Only warnings, each a line."""

    def __init__(self, stream: TextIO) -> None:
        self.warnings: list[str] = []
        self._stream = stream

    def warn(self, text: str) -> None:
        self.warnings.append(text)
        echo(one_line(f"warning: {text}"), self._stream)


class OnTerminal:
    """A line for each stage that is over, with its seconds; below, the one at work with a bar."""

    def __init__(self, drawn: Progress) -> None:
        self.warnings: list[str] = []
        self._bar = drawn
        self._task = drawn.add_task("starting", total=None)
        self._stage: str | None = None
        self._begin = 0.0

    def stage(self, text: str) -> None:
        self.finish()
        self._stage, self._begin = text, time.perf_counter()
        self._bar.reset(self._task, description=one_line(text), total=None)

    def progress(self, what: str, done: int, total: int | None) -> None:
        description = f"{self._stage}: {what}" if self._stage else what
        self._bar.update(self._task, description=description, completed=done, total=total)

    def warn(self, text: str) -> None:
        self.warnings.append(text)
        self._print(f"warning: {text}", "yellow")

    def finish(self) -> None:
        """The stage is over."""
        if self._stage is not None:
            self._print(f"{self._stage}: {time.perf_counter() - self._begin:.1f} s", "dim")

    def _print(self, text: str, style: str) -> None:
        from rich.text import Text

        self._bar.console.print(Text(one_line(text), style), soft_wrap=True)


def bar(stderr: TextIO) -> Progress:
    """A bar on a terminal that vanishes when it is left."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        # Files count bytes and photos count photos: a percentage is right for both.
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(file=stderr),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
