"""Times from a seeded model of a phone: clusters, heat that throttles, noise.

Blocks are drawn in order, every one from a generator of its own, and heat changes times only in the
steps of the allowed clocks: the same blocks asked of the same seed take the same times, whatever
real time passes between them, as long as the phone is as cool.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deploy.virtual_phone.clock import PhoneClock
from deploy.virtual_phone.heat import (
    AMBIENT_C,
    BATTERY_SHARE,
    FAST_HEATING_C,
    NEVER_COOLS_C,
    STEPS,
    Chip,
)
from deploy.virtual_phone.profiles import Profile

# What the noise is made of: the issues of real phones, in shares of an inference's time.
BLOCK_EFFECT = 0.01
NOISE = 0.006
AUTOCORRELATION = 0.5
SPIKE_SHARE = 0.01
SPIKE_MOST = 3.0

_MS_PER_MB = 1.75
_INT8_MS_PER_MB = 0.45 * 4 * _MS_PER_MB
_FIXED_MS = 0.2
# Highest bytes of such floats, positive and negative.
_FLOAT_HEADS = [*range(0x3A, 0x40), *range(0xBA, 0xC0)]
_SERIAL_SHARE = 0.08
_MS_PER_THREAD = 0.03


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What an artifact costs: milliseconds on one core of speed 1, and its bytes."""

    milliseconds: float
    bytes: int


@dataclass(frozen=True, kw_only=True)
class BlockTimes:
    """Nanoseconds of one block; `executions_ns` has the first, the warm-up and the timed."""

    load_ns: int
    executions_ns: tuple[int, ...]

    @property
    def seconds(self) -> float:
        return (self.load_ns + sum(self.executions_ns)) / 1e9


def work_of(artifact: bytes) -> Workload:
    """By size and by whether the weights look like float32 or int8."""
    per_mb = _MS_PER_MB if _looks_float(artifact) else _INT8_MS_PER_MB
    return Workload(milliseconds=_FIXED_MS + per_mb * len(artifact) / 1e6, bytes=len(artifact))


def _looks_float(artifact: bytes) -> bool:
    """Whether the bytes that begin the float32 between 2**-10 and 2 are as many as in floats.

    They are a fourth of all then, wherever in the file the weights lie; among others a twentieth.
    """
    counts = np.bincount(np.frombuffer(artifact, np.uint8), minlength=256)
    return bool(counts[_FLOAT_HEADS].sum() > 0.12 * len(artifact))


