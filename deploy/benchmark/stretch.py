"""How a stretch without pauses is cut into blocks."""

from __future__ import annotations

from deploy.protocol.messages import Answer
from deploy.results.records import Conditions, Settings
from deploy.results.sustained import celsius

# Between two blocks a process is started and a network loaded, a second or so, in which the device
# cools: the longer the blocks, the fewer such pauses.
_LONGEST_S = 10.0
_SHORTEST_S = 2.0
# A stretch has at least so many, for turns and intervals are told in blocks.
_BLOCKS = 30
_MOST_INFERENCES = 100_000


# Of two stretches the second is to begin about as cool as the first: burst is of a cool device.
_AS_COOL_C = 2.0


def cool_timeout(settings: Settings) -> float:
    """How long a block may wait for the device to cool, in seconds: after a stretch as long as that
    has warmed it, if that is more than was said."""
    warmed = settings.sustained.seconds if settings.sustained else 0.0
    return max(settings.cool_timeout_s, warmed)


def is_as_cool(now: Conditions, first: Conditions) -> bool:
    """Whether a stretch may begin, where `first` is how the session's first began."""
    celsius_now, celsius_then = celsius(now), celsius(first)
    if celsius_now is None or celsius_then is None:
        return True
    return celsius_now <= celsius_then + _AS_COOL_C


def block_seconds(stretch: float) -> float:
    """How long a block of a stretch of so many seconds is to take.

    >>> block_seconds(30.0), block_seconds(120.0), block_seconds(1800.0)
    (2.0, 4.0, 10.0)
    """
    return min(_LONGEST_S, max(_SHORTEST_S, stretch / _BLOCKS))


def is_over(left: float, stretch: float) -> bool:
    """Whether what is left is not worth a block."""
    return left < block_seconds(stretch) / 4


def inferences_for(answer: Answer, left: float, stretch: float) -> int:
    """How many inferences fill the next block, where `answer` tells what they take and `left`
    seconds of the stretch are left."""
    took_s = sum(answer.iterations_ns) / len(answer.iterations_ns) / 1e9
    seconds = min(left, block_seconds(stretch))
    return min(_MOST_INFERENCES, max(1, round(seconds / took_s)))
