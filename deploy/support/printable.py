"""Text of a stranger's, made fit for a message."""

from __future__ import annotations

from pathlib import Path

from deploy.support.errors import BundleError

_LONGEST = 200


def printable(text: str) -> str:
    """`text`, perhaps from a stranger, on one line of bounded length and safe on a terminal.

    >>> printable("a\\nb")
    'a?b'
    """
    shown = "".join(character if character.isprintable() else "?" for character in text)
    return shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "..."


def last_line(text: str) -> str:
    """The last line that is not blank, "" where there is none: where programs say what is wrong.

    >>> last_line("a\\n  b \\n\\n")
    'b'
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def check_encoding(path: Path) -> None:
    """Refuse a bundle's path that runtimes cannot be handed: they take UTF-8 alone.

    Raises BundleError.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise BundleError(
            f"{printable(str(path))} is not UTF-8: rename that folder, or choose another"
        ) from error