class DeviceModel:
    """The silicon of one phone: what it takes for a block, and how hot that makes it."""

    def __init__(
        self,
        profile: Profile,
        seed: int,
        clock: PhoneClock,
        *,
        heats_fast: bool = False,
        never_cools: bool = False,
    ) -> None:
        self.profile = profile
        self._seed = seed
        self._clock = clock
        self._heats_fast = heats_fast
        self._never_cools = never_cools
        self._paces = random.Random(f"{seed} paces")
        self._blocks = 0
        self._chip = Chip()
        if never_cools:
            self._chip.set(NEVER_COOLS_C - AMBIENT_C)
        self._settled = clock.seconds()

    # --- heat ------------------------------------------------------------------------------

    def heat(self) -> float:
        """Degrees of the chip over the ambient, now."""
        now = self._clock.seconds()
        if not self._never_cools:
            self._chip.rest(now - self._settled)
        self._settled = now
        return self._chip.degrees

    def thermal_status(self) -> int:
        """Android's, 0 (none) to 6 (shutdown)."""
        self.heat()
        return self._chip.step.status

    def chip_celsius(self) -> float:
        return AMBIENT_C + 4 + self.heat()

    def battery_celsius(self) -> float:
        return NEVER_COOLS_C if self._never_cools else AMBIENT_C + 2 + BATTERY_SHARE * self.heat()

    def headroom(self) -> float:
        """Share of the way to severe throttling."""
        return round(0.4 + 0.6 * self.heat() / STEPS[-1].above_c, 3)

    def allowed_khz(self, cluster: int) -> int:
        """The highest clock that is allowed now; throttling spares the slowest of several."""
        self.heat()
        return int(self.profile.clusters[cluster].max_khz * self._share(cluster))

    def _share(self, cluster: int, most: float = 1.0) -> float:
        spared = cluster == 0 and len(self.profile.clusters) > 1
        return 1.0 if spared else min(most, self._chip.step.clock)

    # --- time ------------------------------------------------------------------------------

    def block(
        self,
        work: Workload,
        *,
        threads: int,
        cores: Sequence[int],
        executions: int,
        clock: float = 1.0,
    ) -> BlockTimes:
        """One fresh process: loading, then `executions` of which the first is slower.

        `threads` 0 leaves the choice to the runtime: half of the cores. `clock` is the most of the
        highest clock that it is given. Warms the phone, and its clock goes on by what the block
        took.
        """
        rng = random.Random(f"{self._seed} {self._blocks}")
        self._blocks += 1
        used = _used(self.profile, threads, cores)
        self.heat()
        block_effect = rng.gauss(0, BLOCK_EFFECT)
        noise = rng.gauss(0, NOISE)
        times: list[int] = []
        calm_at: dict[int, tuple[float, float]] = {}
        for index in range(executions):
            status = self._chip.step.status
            if status not in calm_at:
                calm_at[status] = self._calm(work, threads or len(used), used, clock)
            calm, speed = calm_at[status]
            noise = AUTOCORRELATION * noise + rng.gauss(0, NOISE) * _INNOVATION
            slowdown = (1 + block_effect) * (1 + noise)
            if rng.random() < SPIKE_SHARE:
                slowdown *= rng.uniform(1.2, SPIKE_MOST)
            if index == 0:
                slowdown *= rng.uniform(1.6, 2.4)
            took = calm * slowdown
            times.append(max(1, round(took * 1e6)))
            if self._heats_fast:
                self._chip.set(self._chip.degrees + FAST_HEATING_C / executions)
            elif not self._never_cools:
                self._chip.work(took / 1e3, speed=speed)
        load_ns = round((3 + work.bytes / 3e5) * 1e6 * rng.uniform(0.9, 1.2))
        result = BlockTimes(load_ns=load_ns, executions_ns=tuple(times))
        self._clock.advance(result.seconds)
        self._settled = self._clock.seconds()
        return result

    def pace(self, nanoseconds: float) -> int:
        """How long work of one thread takes now that takes so long on a core of speed 1, noise
        included. It warms nothing and takes no time of the phone's: it is that short."""
        (core,) = _used(self.profile, 1, range(self.profile.cores))
        cluster = self.profile.cluster_of(core)
        speed = self.profile.clusters[cluster].speed * self._share(cluster)
        noise = 1 + self._paces.gauss(0, NOISE)
        return max(1, round(nanoseconds / speed * noise))

    def _calm(
        self, work: Workload, threads: int, used: Sequence[int], clock: float
    ) -> tuple[float, float]:
        """Milliseconds without noise, and the speed of one core that would warm the
        chip as much.

        All threads get equal shares, and wait for the slowest core, or one with two threads.
        """
        shares = [self._share(self.profile.cluster_of(core), clock) for core in used]
        fullest = [self.profile.clusters[self.profile.cluster_of(core)].speed for core in used]
        speeds = [speed * share for speed, share in zip(fullest, shares, strict=True)]
        rounds = math.ceil(threads / len(used))
        parallel = (1 - _SERIAL_SHARE) / threads * rounds / min(speeds)
        serial = _SERIAL_SHARE / max(speeds)
        took = work.milliseconds * (parallel + serial) + _MS_PER_THREAD * (threads - 1)
        return took, sum(speed * share**3 for speed, share in zip(fullest, shares, strict=True))


# Keeps the noise's deviation at NOISE whatever its correlation.
_INNOVATION = math.sqrt(1 - AUTOCORRELATION**2)


def _used(profile: Profile, threads: int, cores: Sequence[int]) -> list[int]:
    """The fastest of `cores`, one a thread as far as they go."""
    fastest = sorted(
        cores, key=lambda core: (-profile.clusters[profile.cluster_of(core)].speed, core)
    )
    return fastest[: threads or max(1, profile.cores // 2)]
