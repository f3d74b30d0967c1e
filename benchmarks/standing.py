"""How the statistics stand a kind of device: what comes out of very many of its sessions.

Many sessions at once, as arrays, for one at a time takes an hour: `deploy.statistics` is written
out here once more, in numpy. tests/statistics/test_standing.py holds that both say the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from hostile_devices import ARMS, ITERATIONS, ROUNDS
from synthetic_device import SyntheticDevice

from deploy.statistics.comparison import SESSION_FLOOR, SESSIONS_TAKE, TOLD
from deploy.statistics.intervals import student
from deploy.statistics.ranks import paired_shift, shift_apart
from deploy.statistics.stability import SHORTEST_RUN, THROTTLED, UNSTABLE

Random = np.random.Generator
Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]

SLOWER = 1.05
# Sessions of one arm alone from which the truth of a session is taken: 6,400 samples.
_TRUTHS = 8
# Of other sessions than any that a limit was set by.
_SEED = 2028
_AT_ONCE = 100


@dataclass
class Tally:
    """How often, of how many."""

    count: int = 0
    of: int = 0

    def add(self, happened: Bools) -> None:
        """`happened`: bool, of any shape."""
        self.count += int(happened.sum())
        self.of += happened.size

    @property
    def percent(self) -> float | None:
        return 100 * self.count / self.of if self.of else None


@dataclass
class Stood:
    """What came out on one kind of device. But for `valid` all are of VALID arms alone."""

    valid: Tally = field(default_factory=Tally)
    false_together: Tally = field(default_factory=Tally)
    false_apart: Tally = field(default_factory=Tally)
    p50: Tally = field(default_factory=Tally)
    p90: Tally = field(default_factory=Tally)
    five: Tally = field(default_factory=Tally)
    smallest: Tally = field(default_factory=Tally)
    smallest_apart: Tally = field(default_factory=Tally)


def stand(device: SyntheticDevice, runs: int, *, alike: Sequence[tuple[int, int]]) -> Stood:
    """Run `runs` sessions of everything on the device, always the same ones. `alike` are pairs of
    arms that are the same, of which no two have an arm in common."""
    stood = Stood()
    for number, start in enumerate(range(0, runs, _AT_ONCE)):
        random = np.random.default_rng([_SEED, number])
        _run(random, device, min(_AT_ONCE, runs - start), alike, stood)
    return stood


def _run(
    random: Random,
    device: SyntheticDevice,
    count: int,
    alike: Sequence[tuple[int, int]],
    stood: Stood,
) -> None:
    loads = loads_of(random, device, count)
    before, after = measured(random, device, loads), _measure(random, device, count)
    levels, others = levels_of(before), levels_of(after)
    valid, apart = is_valid(levels), is_valid(others)[:, 0]
    stood.valid.add(valid)
    if device.by_arm is None:
        truth = _throughout(random, device, loads)
        for q, covered in ((0.5, stood.p50), (0.9, stood.p90)):
            low, high = interval(before, q)
            true = np.quantile(truth, q, axis=-1)
            covered.add(((low <= true) & (true <= high))[valid[:, 0]])
    for first, second in alike:
        low, high = together(levels, first, second)
        stood.false_together.add(((low > 0) | (high < 0))[valid[:, first] & valid[:, second]])
    low, high = together(levels, 0, 1)
    smallest = smallest_told(low, high, np.zeros(count))
    told = levels_of(_measure(random, device, count, slower=1 + smallest))
    usable = valid[:, 0] & valid[:, 1] & _first_two_valid(told)
    stood.smallest.add((together(told, 0, 1)[0] > 0)[usable])
    floor = floor_between(levels, others)
    low, high = two_files(levels[:, 0], others[:, 0])
    usable = valid[:, 0] & apart
    stood.false_apart.add(((low > floor) | (high < -floor))[usable])
    smallest = smallest_told(low, high, floor)
    first_one = levels_of(_measure(random, device, count))
    told = levels_of(_measure(random, device, count, slower=1 + smallest))
    usable = usable & is_valid(first_one)[:, 0] & is_valid(told)[:, 1]
    low, _ = two_files(first_one[:, 0], told[:, 1])
    stood.smallest_apart.add((low > floor_between(first_one, told))[usable])
    slower = levels_of(_measure(random, device, count, slower=np.full(count, SLOWER)))
    low, _ = together(slower, 0, 1)
    stood.five.add((low > 0)[_first_two_valid(slower)])


def _first_two_valid(levels: Floats) -> Bools:
    valid = is_valid(levels)
    both: Bools = valid[:, 0] & valid[:, 1]
    return both


def _measure(
    random: Random, device: SyntheticDevice, count: int, *, slower: Floats | None = None
) -> Floats:
    """Four arms, of which the second is `slower`, (count,)."""
    return measured(random, device, loads_of(random, device, count), slower=slower)


def _throughout(random: Random, device: SyntheticDevice, loads: Floats) -> Floats:
    """6,400 samples of an arm, had it run throughout each session: (sessions, samples)."""
    times = measured(random, device, np.repeat(loads, _TRUTHS, axis=0), arms=1)
    return times.reshape(len(loads), -1)


# --- the device ---------------------------------------------------------------------------------


def loads_of(random: Random, device: SyntheticDevice, count: int) -> Floats:
    """What `count` sessions do by the clock, and each session's own effect: factors of their blocks
    or samples, (count, blocks, 1 or samples)."""
    blocks = ARMS * ROUNDS
    effects = np.exp(random.normal(0, device.session_effect, (count, 1, 1)))
    if device.load is None:
        return np.ones((count, blocks, 1)) * effects
    loads = np.stack([device.load(random, blocks) for _ in range(count)])
    return loads.reshape(count, blocks, -1) * effects


def measured(
    random: Random,
    device: SyntheticDevice,
    loads: Floats,
    *,
    arms: int = ARMS,
    slower: Floats | None = None,
) -> Floats:
    """Sessions as `SyntheticDevice.measure` makes them, one for each of `loads`: times in ns,
    (sessions, arms, rounds, samples). Of what a device may do all but throttling, carrying over and
    coarse clocks."""
    assert not any((device.throttle, device.after, device.clock_ns))
    count, blocks = loads.shape[:2]
    shape = (count, blocks, ITERATIONS)
    places = np.tile(np.arange(arms), (count, blocks // arms, 1))
    order = random.permuted(places, axis=-1).reshape(count, blocks)
    noise = random.normal(0, 1, shape)
    fresh = (1 - device.autocorrelation**2) ** 0.5
    for i in range(1, ITERATIONS):
        noise[..., i] = device.autocorrelation * noise[..., i - 1] + fresh * noise[..., i]
    times = device.median_ns * loads * np.exp(device.noise * noise)
    times *= np.exp(random.normal(0, device.block_effect, (count, blocks, 1)))
    spikes = random.random(shape) < device.spike_share
    times[spikes] *= random.uniform(1, device.spike_highest, int(spikes.sum()))
    times *= 1 + device.drift * np.linspace(0, 1, blocks * ITERATIONS).reshape(blocks, ITERATIONS)
    if slower is not None:
        times *= np.where(order == 1, slower[:, None], 1.0)[..., None]
    if device.within is not None:
        times *= np.stack([device.within(random, shape[1:]) for _ in range(count)])
    if device.by_arm is not None:
        times *= np.stack([device.by_arm(random, one) for one in order])[..., None]
    # The places of each arm's blocks, in the order they ran.
    of_arm = np.argsort(order, axis=1, kind="stable")
    sorted_times = np.take_along_axis(times, of_arm[..., None], axis=1)
    return sorted_times.reshape(count, arms, blocks // arms, ITERATIONS)


# --- the statistics, of many sessions -----------------------------------------------------------


def levels_of(times: Floats) -> Floats:
    """Logarithms of the blocks' medians: (sessions, arms, rounds)."""
    levels: Floats = np.log(np.median(times, axis=-1))
    return levels


