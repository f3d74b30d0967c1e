"""What `deploy.statistics` claims of itself: trials on a synthetic device that come out or do not.

measuring.py runs each 2000 times, tests/statistics/test_claims.py fewer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt
from hostile_devices import state
from synthetic_device import (
    LARGEST_DRIFT,
    SESSION_EFFECTS,
    THROTTLE_STEP,
    SyntheticDevice,
    correlated_rounds,
    every_four,
    half_of_eight,
    half_of_four,
    half_of_some,
    one_odd_block,
    sine,
    stretch,
)

from deploy.statistics import (
    Verdict,
    compare_apart,
    compare_interleaved,
    quantile_interval,
    signs_in_times,
)
from deploy.statistics.block import pooled
from deploy.statistics.comparison import SESSION_FLOOR
from deploy.statistics.sessions import session_floor, wander
from deploy.statistics.sustained import Stretch, describe_stretch

Random = np.random.Generator
Load = Callable[[Random, int], npt.NDArray[np.float64]]

DRIFTING = SyntheticDevice(drift=LARGEST_DRIFT)
THROTTLED = SyntheticDevice(throttle=THROTTLE_STEP)
CALM = SyntheticDevice()


@dataclass(frozen=True, kw_only=True)
class Claim:
    """`trial` comes out in a share of runs from `low` to `high`; from 0 to 1 claims nothing."""

    name: str
    trial: Callable[[Random], bool]
    low: float = 0.0
    high: float = 1.0

    def came_out(self, runs: int) -> int:
        """How often in `runs` runs, always the same ones."""
        return sum(self.trial(np.random.default_rng([2026, run])) for run in range(runs))


def differs(verdict: Verdict) -> bool:
    return verdict in ("faster", "slower")


def interleaved(
    random: Random, *, device: SyntheticDevice = CALM, slowdown: float = 1.0
) -> Verdict:
    """The verdict on a second arm that takes `slowdown` as long, in one session."""
    return compare_interleaved(*device.measure(random, slowdowns=(1.0, slowdown))).verdict


def two_of(random: Random, *, device: SyntheticDevice, arms: int) -> Verdict:
    """The verdict on the second of identical arms against the first."""
    first, second, *_ = device.measure(random, slowdowns=[1.0] * arms)
    return compare_interleaved(first, second).verdict


def differs_of(random: Random, *, device: SyntheticDevice, arms: int) -> bool:
    return differs(two_of(random, device=device, arms=arms))


def void(random: Random, *, device: SyntheticDevice, rounds: int) -> bool:
    """Whether the times of a single arm show what makes it INVALID."""
    (blocks,) = device.measure(random, rounds=rounds)
    return any(sign.invalidates for sign in signs_in_times(blocks))


def told_from(random: Random, *, device: SyntheticDevice) -> bool:
    """Whether what one session says that it would tell is told by the next."""
    first = compare_interleaved(*device.measure(random, slowdowns=(1.0, 1.0)))
    if first.smallest is None:
        return False
    return interleaved(random, device=device, slowdown=1 + first.smallest) == "slower"


def told_apart(random: Random) -> bool:
    """Whether what two sessions say that they would tell is told by two others."""
    device = SyntheticDevice(session_effect=0.01)
    a, b, first = (device.measure(random)[0] for _ in range(3))
    smallest = compare_apart(a, b).smallest
    if smallest is None:
        return False
    (second,) = device.measure(random, slowdowns=(1 + smallest,))
    return compare_apart(first, second).verdict == "slower"


def apart(random: Random, *, session_effect: float, slowdown: float = 1.0) -> Verdict:
    """The same in two sessions."""
    device = SyntheticDevice(session_effect=session_effect)
    (a,), (b,) = (device.measure(random, slowdowns=(slower,)) for slower in (1.0, slowdown))
    return compare_apart(a, b).verdict


def differs_apart(random: Random, *, session_effect: float) -> bool:
    return differs(apart(random, session_effect=session_effect))


def differs_learnt(random: Random) -> bool:
    """The same in two sessions of a device that is in one of two states, with a floor that six
    others taught."""
    device = SyntheticDevice(session_effect=0.01, load=state)
    same = [device.measure(random)[0] for _ in range(6)]
    levels = np.array([[np.log(np.median(pooled(blocks)))] for blocks in same])
    a, b = (device.measure(random)[0] for _ in range(2))
    return differs(compare_apart(a, b, floor=session_floor(levels)).verdict)


def differs_wandering(random: Random, *, load: Load, arms: int) -> bool:
    """The same in two sessions with loads of their own, as `compare` does it."""
    device = SyntheticDevice(session_effect=0.01, load=load)
    before, after = (device.measure(random, slowdowns=[1.0] * arms) for _ in range(2))
    floor = max(SESSION_FLOOR, wander(before), wander(after))
    return differs(compare_apart(before[0], after[0], floor=floor).verdict)


def covered_wandering(random: Random, *, load: Load, q: float, arms: int) -> bool:
    """Whether the interval covers what the arm would have had throughout that session."""
    factors = load(random, 10 * arms)
    device = SyntheticDevice(load=lambda _, __: factors)
    first, *_ = device.measure(random, slowdowns=[1.0] * arms)
    interval = quantile_interval(first, q)
    truth = CALM.session_quantile(random, factors, q)
    return interval is not None and interval.covers(truth)


def quantile_covered(random: Random, *, q: float, truth: float, iterations: int) -> bool:
    (blocks,) = CALM.measure(random, iterations=iterations)
    interval = quantile_interval(blocks, q)
    return interval is not None and interval.covers(truth)


def ratio_covered(random: Random, *, device: SyntheticDevice, slowdown: float) -> bool:
    interval = compare_interleaved(*device.measure(random, slowdowns=(1.0, slowdown))).interval
    return interval is not None and interval.covers(slowdown)


def called_none(random: Random, *, device: SyntheticDevice, slowdown: float) -> bool:
    return interleaved(random, device=device, slowdown=slowdown) == "no difference"


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


IDENTICAL = (
    Claim(
        name="identical, interleaved: called different",
        trial=lambda random: differs(interleaved(random)),
        high=0.06,
    ),
    Claim(
        name="identical, interleaved, drift to 5 %: called different",
        trial=lambda random: differs(interleaved(random, device=DRIFTING)),
        high=0.06,
    ),
    *(
        Claim(
            name=f"identical, apart, session effects of {100 * effect:g} %: called different",
            trial=partial(differs_apart, session_effect=effect),
            high=0.06,
        )
        for effect in SESSION_EFFECTS
    ),
    *(
        Claim(
            name=f"identical, two of {arms}, {name}: called different",
            trial=partial(differs_of, device=SyntheticDevice(load=load), arms=arms),
            high=0.06,
        )
        for name, load, arms in (
            ("6 % more in blocks 0 and 3 of 4", every_four, 2),
            ("6 % more in half of 4 blocks", half_of_four, 4),
            ("6 % more in half of 8 blocks", half_of_eight, 4),
            ("6 % more in half of 3 to 10 blocks", half_of_some, 4),
            ("6 % more in half of 3 to 10 blocks", half_of_some, 6),
        )
    ),
    Claim(
        name="identical, two of 3, 2 % more after the third: called different",
        trial=partial(differs_of, device=SyntheticDevice(after=(2, 1.02)), arms=3),
        high=0.06,
    ),
    Claim(
        name='identical, interleaved: called "no difference"',
        trial=lambda random: interleaved(random) == "no difference",
    ),
)

DIFFERENT = (
    Claim(
        name="5 % slower, interleaved: called slower",
        trial=lambda random: interleaved(random, slowdown=1.05) == "slower",
        low=0.90,
    ),
    Claim(
        name="5 % slower, interleaved, drift to 5 %: called slower",
        trial=lambda random: interleaved(random, device=DRIFTING, slowdown=1.05) == "slower",
        low=0.90,
    ),
    *(
        Claim(
            name=f"slower by what was said to show, {name}: called slower",
            trial=partial(told_from, device=device),
            low=0.90,
        )
        for name, device in (
            ("calm", CALM),
            ("blocks that differ by 2.6 %", SyntheticDevice(block_effect=0.026)),
            ("6 % more in half of 3 to 10 blocks", SyntheticDevice(load=half_of_some)),
        )
    ),
    Claim(
        name="slower by what was said to show, apart, session effects of 1 %: called slower",
        trial=told_apart,
        low=0.90,
    ),
    Claim(
        name="2 % slower, interleaved: called slower",
        trial=lambda random: interleaved(random, slowdown=1.02) == "slower",
    ),
    Claim(
        name="5 % slower, apart, session effects of 1 %: called slower",
        trial=lambda random: apart(random, session_effect=0.01, slowdown=1.05) == "slower",
    ),
    Claim(
        name="10 % slower, apart, session effects of 1 %: called slower",
        trial=lambda random: apart(random, session_effect=0.01, slowdown=1.10) == "slower",
    ),
)

COARSE = tuple(
    Claim(
        name=f'5 % slower, a clock of {clock / 1e6:g} ms, {median / 1e6:g} ms: "no difference"',
        trial=partial(
            called_none, device=SyntheticDevice(clock_ns=clock, median_ns=median), slowdown=1.05
        ),
        high=0.02,
    )
    for clock, median in ((1e6, 8.3e6), (1e6, 8.9e6), (1e5, 8.35e6))
)

WANDERING: dict[str, tuple[Load, int]] = {
    "a sine of 4 % over 40 blocks": (partial(sine, period=40), 4),
    "a sine of 4 % over 10 blocks": (partial(sine, period=10), 4),
    "a sine of 4 % over 40 blocks, alone": (partial(sine, period=40), 1),
    "rounds of 3 %, correlated by 0.9": (partial(correlated_rounds, arms=4), 4),
    "rounds of 3 %, correlated by 0.9, alone": (partial(correlated_rounds, arms=1), 1),
    "6 % more for a part": (stretch, 4),
}

APART = (
    *(
        Claim(
            name=f"identical, apart, {name}: called different",
            trial=partial(differs_wandering, load=load, arms=arms),
            high=0.06,
        )
        for name, (load, arms) in WANDERING.items()
    ),
    Claim(
        name="identical, apart, a session is in one of two states, 4 %, a floor of 6 sessions: "
        "called different",
        trial=differs_learnt,
        high=0.06,
    ),
)

OF_ITS_SESSION = tuple(
    Claim(
        name=f"interval of p{100 * q:g}, {name}: covers its session's",
        trial=partial(covered_wandering, load=load, q=q, arms=arms),
        low=0.93,
    )
    for name, (load, arms) in WANDERING.items()
    if arms > 1
    for q in (0.5, 0.9)
)

COVERED = (
    *(
        Claim(
            name=f"interval of p{100 * q:g}, 10 rounds of {iterations}: covers the truth",
            trial=partial(
                quantile_covered, q=q, truth=CALM.true_quantile(q), iterations=iterations
            ),
            low=0.93,
            high=high,
        )
        for q, iterations, high in ((0.5, 20, 0.97), (0.9, 20, 0.97))
    ),
    Claim(
        name="interval of the ratio 1.05, interleaved: covers the truth",
        trial=partial(ratio_covered, device=CALM, slowdown=1.05),
        low=0.93,
        high=0.97,
    ),
    Claim(
        name="interval of the ratio 1.05, interleaved, drift to 5 %: covers the truth",
        trial=partial(ratio_covered, device=DRIFTING, slowdown=1.05),
        low=0.93,
        high=0.97,
    ),
)

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

CLAIMS = (
    *IDENTICAL,
    *APART,
    *DIFFERENT,
    *COARSE,
    *COVERED,
    *OF_ITS_SESSION,
    *SIGNS,
    *VOID,
    *WITHOUT_PAUSES,
)
