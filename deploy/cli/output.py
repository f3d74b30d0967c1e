"""Results on stdout: tables for people, one JSON object for machines. All goes by `echo`."""

from __future__ import annotations

import errno
import json
import math
import sys
from collections.abc import Sequence
from typing import TextIO

import click

from deploy.support.errors import StorageError
from deploy.support.printable import shown
from deploy.support.streams import give_up

# Wider than any of our tables, so that rich cuts no cell in a narrow terminal.
_WIDE = 200


class ReaderGoneError(SystemExit):
    """Whoever read stdout has seen enough: nothing to tell, and nobody to tell it to."""


def echo(text: str = "", stream: TextIO | None = None) -> None:
    """Print lines, on stdout where no stream is named, without colours where it is no terminal.

    Whatever they name, nothing in them acts on a terminal; what is to be one line is the caller's
    to see to (`one_line`).

    Raises StorageError where stdout does not take it, and ReaderGoneError where nobody reads it.
    Other streams carry what may be lost, and is.
    """
    to = stream or sys.stdout
    try:
        # Named, for click would write UTF-8 to an ASCII terminal.
        click.echo(shown(text), file=to)
    except OSError as error:
        give_up(to)
        if stream is not None:
            return
        if error.errno == errno.EPIPE:
            raise ReaderGoneError(1) from error
        raise not_written(error) from error


def not_written(error: Exception) -> StorageError:
    """What went wrong with stdout, in words."""
    reason = error.strerror if isinstance(error, OSError) else error
    return StorageError(f"cannot write to stdout ({reason}): run again with it open and with room")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """The first column is aligned to the left, figures to the right; no rules."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for index, column in enumerate(columns):
        table.add_column(Text(column), justify="right" if index else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console(width=_WIDE, highlight=False)
    with console.capture() as text:
        console.print(table)
    echo("\n".join(line.rstrip() for line in text.get().splitlines()))


def print_markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """As `print_table`, for a pull request's comment."""
    for row in (columns, ["---", *["---:"] * (len(columns) - 1)], *rows):
        echo("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")


def print_json(facts: dict[str, object]) -> None:
    """One object, which says null for what is not known or not finite."""
    echo(json.dumps(facts, indent=2, allow_nan=False))


def decibels(value: float | None) -> str:
    """For a table; without noise there is no figure.

    >>> decibels(43.21), decibels(None)
    ('43.2', 'exact')
    """
    return "exact" if value is None or value == math.inf else f"{value:.1f}"


def percent(share: float) -> str:
    """For a table, under a header with the sign.

    >>> percent(0.875)
    '87.5'
    """
    return f"{share * 100:.1f}"
