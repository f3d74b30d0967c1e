"""How a stretch without pauses is cut into blocks."""

from __future__ import annotations

from deploy.protocol.messages import Answer

# Between two blocks a process is started and a network loaded, a second or so, in which the device
# cools: the longer the blocks, the fewer such pauses.
_LONGEST_S = 10.0
_SHORTEST_S = 2.0
# A stretch has at least so many, for turns and intervals are told in blocks.
_BLOCKS = 30
_MOST_INFERENCES = 100_000

MOST_SAMPLES = 12_000_000
"""Of a device's session: of more, results.json would be too large to be read again."""


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
