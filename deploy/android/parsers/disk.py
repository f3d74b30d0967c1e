"""`df -k PATH`: the space that is left."""

from __future__ import annotations

import re

from deploy.benchmark.parsers.text import decimal, lines_of, whole

# Blocks, used, available, share, mount point. A long device name pushes them to the right, or, as
# busybox has it, onto a line of their own.
_ROW = re.compile(r"(?:.*?\s)?([0-9]+)\s+([0-9]+)\s+(-?[0-9]+)\s+(?:[0-9]+%|-)\s+/.*")
# Toolbox, before Android 6: name, size, used, free, block size; and a sentence before that.
_OLD_ROW = re.compile(r"/\S*\s+[0-9.]+[KMGT]?\s+[0-9.]+[KMGT]?\s+([0-9.]+)([KMGT]?)\s+[0-9]+")
_OLDEST_ROW = re.compile(r"/\S*: [0-9]+K total, [0-9]+K used, ([0-9]+)K available .*")

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_LONGEST_LINE = 2000


def parse_available(text: str) -> int | None:
    """Bytes that are left; None where the output is not df's."""
    lines = [line.strip() for line in lines_of(text) if len(line) <= _LONGEST_LINE]
    unit = 512 if any("512-blocks" in line for line in lines) else 1024
    available = None
    for line in lines:
        if (row := _ROW.fullmatch(line)) is not None:
            available = _times(whole(row[3]), unit)
        elif (row := _OLD_ROW.fullmatch(line)) is not None:
            available = _times(decimal(row[1]), _UNITS[row[2]])
        elif (row := _OLDEST_ROW.fullmatch(line)) is not None:
            available = _times(whole(row[1]), 1024)
    return available


def _times(count: float | None, unit: int) -> int | None:
    # What is set aside for root may be used up as well: then there is none, and less.
    return None if count is None else max(0, round(count * unit))
