"""One line for each device at work, on a terminal; how long it takes, and warnings, anywhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from deploy.cli.output import echo
from deploy.cli.progress import bar, print_above
from deploy.support.lacking import check_current_folder
from deploy.support.printable import one_line
from deploy.support.quiet import hidden_output
from deploy.support.reporter import Reporter, Silent

Reporters = Callable[[str], Reporter]


@contextmanager
def watched_devices(debug: bool) -> Iterator[Reporters]:
    """Make a reporter for each device by its label; they may be used from threads of their own."""
    check_current_folder()
    if debug:
        yield lambda label: Warned(label, sys.stderr)
        return
    with hidden_output() as stderr:
        if not stderr.isatty():
            yield lambda label: Warned(label, stderr)
            return
        with bar(stderr) as drawn:

            def line(label: str) -> Reporter:
                task = drawn.add_task(f"{label}: starting", total=None)
                return DeviceLine(
                    label,
                    lambda text: drawn.update(task, description=one_line(text)),
                    lambda done, total: drawn.update(task, completed=done, total=total),
                    lambda text, style: print_above(drawn, text, style),
                )

            yield line


class Warned(Silent):
    """How long it takes, and warnings, each a line with the device's label."""

    def __init__(self, label: str, stream: TextIO) -> None:
        self._label, self._stream = label, stream

    def ahead(self, text: str) -> None:
        echo(one_line(f"{self._label}: {text}"), self._stream)

    def warn(self, text: str) -> None:
        echo(one_line(f"warning: {self._label}: {text}"), self._stream)


class DeviceLine:
    """The line of one device: what it does, and how far it is."""

    def __init__(
        self,
        label: str,
        describe: Callable[[str], None],
        advance: Callable[[int, int | None], None],
        say: Callable[[str, str], None],
    ) -> None:
        self._label, self._describe, self._advance, self._say = label, describe, advance, say

    def stage(self, text: str) -> None:
        self._describe(f"{self._label}: {text}")

    def progress(self, what: str, done: int, total: int | None) -> None:
        self._advance(done, total)

    def ahead(self, text: str) -> None:
        self._say(f"{self._label}: {text}", "dim")

    def warn(self, text: str) -> None:
        self._say(f"warning: {self._label}: {text}", "yellow")
