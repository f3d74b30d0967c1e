"""How often to look at a phone that is being timed: each look starts processes there."""

from __future__ import annotations

# Between two looks at the least; seldomer, so that it stays a share of what was waited already.
_LEAST_S = 0.25
_SHARE, _MOST_S = 0.25, 10.0
# An earlier block of the same took about as long: none is looked at before, and then a block that
# takes less than it is noticed by the next.
_BEFORE = 0.9
_LATE_SHARE = 0.1


def pause(elapsed_s: float, usual_s: float | None) -> float:
    """Seconds until the next look at a block that has run for `elapsed_s`, where an earlier one
    took `usual_s`; None where none did.

    An answer that is there waits for a quarter of its block's time, later for a tenth, at the most.

    >>> pause(0, None), pause(8, None), pause(0, 8), pause(8, 8)
    (0.25, 2.0, 7.2, 0.8)
    """
    if usual_s is None:
        return min(max(_LEAST_S, _SHARE * elapsed_s), _MOST_S)
    if elapsed_s < _BEFORE * usual_s:
        return max(_LEAST_S, _BEFORE * usual_s - elapsed_s)
    return min(max(_LEAST_S, _LATE_SHARE * elapsed_s), _MOST_S)
