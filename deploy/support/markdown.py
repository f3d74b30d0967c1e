"""GitHub's Markdown, in which what strangers wrote says what it says and no more."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

# What has a meaning of its own in Markdown, or names people (@) or issues (#).
_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~&@])")


def escaped(text: str) -> str:
    """Text that says in Markdown what it says, on one line.

    >>> escaped("a|b <img> @all")
    'a\\\\|b \\\\<img\\\\> \\\\@all'
    """
    line = " ".join(text.split())
    return _SPECIAL.sub(r"\\\1", line)


def table_lines(
    columns: Sequence[str], rows: Sequence[Sequence[str]], to_left: Collection[int] = (0,)
) -> Iterator[str]:
    """A table; the columns `to_left`, by number, are aligned so, the others, of figures, to the
    right."""
    yield _row(columns)
    yield "| " + " | ".join("---" if n in to_left else "---:" for n in range(len(columns))) + " |"
    yield from map(_row, rows)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(escaped, cells)) + " |"
