"""Text of a stranger's, made fit for a message."""

from __future__ import annotations

_LONGEST = 200


def printable(text: str) -> str:
    """`text`, perhaps from a stranger, on one line of bounded length and safe on a terminal.

    >>> printable("a\\nb")
    'a?b'
    """
    shown = "".join(character if character.isprintable() else "?" for character in text)
    return shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "..."
