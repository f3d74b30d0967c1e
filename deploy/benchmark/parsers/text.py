"""What every parser here does with its text first."""

from __future__ import annotations

import math
import re

from deploy.support.printable import printable

# More digits than any figure of a phone has; Python refuses to convert some thousands of them.
_MOST_DIGITS = 18

_COLDEST_C, _HOTTEST_C = -40.0, 150.0

# In kB, as Linux tells memory: a petabyte.
MOST_KILOBYTES = 2**40

# The client says so, on either stream, when it has to start the server first.
_DAEMON_NOISE = re.compile(r"\* (daemon |failed to start daemon)|adb server (version|is out of)")


def lines_of(text: str) -> list[str]:
    """The lines, without carriage returns and without the client's words about its server.

    Not `splitlines`, which also splits at characters that a serial number or a path may hold.
    """
    lines = text.replace("\r", "").split("\n")
    return [line for line in lines if _DAEMON_NOISE.match(line) is None]


def whole(text: str | None) -> int | None:
    """The decimal integer that `text` is, blanks around it apart.

    >>> whole(" -12"), whole("0x1f"), whole("")
    (-12, None, None)
    """
    matched = re.fullmatch(rf"-?[0-9]{{1,{_MOST_DIGITS}}}", (text or "").strip())
    return int(matched[0]) if matched else None


def positive(text: str | None, most: int) -> int | None:
    """The decimal integer that `text` is, where it is one from 1 to `most`: what is beyond is no
    phone's, and no record takes it.

    >>> positive("34", 1000), positive("-3", 1000), positive("9007199254740992", 1000)
    (34, None, None)
    """
    value = whole(text)
    return value if value is not None and 0 < value <= most else None


def decimal(text: str | None) -> float | None:
    """The finite number that `text` is, in plain or scientific notation.

    >>> decimal("36.5"), decimal("NaN"), decimal("1e999")
    (36.5, None, None)
    """
    plain = (text or "").strip()
    if re.fullmatch(r"[-+]?[0-9]{1,30}(\.[0-9]{0,30})?([eE][-+]?[0-9]{1,3})?", plain) is None:
        return None
    value = float(plain)
    return value if math.isfinite(value) else None


def plausible_celsius(value: float | None) -> float | None:
    """`value` where something in a device that works may be so warm.

    Below -40 C and above 150 C no chip is specified: sensors say so when they have no reading.

    >>> plausible_celsius(36.5), plausible_celsius(-99.9), plausible_celsius(None)
    (36.5, None, None)
    """
    return value if value is not None and _COLDEST_C <= value <= _HOTTEST_C else None


def truth(text: str | None) -> bool | None:
    """What `true` and `false` say; None for all else."""
    return {"true": True, "false": False}.get((text or "").strip())


def words(text: str | None) -> str | None:
    """`text` as it may be kept and shown: one printable line; None where it says nothing.

    >>> words("  Pixel 8 "), words("unknown"), words("null")
    ('Pixel 8', None, None)
    """
    plain = (text or "").strip()
    return None if plain.lower() in ("", "unknown", "null") else printable(plain)
