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
from deploy.virtual_phone.profiles import Profile

# What the noise is made of: the issues of real phones, in shares of an inference's time.
BLOCK_EFFECT = 0.01
NOISE = 0.006
AUTOCORRELATION = 0.5
SPIKE_SHARE = 0.01
SPIKE_MOST = 3.0

AMBIENT_C = 27.0
COOLING_S = 60.0
# Degrees that the chip gains in a second of work on every core.
HEATING_C_PER_S = 4.0
# With the fault: degrees that it gains in one block, however short.
FAST_HEATING_C = 34.0
NEVER_COOLS_C = 45.0
BATTERY_SHARE = 0.35

_MS_PER_MB = 1.75
_INT8_MS_PER_MB = 0.45 * 4 * _MS_PER_MB
_FIXED_MS = 0.2
# Highest bytes of such floats, positive and negative.
_FLOAT_HEADS = [*range(0x3A, 0x40), *range(0xBA, 0xC0)]
_SERIAL_SHARE = 0.08
_MS_PER_THREAD = 0.03


@dataclass(frozen=True, kw_only=True)
class ThrottleStep:
    """From `above_c` degrees over the ambient: the thermal status and what is left of the clock."""

    above_c: float
    status: int
    clock: float


_STEPS = (
    ThrottleStep(above_c=40.0, status=3, clock=0.5),
    ThrottleStep(above_c=26.0, status=2, clock=0.65),
    ThrottleStep(above_c=16.0, status=1, clock=0.8),
)
_CALM = ThrottleStep(above_c=-math.inf, status=0, clock=1.0)


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
        self._blocks = 0
        self._heat = 0.0
        self._settled = clock.seconds()

    # --- heat ------------------------------------------------------------------------------

    def heat(self) -> float:
        """Degrees of the chip over the ambient, now."""
        if self._never_cools:
            return NEVER_COOLS_C - AMBIENT_C
        now = self._clock.seconds()
        self._heat *= math.exp(-(now - self._settled) / COOLING_S)
        self._settled = now
        return self._heat

    def thermal_status(self) -> int:
        """Android's, 0 (none) to 6 (shutdown)."""
        return _step(self.heat()).status

    def chip_celsius(self) -> float:
        return AMBIENT_C + 4 + self.heat()

    def battery_celsius(self) -> float:
        return NEVER_COOLS_C if self._never_cools else AMBIENT_C + 2 + BATTERY_SHARE * self.heat()

    def headroom(self) -> float:
        """Share of the way to severe throttling."""
        return round(0.4 + 0.6 * self.heat() / _STEPS[0].above_c, 3)

    def allowed_khz(self, cluster: int) -> int:
        """The highest clock that is allowed now; throttling spares the slowest of several."""
        return int(self.profile.clusters[cluster].max_khz * self._share(cluster, self.heat()))

    def _share(self, cluster: int, heat: float) -> float:
        spared = cluster == 0 and len(self.profile.clusters) > 1
        return 1.0 if spared else _step(heat).clock

    # --- time ------------------------------------------------------------------------------

    def block(
        self, work: Workload, *, threads: int, cores: Sequence[int], executions: int
    ) -> BlockTimes:
        """One fresh process: loading, then `executions` of which the first is slower.

        `threads` 0 leaves the choice to the runtime: half of the cores. Warms the phone, and its
        clock goes on by what the block took.
        """
        rng = random.Random(f"{self._seed} {self._blocks}")
        self._blocks += 1
        used = _used(self.profile, threads, cores)
        heat = self.heat()
        seconds = 0.0
        block_effect = rng.gauss(0, BLOCK_EFFECT)
        noise = rng.gauss(0, NOISE)
        times: list[int] = []
        for index in range(executions):
            calm = self._milliseconds(work, threads or len(used), used, heat)
            noise = AUTOCORRELATION * noise + rng.gauss(0, NOISE) * _INNOVATION
            slowdown = (1 + block_effect) * (1 + noise)
            if rng.random() < SPIKE_SHARE:
                slowdown *= rng.uniform(1.2, SPIKE_MOST)
            if index == 0:
                slowdown *= rng.uniform(1.6, 2.4)
            took = calm * slowdown
            times.append(max(1, round(took * 1e6)))
            seconds += took / 1e3
            heat += (
                FAST_HEATING_C / executions
                if self._heats_fast
                else HEATING_C_PER_S * took / 1e3 * len(used) / self.profile.cores
            )
        load_ns = round((3 + work.bytes / 3e5) * 1e6 * rng.uniform(0.9, 1.2))
        self._heat = heat
        result = BlockTimes(load_ns=load_ns, executions_ns=tuple(times))
        self._clock.advance(result.seconds)
        self._settled = self._clock.seconds()
        return result

    def _milliseconds(
        self, work: Workload, threads: int, used: Sequence[int], heat: float
    ) -> float:
        """All threads get equal shares, and wait for the slowest core, or one with two threads."""
        speeds = [self._speed(core, heat) for core in used]
        rounds = math.ceil(threads / len(used))
        parallel = (1 - _SERIAL_SHARE) / threads * rounds / min(speeds)
        serial = _SERIAL_SHARE / max(speeds)
        return work.milliseconds * (parallel + serial) + _MS_PER_THREAD * (threads - 1)

    def _speed(self, core: int, heat: float) -> float:
        cluster = self.profile.cluster_of(core)
        return self.profile.clusters[cluster].speed * self._share(cluster, heat)


# Keeps the noise's deviation at NOISE whatever its correlation.
_INNOVATION = math.sqrt(1 - AUTOCORRELATION**2)


def _step(heat: float) -> ThrottleStep:
    return next((step for step in _STEPS if heat > step.above_c), _CALM)


def _used(profile: Profile, threads: int, cores: Sequence[int]) -> list[int]:
    """The fastest of `cores`, one a thread as far as they go."""
    fastest = sorted(
        cores, key=lambda core: (-profile.clusters[profile.cluster_of(core)].speed, core)
    )
    return fastest[: threads or max(1, profile.cores // 2)]
