"""Devices that do what phones may do to whoever measures them.

`WRITTEN_DOWN` were written down before any of them was run, by someone who had not tuned the
statistics; `LATER` by the one who mended what the first had shown, before any of them was run. None
of their parameters was changed afterwards. `KNOWN` are those that the claims of
statistical_claims.py are about. measuring.py --kinds prints the table of docs/measuring.md.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt
from synthetic_device import (
    LARGEST_DRIFT,
    SyntheticDevice,
    correlated_rounds,
    half_of_some,
    one_odd_block,
    sine,
    stretch,
)

Random = np.random.Generator
Floats = npt.NDArray[np.float64]

ARMS, ROUNDS, ITERATIONS = 4, 10, 20
SESSION_EFFECT = 0.01


def layouts(random: Random, shape: tuple[int, int]) -> Floats:
    """Each process gets one of two layouts in memory, 6 % apart."""
    return np.where(random.random((shape[0], 1)) < 0.5, 1.06, 1.0)


def heavy_tails(random: Random, shape: tuple[int, int]) -> Floats:
    """Blocks differ by 1 % times Student's t with 2 degrees."""
    return np.exp(0.01 * random.standard_t(2, (shape[0], 1)))


def slow_start(random: Random, shape: tuple[int, int]) -> Floats:
    """The first of the timed samples take 30 % more, which decays over 3."""
    return np.broadcast_to(1 + 0.3 * np.exp(-np.arange(shape[1]) / 3), shape)


def every_seventh(random: Random, shape: tuple[int, int]) -> Floats:
    """Every seventh inference takes 40 % more, as of a collector of garbage."""
    phase = random.integers(7, size=(shape[0], 1))
    return np.where((np.arange(shape[1]) + phase) % 7 == 0, 1.4, 1.0)


def growing_noise(random: Random, shape: tuple[int, int]) -> Floats:
    """Samples spread by 1 % at the beginning of the session, by 6 % at its end."""
    spread = np.linspace(0.01, 0.06, shape[0])[:, None]
    return np.exp(spread * random.normal(0, 1, shape))


def little_core(random: Random, shape: tuple[int, int]) -> Floats:
    """One block in ten runs on a core of half the speed."""
    return np.where(random.random((shape[0], 1)) < 0.1, 1.9, 1.0)


def bursts(random: Random, blocks: int) -> Floats:
    """Another program's bursts of 15 %, of Pareto lengths, about a sixth of the time."""
    samples = blocks * ITERATIONS
    factors, at = np.ones(samples), 0.0
    while at < samples:
        at += random.exponential(60)
        length = 4 * (1 + random.pareto(1.5))
        factors[int(at) : int(at + length)] = 1.15
        at += length
    return factors.reshape(blocks, ITERATIONS)


def governor(random: Random, blocks: int) -> Floats:
    """A governor's clocks, by which it takes 0, 7, 14 or 21 % more, for 50 inferences or so."""
    samples = blocks * ITERATIONS
    steps = 1 + 0.07 * np.arange(4)
    changes = np.cumsum(random.random(samples) < 0.02)
    drawn = steps[random.integers(4, size=int(changes[-1]) + 1)]
    return drawn[changes].reshape(blocks, ITERATIONS)


def sawtooth(random: Random, blocks: int) -> Floats:
    """Heat that builds up to 8 % and is let go, every 2.5 to 9 blocks."""
    period, begins = random.uniform(2.5, 9), random.random()
    return 1 + 0.08 * ((np.arange(blocks) / period + begins) % 1)


def first_of_round(random: Random, blocks: int) -> Floats:
    """The first block of each round takes 4 % more."""
    return np.where(np.arange(blocks) % ARMS == 0, 1.04, 1.0)


def for_good(random: Random, blocks: int) -> Floats:
    """8 % more from some moment on, as of an update that goes on."""
    return np.where(np.arange(blocks) >= random.integers(1, blocks), 1.08, 1.0)


def frozen(random: Random, blocks: int) -> Floats:
    """One block takes three times as long."""
    return np.where(np.arange(blocks) == random.integers(blocks), 3.0, 1.0)


def state(random: Random, blocks: int) -> Floats:
    """Each session is in one of two states, 4 % apart."""
    return np.full(blocks, random.choice([1.0, 1.04]))


def either_way(random: Random, blocks: int) -> Floats:
    """5 % up over the session, or down."""
    return 1 + random.choice([-0.05, 0.05]) * np.linspace(0, 1, blocks)


def learning(random: Random, order: npt.NDArray[np.int64]) -> Floats:
    """Each arm's first block takes 8 % more, which decays over 2: caches that fill."""
    nth = np.array([np.count_nonzero(order[:place] == arm) for place, arm in enumerate(order)])
    return 1 + 0.08 * np.exp(-nth / 2)


def skewed(random: Random, order: npt.NDArray[np.int64]) -> Floats:
    """The second arm's blocks differ more, and to one side: exponential, 4 %, the same median."""
    drawn = np.exp(0.04 * (random.exponential(1, len(order)) - np.log(2)))
    return np.where(order == 1, drawn, 1.0)


