"""`content` with our app's provider: the files that lie behind it, and why there are none."""

from __future__ import annotations

import re

_ROW = re.compile(r"Row: [0-9]+ name=([a-z0-9.-]{1,80}), bytes=[0-9]+, sha256=([0-9a-f]{64})")
# A Java exception as it is printed, or the command's own complaint.
_REFUSAL = re.compile(r"(?:[a-z]\w*\.)+[A-Z]\w*(?:Exception|Error)\b.*|\[ERROR\] .*")
_NOTHING = "No result found."


def parse_provided(text: str) -> dict[str, str] | None:
    """The SHA-256 of each file by its name; None where no such provider answered.

    >>> parse_provided("Row: 0 name=b.json, bytes=1, sha256=" + "a" * 64)
    {'b.json': 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}
    >>> parse_provided("No result found."), parse_provided("Error while accessing provider:x")
    ({}, None)
    """
    lines = [line.strip() for line in text.splitlines()]
    rows = [found for line in lines if (found := _ROW.fullmatch(line))]
    if not rows and _NOTHING not in lines:
        return None
    return {row[1]: row[2] for row in rows}


def parse_refusal(text: str) -> str | None:
    """The line that names what went wrong, of all that `content` prints then.

    >>> parse_refusal("Error while accessing provider:x\\njava.io.IOException: no\\n\\tat y")
    'java.io.IOException: no'
    """
    lines = (line.strip() for line in text.splitlines())
    return next((line for line in lines if _REFUSAL.fullmatch(line)), None)


def cannot_write(text: str) -> bool:
    """Whether this `content` is one of an early Android 8, which only reads."""
    return "Unsupported operation" in text
