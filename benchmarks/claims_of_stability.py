"""Claims of what makes an arm INVALID, and of the turns that a stretch without pauses shows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from claim import CALM, DRIFTING, Claim, Random
from synthetic_device import THROTTLE_STEP, SyntheticDevice, one_odd_block

from deploy.statistics import signs_in_times
from deploy.statistics.sustained import Stretch, describe_stretch

THROTTLED = SyntheticDevice(throttle=THROTTLE_STEP)


def void(random: Random, *, device: SyntheticDevice, rounds: int) -> bool:
    """Whether the times of a single arm show what makes it INVALID."""
    (blocks,) = device.measure(random, rounds=rounds)
    return any(sign.invalidates for sign in signs_in_times(blocks))


def signs(random: Random, *, device: SyntheticDevice) -> set[str]:
    """The kinds of signs that the times of a single arm show."""
    (blocks,) = device.measure(random)
    return {sign.kind for sign in signs_in_times(blocks)}


def throttled_by_turns(random: Random) -> bool:
    """Whether one of two interleaved arms shows the step, of which each has its part."""
    arms = THROTTLED.measure(random, slowdowns=(1.0, 1.0))
    return any(sign.kind == "throttled" for blocks in arms for sign in signs_in_times(blocks))


def stretch_of(random: Random, *, blocks: int, fall: float, device: SyntheticDevice) -> Fallen:
    """A stretch of blocks of 10 s that slows down by `fall` at some moment after 3 blocks, in its
    first two thirds."""
    at_s = float(random.uniform(30, 10 * blocks * 2 / 3))
    # The median of the block in which it falls is of the longer part.
    after = np.clip(np.arange(1, blocks + 1) - at_s / 10, 0, 1)
    (timed,) = replace(device, load=lambda _, __: 1 + fall * np.round(after)).measure(
        random, rounds=blocks
    )
    starts = 10.0 * np.arange(blocks)
    return Fallen(at_s=at_s, found=describe_stretch(timed, starts, starts + 10))


@dataclass(frozen=True, kw_only=True)
class Fallen:
    """What is found of a stretch that slows down after `at_s` seconds."""

    at_s: float
    found: Stretch


def turns(random: Random, *, blocks: int, fall: float, device: SyntheticDevice = CALM) -> bool:
    """Whether a turn is seen."""
    return bool(stretch_of(random, blocks=blocks, fall=fall, device=device).found.turns)


def moment_found(random: Random, *, fall: float) -> bool:
    """Whether the turn is between the two blocks that it is said to be in."""
    fallen = stretch_of(random, blocks=60, fall=fall, device=CALM)
    turn = fallen.found.turn
    return turn is not None and turn.earliest_s <= fallen.at_s <= turn.latest_s


def fall_covered(random: Random, *, fall: float) -> bool:
    interval = stretch_of(random, blocks=60, fall=fall, device=CALM).found.fall.interval
    return interval is not None and interval.covers(fall)


SIGNS = (
    Claim(
        name="a step of 20 %: throttled",
        trial=lambda random: "throttled" in signs(random, device=THROTTLED),
        low=0.95,
    ),
    Claim(
        name="a step of 20 %, two arms by turns: one of them throttled",
        trial=throttled_by_turns,
        low=0.95,
    ),
    Claim(
        name="calm: throttled",
        trial=lambda random: "throttled" in signs(random, device=CALM),
        high=0.02,
    ),
    Claim(
        name="calm: any sign",
        trial=lambda random: bool(signs(random, device=CALM)),
        high=0.02,
    ),
    Claim(
        name="drift to 5 %: throttled",
        trial=lambda random: "throttled" in signs(random, device=DRIFTING),
    ),
    Claim(
        name="drift to 5 %: drifting",
        trial=lambda random: "drifting" in signs(random, device=DRIFTING),
    ),
)

VOID = (
    *(
        Claim(
            name=f"blocks that differ by 2.6 %, {rounds} rounds: INVALID",
            trial=partial(void, device=SyntheticDevice(block_effect=0.026), rounds=rounds),
            high=0.06,
        )
        for rounds in (6, 10, 20, 40, 64)
    ),
    Claim(
        name="one block of 64 takes 12 % more: INVALID",
        trial=partial(void, device=SyntheticDevice(load=one_odd_block), rounds=64),
        high=0.02,
    ),
)

WITHOUT_PAUSES = (
    Claim(
        name="without pauses, 60 blocks whose level holds: a turn is seen",
        trial=partial(turns, blocks=60, fall=0.0),
        high=0.02,
    ),
    Claim(
        name="without pauses, blocks that differ by 2.6 %, the level holds: a turn is seen",
        trial=partial(turns, blocks=60, fall=0.0, device=SyntheticDevice(block_effect=0.026)),
        high=0.05,
    ),
    Claim(
        name="without pauses, it falls by 8 %: at the moment that is said",
        trial=partial(moment_found, fall=0.08),
        low=0.95,
    ),
    Claim(
        name="without pauses, it falls by 25 %: the interval of the fall covers it",
        trial=partial(fall_covered, fall=0.25),
        low=0.93,
    ),
)
