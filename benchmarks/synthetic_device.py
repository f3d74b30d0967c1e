"""A device whose true median, quantiles and throttling are known, to prove the statistics on.

Written down before the statistics, and not to be tuned to them. A time is a product of the arm's
median and of factors:

    block     log-normal, of 1 %, one for each block
    session   log-normal, of 0, 0.5 or 1 %, one for all blocks of a session
    noise     log-normal, of 2 %, within a block autocorrelated (first order, 0.5)
    spikes    1 % of the samples, uniform in 1 to 3
    drift     linear over the session, 0 or up to 5 %
    throttle  a step of 20 %, beginning and ending anywhere, at least two blocks long and leaving
              at least two blocks calm: of less or more, samples alone cannot show anything
    load      factors of the blocks by when they run, whichever arm they are of: loads below
    after     a factor of the block that runs after one of this arm's
    clock     times are cut off to whole steps of it
    within    factors of samples or of blocks that each process draws for itself
    by_arm    factors of the blocks by which arm they are of
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, log
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from deploy.benchmark.order import round_order
from deploy.statistics import TimedBlock

SESSION_EFFECTS = (0.0, 0.005, 0.01)
LARGEST_DRIFT = 0.05
THROTTLE_STEP = 0.20


def every_four(random: np.random.Generator, blocks: int) -> npt.NDArray[np.float64]:
    """6 % more in the first and the last of each four blocks: in step with A B, B A."""
    return np.where(np.isin(np.arange(blocks) % 4, (0, 3)), 1.06, 1.0)


def half_of_four(random: np.random.Generator, blocks: int) -> npt.NDArray[np.float64]:
    return _periodic(blocks, 4, 1.06, int(random.integers(4)))


def half_of_eight(random: np.random.Generator, blocks: int) -> npt.NDArray[np.float64]:
    return _periodic(blocks, 8, 1.06, int(random.integers(8)))


def half_of_some(random: np.random.Generator, blocks: int) -> npt.NDArray[np.float64]:
    """6 % more in half of every 3 to 10 blocks."""
    period = int(random.integers(3, 10, endpoint=True))
    return _periodic(blocks, period, 1.06, int(random.integers(period)))


def sine(random: np.random.Generator, blocks: int, *, period: int) -> npt.NDArray[np.float64]:
    """4 % up and down."""
    begins = random.uniform(0, 2 * np.pi)
    return 1 + 0.04 * np.sin(2 * np.pi * np.arange(blocks) / period + begins)


def correlated_rounds(
    random: np.random.Generator, blocks: int, *, arms: int
) -> npt.NDArray[np.float64]:
    """3 % (standard deviation), of each round, correlated with the round before (0.9)."""
    levels = random.normal(0, 1, blocks // arms)
    for i in range(1, len(levels)):
        levels[i] = 0.9 * levels[i - 1] + (1 - 0.9**2) ** 0.5 * levels[i]
    return np.repeat(np.exp(0.03 * levels), arms)


def stretch(random: np.random.Generator, blocks: int) -> npt.NDArray[np.float64]:
    """6 % more for a tenth to a half of the session, as where it was charged."""
    length = int(random.integers(blocks // 10, blocks // 2))
    start = int(random.integers(0, blocks - length, endpoint=True))
    factors = np.ones(blocks)
    factors[start : start + length] = 1.06
    return factors


def one_odd_block(random: np.random.Generator, blocks: int) -> npt.NDArray[np.float64]:
    """One block of 12 % more, anywhere."""
    return np.where(np.arange(blocks) == random.integers(blocks), 1.12, 1.0)


def _periodic(blocks: int, period: int, factor: float, begins: int) -> npt.NDArray[np.float64]:
    return np.where((np.arange(blocks) + begins) % period < period // 2, factor, 1.0)


@dataclass(frozen=True, kw_only=True)
class SyntheticDevice:
    """Effects as shares of a time; `drift` and `throttle` are what a session ends or steps by."""

    median_ns: float = 8e6
    block_effect: float = 0.01
    session_effect: float = 0.0
    noise: float = 0.02
    autocorrelation: float = 0.5
    spike_share: float = 0.01
    spike_highest: float = 3.0
    drift: float = 0.0
    throttle: float = 0.0
    load: Callable[[np.random.Generator, int], npt.NDArray[np.float64]] | None = None
    after: tuple[int, float] | None = None
    clock_ns: float = 0.0
    within: Callable[[np.random.Generator, tuple[int, int]], npt.NDArray[np.float64]] | None = None
    by_arm: (
        Callable[[np.random.Generator, npt.NDArray[np.int64]], npt.NDArray[np.float64]] | None
    ) = None

    def measure(
        self,
        random: np.random.Generator,
        *,
        slowdowns: Sequence[float] = (1.0,),
        rounds: int = 10,
        iterations: int = 20,
    ) -> list[list[TimedBlock]]:
        """One session of interleaved arms, in each round in an order of chance; one list of blocks
        an arm."""
        arms = len(slowdowns)
        # Blocks in the order they ran.
        seed = int(random.integers(2**32))
        order = np.array(
            [round_order(arms, round_number=number, seed=seed) for number in range(rounds)]
        ).ravel()
        shape = (rounds * arms, iterations)
        times = self.median_ns * np.asarray(slowdowns)[order][:, None] * self._noise(random, shape)
        times *= np.exp(random.normal(0, self.block_effect, (len(order), 1)))
        times *= np.exp(random.normal(0, self.session_effect))
        times *= np.where(
            random.random(shape) < self.spike_share,
            random.uniform(1, self.spike_highest, shape),
            1.0,
        )
        times *= 1 + self.drift * np.linspace(0, 1, times.size).reshape(shape)
        times *= self._throttling(random, shape)
        if self.load is not None:
            load = self.load(random, len(order))
            # Of blocks, or of every sample.
            times *= load if load.ndim == 2 else load[:, None]
        if self.within is not None:
            times *= self.within(random, shape)
        if self.by_arm is not None:
            times *= self.by_arm(random, order)[:, None]
        if self.after is not None:
            arm, factor = self.after
            times[1:] *= np.where(order[:-1] == arm, factor, 1.0)[:, None]
        if self.clock_ns:
            times = np.floor(times / self.clock_ns) * self.clock_ns
        return [
            [
                TimedBlock(round=index // arms, times=times[index])
                for index in np.flatnonzero(order == arm).tolist()
            ]
            for arm in range(arms)
        ]

    def session_quantile(
        self, random: np.random.Generator, load: npt.NDArray[np.float64], q: float
    ) -> float:
        """The quantile of a sample in ns, had the arm run throughout a session with this `load`:
        of 20,000 samples in fresh blocks."""
        spread = (self.block_effect**2 + self.noise**2) ** 0.5
        times = self.median_ns * np.exp(random.normal(0, spread, 20_000))
        spiked = random.random(len(times)) < self.spike_share
        times *= np.where(spiked, random.uniform(1, self.spike_highest, len(times)), 1.0)
        return float(np.quantile(times * np.resize(load, len(times)), q))

    def true_quantile(self, q: float) -> float:
        """The quantile of a sample in ns, over all blocks, of a session without an effect."""
        spread = NormalDist(0, (self.block_effect**2 + self.noise**2) ** 0.5)
        # The uniform factor of a spike, at the middles of its strips.
        factors = np.log(1 + (self.spike_highest - 1) * (np.arange(400) + 0.5) / 400).tolist()

        def below(x: float) -> float:
            spiked = sum(spread.cdf(x - factor) for factor in factors) / len(factors)
            return (1 - self.spike_share) * spread.cdf(x) + self.spike_share * spiked

        low, high = -1.0, log(self.spike_highest) + 1
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (middle, high) if below(middle) < q else (low, middle)
        return self.median_ns * exp(low)

    def _noise(
        self, random: np.random.Generator, shape: tuple[int, int]
    ) -> npt.NDArray[np.float64]:
        noise = random.normal(0, 1, shape)
        fresh = (1 - self.autocorrelation**2) ** 0.5
        for i in range(1, shape[1]):
            noise[:, i] = self.autocorrelation * noise[:, i - 1] + fresh * noise[:, i]
        return np.exp(self.noise * noise)

    def _throttling(
        self, random: np.random.Generator, shape: tuple[int, int]
    ) -> npt.NDArray[np.float64]:
        factor = np.ones(shape)
        if self.throttle:
            total, block = factor.size, shape[1]
            length = int(random.integers(2 * block, total - 2 * block, endpoint=True))
            start = int(random.integers(0, total - length, endpoint=True))
            factor.ravel()[start : start + length] += self.throttle
        return factor
