"""Text of a stranger's, made fit for a message."""

from __future__ import annotations

import re
from pathlib import Path

from deploy.support.errors import BundleError

_LONGEST = 200

# What moves a terminal's cursor, hides, or turns text around. Tabs and ends of lines stay, and the
# colours that click writes for us (bold, red, green, yellow, and back).
_UNSAFE = re.compile(
    "(\x1b\\[(?:0|1|31|32|33)m)|"
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)


def printable(text: str) -> str:
    """`text`, perhaps from a stranger, on one line of bounded length and safe on a terminal.

    >>> printable("a\\nb")
    'a?b'
    """
    shown = "".join(character if character.isprintable() else "?" for character in text)
    return shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "..."


def shown(text: str) -> str:
    """Lines of ours, with a stranger's words or a user's file names in them, safe on a terminal.

    >>> shown("a\\tb\\n\\x1b]0;c")
    'a\\tb\\n?]0;c'
    """
    return _UNSAFE.sub(lambda found: found[1] or "?", text)


def one_line(text: str) -> str:
    """The same, of any length, without an end of a line that another line could be feigned by.

    >>> one_line("a\\nerror: b")
    'a?error: b'
    """
    return shown(text).replace("\n", "?")


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
