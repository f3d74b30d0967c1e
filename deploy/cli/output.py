"""Results on stdout: tables for people, one JSON object for machines. All goes by `echo`."""

from __future__ import annotations

import errno
import json
import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

import click

from deploy.cli.width import fold, table_lines, width_of
from deploy.support.errors import StorageError
from deploy.support.markdown import table_lines as markdown_lines
from deploy.support.printable import shown
from deploy.support.streams import give_up

if TYPE_CHECKING:
    from deploy.statistics.accuracy import Share


class ReaderGoneError(SystemExit):
    """Whoever read stdout has seen enough: nothing to tell, and nobody to tell it to."""


def echo(text: str = "", stream: TextIO | None = None) -> None:
    """Print lines, on stdout where no stream is named, without colours where it is no terminal;
    on one they are folded between words.

    Whatever they name, nothing in them acts on a terminal; what is to be one line is the caller's
    to see to (`one_line`).

    Raises StorageError where stdout does not take it, and ReaderGoneError where nobody reads it.
    Other streams carry what may be lost, and is.
    """
    to = stream or sys.stdout
    try:
        # Named, for click would write UTF-8 to an ASCII terminal.
        click.echo(fold(shown(text), width_of(to)), file=to)
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
    """The first column is aligned to the left, figures to the right; a row is a paragraph where
    the terminal is too narrow."""
    echo("\n".join(table_lines(columns, rows, width_of(sys.stdout))))


def print_markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """As `print_table`, for a pull request's comment."""
    for line in markdown_lines(columns, rows):
        echo(line)


def print_json(facts: dict[str, object]) -> None:
    """One object, which says null for what is not known or not finite."""
    echo(json.dumps(facts, indent=2, allow_nan=False))


def decibels(value: float | None) -> str:
    """For a table; without noise there is no figure.

    >>> decibels(43.21), decibels(None)
    ('43.2', 'exact')
    """
    return "exact" if value is None or value == math.inf else f"{value:.1f}"


def interval_facts(share: Share | None) -> dict[str, float] | None:
    """For --json, beside the share itself: where it lies with 95 %."""
    return None if share is None else {"low": share.low, "high": share.high}


def with_interval(share: Share) -> str:
    """For a table, under a header with the sign."""
    return f"{percent(share.value)} ({percent(share.low)}-{percent(share.high)})"


def percent(share: float) -> str:
    """For a table, under a header with the sign.

    >>> percent(0.875)
    '87.5'
    """
    return f"{share * 100:.1f}"