def is_valid(levels: Floats) -> Bools:
    """Whether no sign makes an arm INVALID: (sessions, arms). See `deploy.statistics.stability`."""
    count = levels.shape[-1]
    low, high = np.quantile(levels, [0.25, 0.75], axis=-1)
    sums = np.concatenate([np.zeros((*levels.shape[:-1], 1)), np.cumsum(levels, axis=-1)], axis=-1)
    start, end = np.triu_indices(count + 1, k=1)
    length = end - start
    enough = (length < count) & (np.minimum(length, count - length) >= SHORTEST_RUN * count)
    start, end, length = start[enough], end[enough], length[enough]
    inside = sums[..., end] - sums[..., start]
    steps = np.abs(inside / length - (sums[..., -1:] - inside) / (count - length)).max(axis=-1)
    valid: Bools = ((high - low) / 1.349 < UNSTABLE) & (np.exp(steps) - 1 < THROTTLED)
    return valid


def interval(times: Floats, q: float) -> tuple[Floats, Floats]:
    """Of each session's first arm: its ends, (sessions,) each."""
    count, _, rounds, _ = times.shape
    limits = np.quantile(times.reshape(*times.shape[:2], -1), q, axis=-1)
    shares = np.mean(times <= limits[..., None, None], axis=-1) - q
    variances = np.sum(shares**2, axis=-1) / (rounds - 1)
    variance = np.maximum(variances[:, 0], variances.mean(axis=1))
    reach = student(rounds - 1) * np.sqrt(variance / rounds)
    samples = np.sort(times[:, 0].reshape(count, -1), axis=-1)
    # Linear between order statistics, as `deploy.statistics.quantiles`.
    last = samples.shape[1] - 1
    at = last * np.clip(np.stack([q - reach, q + reach]), 0, 1)
    below = np.minimum(at.astype(np.int64), last - 1)
    rows = np.arange(count)
    ends = samples[rows, below] + (at - below) * (samples[rows, below + 1] - samples[rows, below])
    return ends[0], ends[1]


