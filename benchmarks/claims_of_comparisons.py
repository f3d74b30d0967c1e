"""Claims of comparing: how often identical arms are told to differ, and different ones are told."""

from __future__ import annotations

from functools import partial

import numpy as np
from claim import CALM, DRIFTING, WANDERING, Claim, Load, Random, together
from hostile_devices import state
from synthetic_device import (
    SESSION_EFFECTS,
    SyntheticDevice,
    every_four,
    half_of_eight,
    half_of_four,
    half_of_some,
)

from deploy.statistics import Verdict, compare_apart
from deploy.statistics.block import pooled
from deploy.statistics.comparison import SESSION_FLOOR
from deploy.statistics.sessions import session_floor, wander


def differs(verdict: Verdict) -> bool:
    return verdict in ("faster", "slower")


def interleaved(
    random: Random, *, device: SyntheticDevice = CALM, slowdown: float = 1.0
) -> Verdict:
    """The verdict on a second arm that takes `slowdown` as long, in one session."""
    return together(device.measure(random, slowdowns=(1.0, slowdown))).verdict


def two_of(random: Random, *, device: SyntheticDevice, arms: int) -> Verdict:
    """The verdict on the second of identical arms against the first."""
    return together(device.measure(random, slowdowns=[1.0] * arms)).verdict


def differs_of(random: Random, *, device: SyntheticDevice, arms: int) -> bool:
    return differs(two_of(random, device=device, arms=arms))


def told_from(random: Random, *, device: SyntheticDevice) -> bool:
    """Whether what one session says that it would tell is told by the next."""
    first = together(device.measure(random, slowdowns=(1.0, 1.0)))
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


def called_none(random: Random, *, device: SyntheticDevice, slowdown: float) -> bool:
    return interleaved(random, device=device, slowdown=slowdown) == "no difference"


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
