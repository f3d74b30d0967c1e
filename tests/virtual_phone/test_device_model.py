"""Times of a virtual phone: threads, clusters, heat and throttling, from its model alone."""

from __future__ import annotations

import numpy as np
import pytest

from deploy.virtual_phone.clock import PhoneClock
from deploy.virtual_phone.device_model import DeviceModel, Workload, work_of
from deploy.virtual_phone.heat import Chip
from deploy.virtual_phone.profiles import profile_named


class Still:
    """Our own time, which a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def model(profile: str = "pixel", seed: int = 0, **faults: bool) -> tuple[DeviceModel, Still]:
    still = Still()
    return DeviceModel(profile_named(profile), seed, PhoneClock(60.0, still), **faults), still


WORK = Workload(milliseconds=25.0, bytes=14_000_000)


def median_ms(device: DeviceModel, threads: int, cores: tuple[int, ...] = tuple(range(8))) -> float:
    times = device.block(WORK, threads=threads, cores=cores, executions=26).executions_ns
    return float(np.median(times[1:])) / 1e6


def test_threads_help_as_far_as_big_cores_go() -> None:
    device, _ = model()
    one, two, four, eight = (median_ms(device, threads) for threads in (1, 2, 4, 8))
    assert one > two > four
    assert eight > four


def test_little_cores_are_slower() -> None:
    device, _ = model()
    assert median_ms(device, 4, (0, 1, 2, 3)) > 2 * median_ms(device, 4, (4, 5, 6, 7))


def test_a_float_network_costs_more_than_its_int8() -> None:
    weights = np.random.default_rng(0).normal(0, 0.1, 100_000)
    float_work = work_of(weights.astype("<f4").tobytes())
    int8_work = work_of((weights * 100).astype(np.int8).tobytes())
    assert 0.4 < int8_work.milliseconds / float_work.milliseconds < 0.9


def test_a_hot_phone_throttles_and_cools() -> None:
    device, still = model(heats_fast=True)
    times = device.block(WORK, threads=4, cores=tuple(range(8)), executions=40).executions_ns
    assert np.median(times[-5:]) > 1.4 * np.median(times[1:10])
    assert device.thermal_status() == 2
    assert device.allowed_khz(2) < profile_named("pixel").clusters[2].max_khz
    still.now += 10
    assert device.thermal_status() == 0
    assert device.battery_celsius() < 30


def test_a_calm_phone_does_not_throttle() -> None:
    device, _ = model()
    for _ in range(20):
        median_ms(device, 4)
    assert device.thermal_status() == 0


def worked(threads: int, *, clock: float = 1.0, minutes: float = 10) -> list[float]:
    """The medians in ms of blocks without pauses."""
    device, medians, seconds = model()[0], [], 0.0
    while seconds < 60 * minutes:
        block = device.block(
            WORK, threads=threads, cores=tuple(range(8)), executions=400, clock=clock
        )
        medians.append(float(np.median(block.executions_ns)) / 1e6)
        seconds += block.seconds
    return medians


def test_work_without_pauses_heats_until_clocks_fall_and_balance() -> None:
    """Four threads come to 32 degrees over the room, past the 16 of the first limit; with 0.8 of
    the clock, whose cube is half, they stay below the second and above where it is given back."""
    times = np.array(worked(4))
    assert np.ptp(times[: len(times) // 20]) < 0.05 * times[0]
    assert np.ptp(times[len(times) // 4 :]) < 0.08 * times[-1]
    assert times[-1] == pytest.approx(times[0] / 0.8, rel=0.06)


@pytest.mark.parametrize(("threads", "clock"), [(1, 1.0), (4, 0.8)])
def test_a_light_load_and_a_lower_clock_last(threads: int, clock: float) -> None:
    times = np.array(worked(threads, clock=clock))
    assert np.ptp(times) < 0.08 * times[0]


def test_clocks_are_given_back_well_below_where_they_were_taken() -> None:
    chip = Chip()
    chip.set(16.5)
    assert chip.step.status == 1
    chip.rest(5.0)
    assert 12 < chip.degrees < 16
    assert chip.step.status == 1
    chip.rest(30.0)
    assert chip.step.status == 0
    chip.set(41.0)
    assert chip.step.status == 3
    chip.set(0.0)
    assert chip.step.status == 0