def thrashing(random: Random, order: npt.NDArray[np.int64]) -> Floats:
    """Whatever runs after the first arm takes 5 % more, in the second half of the session."""
    after = np.concatenate([[False], order[:-1] == 0])
    return np.where(after & (np.arange(len(order)) >= len(order) / 2), 1.05, 1.0)


def boost(random: Random, blocks: int) -> Floats:
    """5 % less while a boost lasts, which the pauses between blocks fill up again, now more and now
    less; enough for two blocks of three."""
    stored, factors = 2.0, np.ones(blocks)
    for place in range(blocks):
        stored = min(4.0, stored + random.exponential(0.65))
        if stored >= 1:
            stored -= 1
            factors[place] = 1 / 1.05
    return factors


def two_cores(random: Random, shape: tuple[int, int]) -> Floats:
    """A process moves between two cores, one 9 % slower, every 15 inferences or so."""
    moves = np.cumsum(random.random(shape) < 1 / 15, axis=1)
    begins = random.integers(2, size=(shape[0], 1))
    return np.where((moves + begins) % 2, 1.09, 1.0)


def odd_days(random: Random, blocks: int) -> Floats:
    """Sessions differ by 1.5 % times Student's t with 3 degrees."""
    return np.full(blocks, np.exp(0.015 * random.standard_t(3)))


def restless_rounds(random: Random, blocks: int) -> Floats:
    """Some rounds are restless and some are not: their blocks differ by 1 %, times a log-normal."""
    spread = 0.01 * np.exp(random.normal(0, 0.8, blocks // ARMS))
    return np.exp(np.repeat(spread, ARMS) * random.normal(0, 1, blocks))


def far_states(random: Random, blocks: int) -> Floats:
    """Each session is in one of two states, 7 % apart: more than two files are taken to differ."""
    return np.full(blocks, random.choice([1.0, 1.07]))


CALM = SyntheticDevice(session_effect=SESSION_EFFECT)

KNOWN: dict[str, SyntheticDevice] = {
    "calm": CALM,
    "drift to 5 %": replace(CALM, drift=LARGEST_DRIFT),
    "blocks that differ by 2.6 %": replace(CALM, block_effect=0.026),
    "6 % more in half of 3 to 10 blocks": replace(CALM, load=half_of_some),
    "a sine of 4 % over 40 blocks": replace(CALM, load=partial(sine, period=40)),
    "a sine of 4 % over 10 blocks": replace(CALM, load=partial(sine, period=10)),
    "rounds of 3 %, correlated by 0.9": replace(CALM, load=partial(correlated_rounds, arms=ARMS)),
    "6 % more for a part": replace(CALM, load=stretch),
    "one block of 12 %": replace(CALM, load=one_odd_block),
}

WRITTEN_DOWN: dict[str, SyntheticDevice] = {
    "each process one of two layouts, 6 %": replace(CALM, within=layouts),
    "heavy tails between blocks": replace(CALM, within=heavy_tails),
    "first samples slow, 30 % over 3": replace(CALM, within=slow_start),
    "every seventh inference 40 %": replace(CALM, within=every_seventh),
    "noise that grows from 1 to 6 %": replace(CALM, within=growing_noise),
    "a block in ten at half the speed": replace(CALM, within=little_core),
    "bursts of 15 % of another program": replace(CALM, load=bursts),
    "a governor of four clocks, to 21 %": replace(CALM, load=governor),
    "a sawtooth of heat, 8 %": replace(CALM, load=sawtooth),
    "the first of each round 4 %": replace(CALM, load=first_of_round),
    "8 % more from some moment on": replace(CALM, load=for_good),
    "one block three times as long": replace(CALM, load=frozen),
    "each session one of two states, 4 %": replace(CALM, load=state),
    "5 % up or down over the session": replace(CALM, load=either_way),
    "arms that learn, 8 % over 2 blocks": replace(CALM, by_arm=learning),
    "one arm's blocks skewed, 4 %": replace(CALM, by_arm=skewed),
    "5 % after the first arm, second half": replace(CALM, by_arm=thrashing),
}

LATER: dict[str, SyntheticDevice] = {
    "a boost of 5 % that runs dry": replace(CALM, load=boost),
    "samples on one of two cores, 9 %": replace(CALM, within=two_cores),
    "sessions of 1.5 %, heavy tails": replace(CALM, load=odd_days),
    "rounds that are restless or not": replace(CALM, load=restless_rounds),
    "each session one of two states, 7 %": replace(CALM, load=far_states),
}

KINDS = {**KNOWN, **WRITTEN_DOWN, **LATER}

UNLIKE = {"one arm's blocks skewed, 4 %": 1, "5 % after the first arm, second half": 0}
"""The arm that is not like the others: it spreads otherwise, or leaves more to the next."""


def alike(kind: str) -> list[tuple[int, int]]:
    """Pairs of arms that are the same, of which no two have an arm in common."""
    return [pair for pair in ((0, 1), (2, 3)) if UNLIKE.get(kind) not in pair]
