"""In which order the arms of a round run."""

from __future__ import annotations

import random


def round_order(arms: int, *, round_number: int, seed: int) -> list[int]:
    """The arms 0 .. `arms` - 1 in an order of chance: every one is as likely, in each round anew.

    Were two arms the same, swapping their names in any of the rounds would be as likely as not,
    whatever the device does by the clock and whatever an arm leaves to the next. So comparing by
    signed ranks (`deploy.statistics.compare_interleaved`) is this design's own randomization test:
    docs/decisions/order-by-chance.md.
    """
    order = list(range(arms))
    random.Random(f"{seed} {round_number}").shuffle(order)
    return order
