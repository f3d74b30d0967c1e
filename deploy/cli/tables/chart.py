"""Bars in a terminal, as high as several lines."""

from __future__ import annotations

from collections.abc import Sequence

from deploy.support.streams import fits

_EIGHTHS, _PLAIN = " ▁▂▃▄▅▆▇█", " .:#"


def bars(values: Sequence[float | None], rows: int, *, low: float, high: float) -> list[str]:
    """A column a value, None a gap, in lines from the top, of an axis from `low` to `high`.

    >>> [len(line) for line in bars([1.0, 2.0, None, 4.0], 2, low=1.0, high=4.0)]
    [4, 4]
    """
    parts = _EIGHTHS if fits(_EIGHTHS) else _PLAIN
    most = len(parts) - 1
    # The lowest has a bar too: what is empty was not seen.
    heights = [
        0 if value is None else 1 + round((rows * most - 1) * (value - low) / (high - low))
        for value in values
    ]
    return [
        "".join(parts[min(most, max(0, height - row * most))] for height in heights)
        for row in reversed(range(rows))
    ]
