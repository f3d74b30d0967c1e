"""stdout and stderr, whatever they are: an old terminal, a pipe without a reader, closed, full.

What a stream's encoding lacks is written in ASCII, and what stdout does not take ends the command
with one line. Nobody may be at stderr: what is lost there is progress and warnings.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from contextlib import suppress
from typing import TextIO

# In place of what we print ourselves, and of what people have in names; else \u1234.
_PLAIN = {
    **dict.fromkeys("\u2190\u21d0", "<-"),
    **dict.fromkeys("\u2192\u21d2", "->"),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2500\u2501", "-"),
    **dict.fromkeys("\u2018\u2019\u201a\u2032", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u2033", '"'),
    **dict.fromkeys("\u2022\u25cf\u00b7", "*"),
    **dict.fromkeys("\u2588\u2593\u2592\u2591", "#"),
    **dict.fromkeys("\u2502\u2503", "|"),
    **dict.fromkeys("\u2578\u257a", "-"),
    "\u2026": "...",
    "\u00a0": " ",
    "\u00d7": "x",
    "\u00b1": "+/-",
    "\u00b5": "u",
    "\u00b0": " deg",
    "\u2264": "<=",
    "\u2265": ">=",
}

FIT = "mobile-deploy-fit"


def _fit(error: UnicodeError) -> tuple[str | bytes, int]:
    """An encoding's error handler: ASCII for what it lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    plain = "".join(_PLAIN.get(character) or _escaped(character) for character in lacking)
    return plain, error.end


def _escaped(character: str) -> str:
    return character.encode("ascii", "backslashreplace").decode("ascii")


codecs.register_error(FIT, _fit)


def prepare_streams() -> None:
    """See that the three streams are there and take any text; call it before anything is opened."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # What is opened next would get its number, and toolkits' chatter with it. Nothing can
            # be written to the one in place of stdout, which is told when it is tried.
            way = os.O_WRONLY if descriptor == 2 else os.O_RDONLY
            os.set_inheritable(os.open(os.devnull, way), True)
    sys.stdout = sys.stdout or _open(1)
    sys.stderr = sys.stderr or _open(2)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=FIT)


def _open(descriptor: int) -> TextIO:
    return open(descriptor, "w", encoding="utf-8", closefd=False)


def fits(text: str) -> bool:
    """Whether stdout can show `text` as it is."""
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


class Lenient(io.TextIOWrapper):
    """A stream for what may be lost: once it cannot be written to, all goes nowhere."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError:
            give_up(self)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError:
            give_up(self)
            super().flush()


def give_up(stream: TextIO) -> None:
    """Let what is still in the buffer of `stream`, and all that follows, go nowhere."""
    with suppress(OSError, ValueError):
        descriptor, nowhere = stream.fileno(), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
