"""Fitting text to a terminal: lines folded between words, tables stacked where they are too wide.

Into a pipe or a file nothing is folded: there a line is a line.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TextIO

import click

# What a cell of a stacked row is indented by, and what stands between two.
_INDENT, _GAP = "  ", "  "


def width_of(stream: TextIO) -> int | None:
    """The columns of the terminal that `stream` is; None where it is none, or does not say."""
    try:
        if not stream.isatty():
            return None
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None


def fold(text: str, width: int | None) -> str:
    """`text` with lines of at most `width` columns, broken between words; longer words stay whole.

    Lines that begin with a space or a | stay as they are: they are commands to copy, parts of a
    table, or a table in Markdown, whose rows are a line each.

    >>> fold("a warning of words\\n  mobile-deploy verify bundles/mobilenet_v2", 10)
    'a warning\\nof words\\n  mobile-deploy verify bundles/mobilenet_v2'
    """
    if width is None:
        return text
    return "\n".join(
        line if line.startswith((" ", "|")) else "\n".join(_join(line.split(" "), " ", width))
        for line in text.split("\n")
    )


def table_lines(
    columns: Sequence[str], rows: Sequence[Sequence[str]], width: int | None
) -> list[str]:
    """The first column to the left, figures to the right; no rules, the titles bold.

    Where that is wider than `width`, each row is a paragraph instead: its first cell, and below it
    the others that are not empty, each behind its title. No cell is broken.
    """
    cells = [list(columns), *(list(row) for row in rows)]
    widths = [max(columns_of(row[index]) for row in cells) for index in range(len(columns))]
    if width is None or sum(widths) + len(_GAP) * (len(widths) - 1) <= width:
        head, *body = (_aligned(row, widths) for row in cells)
        return [click.style(head, bold=True), *body]
    return [line for row in rows for line in _stacked(columns, row, width)]


def columns_of(text: str) -> int:
    """What it takes up on a terminal: letters of two columns count two, colours nothing."""
    from rich.cells import cell_len

    return cell_len(click.unstyle(text))


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    room = [" " * (width - columns_of(cell)) for cell, width in zip(row, widths, strict=True)]
    first = row[0] + room[0]
    return _GAP.join([first, *map(str.__add__, room[1:], row[1:])]).rstrip()


def _stacked(columns: Sequence[str], row: Sequence[str], width: int) -> list[str]:
    pairs = [
        f"{title}: {cell}" if title else cell
        for title, cell in zip(columns[1:], row[1:], strict=True)
        if cell not in ("", "-")
    ]
    below = _join(pairs, _GAP, width - len(_INDENT)) if pairs else []
    return [*([row[0]] if row[0] else []), *(_INDENT + line for line in below)]


def _join(parts: Sequence[str], gap: str, width: int) -> list[str]:
    """Lines of as many parts as have room; a part that has none has a line of its own."""
    lines = [parts[0]]
    taken = columns_of(parts[0])
    for part in parts[1:]:
        more = len(gap) + columns_of(part)
        if taken + more <= width:
            lines[-1] += gap + part
            taken += more
        else:
            lines.append(part)
            taken = columns_of(part)
    return lines
