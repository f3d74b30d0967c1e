"""Cells of a CSV file, which people open in spreadsheets."""

from __future__ import annotations

# With their wide forms, which some spreadsheets take too (OWASP, "CSV Injection").
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def inert(text: str) -> str:
    """Of a stranger's: as text in every spreadsheet, with a ' before what would be a formula.

    >>> inert("=HYPERLINK(0)"), inert("Pixel 8")
    ("'=HYPERLINK(0)", 'Pixel 8')
    """
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
