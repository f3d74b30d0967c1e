"""What a long run does, on stderr: stages and a bar on a terminal, in a pipe warnings alone."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, TextIO

from deploy.cli.output import echo
from deploy.cli.width import fold
from deploy.support.lacking import check_current_folder
from deploy.support.printable import one_line
from deploy.support.quiet import hidden_output
from deploy.support.reporter import Reporter, Silent

if TYPE_CHECKING:
    from rich.progress import Progress


# Columns of a bar, and of all that stands beside what is told.
_BAR, _BESIDE = 12, 42


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
        about = what if done != total else ""
        description = ": ".join(text for text in (self._stage, about) if text)
        # At either end a bar would stand still, though work goes on: there it pulses.
        (task,) = self._bar.tasks
        task.total = total if total is not None and 0 < done < total else None
        self._bar.update(self._task, description=one_line(description), completed=done)

    def warn(self, text: str) -> None:
        self.warnings.append(text)
        print_above(self._bar, f"warning: {text}", "yellow")

    def ahead(self, text: str) -> None:
        print_above(self._bar, text, "dim")

    def finish(self) -> None:
        """The stage is over."""
        if self._stage is not None:
            seconds = time.perf_counter() - self._begin
            print_above(self._bar, f"{self._stage}: {seconds:.1f} s", "dim")


def print_above(bar: Progress, text: str, style: str) -> None:
    """A line above a bar, folded between words."""
    from rich.text import Text

    # By us: rich would break words that are longer than a line, such as paths to copy.
    folded = fold(one_line(text), bar.console.width if bar.console.is_terminal else None)
    bar.console.print(Text(folded, style), soft_wrap=True)


def bar(stderr: TextIO) -> Progress:
    """A bar on a terminal that vanishes when it is left: what runs, how far, and since when."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, Task, TextColumn, TimeElapsedColumn
    from rich.table import Column
    from rich.text import Text

    class Share(TextColumn):
        def render(self, task: Task) -> Text:
            # Files count bytes and photos count photos: a percentage is right for both.
            if task.total is None:
                return Text("")
            left = task.time_remaining
            ahead = "" if left is None else f", {timedelta(seconds=round(left))} left"
            return Text(f"{task.percentage:.0f}%{ahead}")

    console = Console(file=stderr)
    return Progress(
        TextColumn(
            "{task.description}",
            markup=False,
            table_column=Column(
                no_wrap=True, overflow="ellipsis", max_width=max(20, console.width - _BESIDE)
            ),
        ),
        BarColumn(bar_width=_BAR),
        Share(""),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