def together(levels: Floats, a: int, b: int) -> tuple[Floats, Floats]:
    """The interval of the ratio of two arms of one session, as logarithms; (sessions,) each."""
    rounds = levels.shape[-1]
    first, second = np.triu_indices(rounds)
    differences = levels[:, b] - levels[:, a]
    pairs = np.sort((differences[:, first] + differences[:, second]) / 2, axis=-1)
    cut = paired_shift(np.zeros(rounds)).cut
    low, high = pairs[:, cut - 1], pairs[:, -cut]
    reach = student(rounds - 1) * level_spread(levels) * np.sqrt(2 / rounds)
    missing = np.maximum(0, reach - (high - low) / 2)
    return low - missing, high + missing


def level_spread(levels: Floats) -> Floats:
    """See `deploy.statistics.sessions.level_spread`: (sessions,)."""
    arms = levels.shape[1]
    of_arms = levels - np.median(levels, axis=-1, keepdims=True)
    others = [np.median(np.delete(of_arms, arm, axis=1), axis=1) for arm in range(arms)]
    left = of_arms - np.stack(others, axis=1)
    low, high = np.quantile(left, [0.25, 0.75], axis=-1)
    spreads = np.sort((high - low) / 1.349, axis=1)[:, (arms - 1) // 2]
    of_median = (np.pi / 2) / (arms - 1 + np.pi / 2 - 1)
    found: Floats = spreads / np.sqrt(1 + of_median)
    return found


def two_files(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """The same of two sessions, before it is widened by the floor."""
    pairs = np.sort((b[:, None, :] - a[:, :, None]).reshape(len(a), -1), axis=-1)
    cut = shift_apart(np.zeros(a.shape[-1]), np.zeros(b.shape[-1])).cut
    return pairs[:, cut - 1], pairs[:, -cut]


def floor_between(first: Floats, second: Floats) -> Floats:
    """What two sessions are taken to differ by at the most, as logarithms: (sessions,)."""
    moved = np.maximum(wander(first), wander(second))
    floor: Floats = np.log(1 + np.maximum(SESSION_FLOOR, moved))
    return floor


def wander(levels: Floats) -> Floats:
    """See `deploy.statistics.sessions.wander`: (sessions,)."""
    rounds = levels.shape[-1]
    of_rounds = np.mean(levels - levels.mean(axis=-1, keepdims=True), axis=1)
    moved: Floats = np.exp((rounds + 1) / (rounds - 1) * np.ptp(of_rounds, axis=-1)) - 1
    return moved


def smallest_told(low: Floats, high: Floats, floor: Floats) -> Floats:
    """The difference that is said to be told 9 times in 10: (sessions,)."""
    half = (high - low) / 2
    told: Floats = np.exp(floor + half + np.hypot((TOLD - 1) * half, SESSIONS_TAKE * floor)) - 1
    return told
