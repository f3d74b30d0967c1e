"""Each sign that a run is not to be trusted, where it is and where it is not."""

from __future__ import annotations

import numpy as np
import pytest

from deploy.statistics import (
    TimedBlock,
    clocks_lowered,
    compare_interleaved,
    heated,
    never_cooled,
    signs_in_times,
    summarize_times,
)
from deploy.statistics.block import Floats
from deploy.statistics.resolution import resolution
from deploy.statistics.stability import drift, spread, step

NAN = float("nan")


def arm(levels: list[float] | Floats, *, spikes: int = 0) -> list[TimedBlock]:
    """Blocks of 20 samples whose median is 1 ms times a level; each has `spikes` of twice that."""
    times = np.array([1e6] * (20 - spikes) + [2e6] * spikes) + np.arange(20)
    return [TimedBlock(round=index, times=level * times) for index, level in enumerate(levels)]


def figures(blocks: list[TimedBlock]) -> dict[str, float]:
    return {sign.kind: sign.figure for sign in signs_in_times(blocks)}


@pytest.mark.parametrize(
    "slow", [range(4, 5), range(9, 10), range(8), range(3, 10), [*range(4), *range(6, 10)]]
)
def test_a_step_is_throttling_wherever_it_is_and_however_long(slow: list[int]) -> None:
    levels = np.ones(10)
    levels[list(slow)] = 1.2
    found = figures(arm(levels))
    assert found["throttled"] == pytest.approx(0.2)


@pytest.mark.parametrize("levels", [np.linspace(1, 1.3, 10), np.geomspace(1, 1.3, 30)])
def test_a_steep_trend_is_throttling_and_drift(levels: Floats) -> None:
    found = figures(arm(levels))
    assert found["throttled"] >= 0.1
    assert found["drifting"] == pytest.approx(0.3, rel=0.1)


@pytest.mark.parametrize(("total", "drifting"), [(1.04, False), (1.06, True), (0.94, True)])
def test_a_slow_trend_is_drift_alone(total: float, drifting: bool) -> None:
    assert set(figures(arm(np.geomspace(1, total, 10)))) == ({"drifting"} if drifting else set())


def test_one_odd_block_is_no_drift_and_no_spread() -> None:
    levels = np.zeros(10)
    levels[9] = 1.0
    assert drift(levels) == 0
    assert spread(levels) == 0


def test_blocks_on_two_levels_by_turns_are_unstable_and_not_throttled() -> None:
    found = figures(arm([1.0, 1.08] * 5))
    assert set(found) == {"two levels", "unstable"}
    assert found["unstable"] == pytest.approx(0.08 / 1.349, rel=0.1)


@pytest.mark.parametrize(("spikes", "seen"), [(1, True), (0, False)])
def test_a_twentieth_of_spikes_is_a_sign(spikes: int, seen: bool) -> None:
    assert figures(arm([1.0] * 10, spikes=spikes)) == ({"spikes": 0.05} if seen else {})


@pytest.mark.parametrize(("rounds", "few"), [(1, True), (5, True), (6, False)])
def test_fewer_than_six_rounds_are_too_few(rounds: int, few: bool) -> None:
    assert figures(arm([1.0] * rounds)) == ({"too few rounds": rounds} if few else {})


def test_warnings_are_told_from_what_makes_figures_void() -> None:
    signs = signs_in_times(arm(np.linspace(1, 1.3, 5), spikes=2))
    void = {sign.kind: sign.invalidates for sign in signs}
    assert void == {
        "too few rounds": True,
        "throttled": True,
        "drifting": False,
        "unstable": True,
        "spikes": False,
    }


def test_a_single_block_has_no_step_and_no_drift() -> None:
    assert step(np.array([1.0])) == 0
    assert drift(np.array([1.0])) == 0


def test_very_many_blocks_are_looked_at_in_groups() -> None:
    levels = np.ones(5000)
    levels[2000:] = 1.2
    assert figures(arm(levels))["throttled"] == pytest.approx(0.2, rel=0.05)


def test_a_clock_that_the_system_lowers_is_a_sign() -> None:
    allowed = np.array([[1.8e6, 2.8e6], [1.8e6, 2.1e6], [1.8e6, 2.8e6]])
    sign = clocks_lowered(allowed)
    assert sign is not None
    assert sign.figure == pytest.approx(0.25)
    assert sign.invalidates


@pytest.mark.parametrize(
    "allowed",
    [
        [[1.8e6, 2.8e6], [1.8e6, 2.75e6]],
        [[1.2e6], [1.2e6]],
        [[NAN, 2.8e6], [NAN, NAN]],
        [[NAN], [NAN]],
        np.empty((0, 4)),
        np.empty((3, 0)),
    ],
    ids=["a last step", "low all along", "once readable", "unreadable", "no readings", "no cores"],
)
def test_clocks_that_stay_or_are_unknown_are_no_sign(allowed: list[list[float]] | Floats) -> None:
    assert clocks_lowered(np.array(allowed, np.float64)) is None


def test_a_hot_phone_is_a_sign_and_a_warm_or_unknown_one_none() -> None:
    sign = heated([0, None, 3, 1])
    assert sign is not None
    assert (sign.kind, sign.figure) == ("hot", 3)
    assert heated([0, 1, None]) is None
    assert heated([]) is None


def test_a_wait_given_up_is_a_sign_and_an_unknown_one_none() -> None:
    sign = never_cooled([True, False, None, False])
    assert sign is not None
    assert (sign.kind, sign.figure) == ("never cooled", 2)
    assert never_cooled([True, None]) is None


def test_one_odd_block_of_many_is_told_and_spoils_nothing() -> None:
    levels = np.ones(64)
    levels[30] = 1.12
    (sign,) = signs_in_times(arm(levels))
    assert sign.kind == "odd blocks"
    assert sign.figure == pytest.approx(0.12)
    assert not sign.invalidates


@pytest.mark.parametrize(
    ("times", "step"),
    [
        ([8e6, 8e6, 9e6, 8e6, 9e6, 11e6], 1e6),
        ([8e6] * 6, 1e6),
        ([8_100_000.0] * 6, 1e5),
        ([8e6 + 37 * k for k in range(6)], 0),
        ([30_518.0 * k for k in (260, 260, 261, 262, 261, 262)], 30_518),
    ],
)
def test_the_step_of_a_clock_shows_where_times_repeat(times: list[float], step: float) -> None:
    assert resolution([TimedBlock(round=0, times=np.array(times))]) == step


def test_an_interval_of_times_does_not_end_below_zero() -> None:
    """Of a network that is done within one step of the clock."""
    blocks = [TimedBlock(round=index, times=np.full(20, 1e6)) for index in range(10)]
    interval = summarize_times(blocks).p50.interval
    assert interval is not None
    assert (interval.low, interval.high) == (0.0, 2e6)


def test_a_coarse_clock_is_told_and_in_the_interval() -> None:
    blocks = [
        TimedBlock(round=index, times=np.array([8e6] * 10 + [9e6] * 10)) for index in range(10)
    ]
    (sign,) = signs_in_times(blocks)
    assert (sign.kind, sign.invalidates) == ("coarse clock", False)
    assert sign.figure == pytest.approx(1 / 8.5)
    summary = summarize_times(blocks)
    assert summary.resolution == 1e6
    assert summary.p50.interval is not None
    assert summary.p50.interval.low == 7.5e6
    assert summary.p50.interval.high == 9.5e6
    compared = compare_interleaved(blocks, blocks)
    assert (compared.verdict, compared.remedy) == ("cannot tell", "a finer clock")
