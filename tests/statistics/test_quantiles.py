"""Quantiles, the samples they need, and their intervals over blocks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deploy.statistics import (
    SessionSpread,
    TimedBlock,
    enough_for,
    median,
    quantile,
    quantile_interval,
    session_spread,
    smallest_sample,
    summarize_times,
)
from deploy.statistics.intervals import student


def arm(*blocks: list[float]) -> list[TimedBlock]:
    return [
        TimedBlock(round=index, times=np.array(times, np.float64))
        for index, times in enumerate(blocks)
    ]


def noisy_arm(*, rounds: int = 10, iterations: int = 40, between: float = 0.0) -> list[TimedBlock]:
    random = np.random.default_rng(7)
    times = 1e6 * np.exp(random.normal(0, 0.02, (rounds, iterations)))
    times *= np.exp(random.normal(0, between, (rounds, 1)))
    return arm(*times.tolist())


def width(blocks: list[TimedBlock], q: float = 0.5) -> float:
    interval = quantile_interval(blocks, q)
    assert interval is not None
    return interval.high / interval.low - 1


def test_a_quantile_lies_on_the_line_between_two_samples() -> None:
    # Type 7: position (n - 1) q among the sorted samples, from 0.
    times = np.array([50.0, 10.0, 40.0, 20.0])
    assert median(times) == 30
    assert quantile(times, 0.9) == pytest.approx(40 + 0.7 * 10)
    assert (quantile(times, 0), quantile(times, 1)) == (10, 50)
    with pytest.raises(ValueError, match="no times"):
        quantile(np.array([]), 0.5)


@pytest.mark.parametrize(("q", "fewest"), [(0.5, 6), (0.9, 36), (0.1, 36), (0.99, 368)])
def test_a_quantile_needs_as_many_samples_as_bound_it(q: float, fewest: int) -> None:
    assert smallest_sample(q) == fewest
    assert enough_for(q, fewest)
    assert not enough_for(q, fewest - 1)
    # The chance that even the outermost sample does not reach the quantile.
    assert max(q, 1 - q) ** fewest <= 0.025 < max(q, 1 - q) ** (fewest - 1)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 6, 9, 19, 49, 199])
def test_the_quantile_of_students_distribution_bounds_its_share(degrees: int) -> None:
    # With t = tan(u) sqrt(degrees) the density is cos(u)^(degrees - 1), up to its integral.
    u = np.linspace(0, np.pi / 2, 200_001)
    share = np.cumsum(np.cos(u) ** (degrees - 1))
    reached = np.interp(np.arctan(student(degrees) / degrees**0.5), u, share / share[-1])
    assert reached == pytest.approx(0.95, abs=1e-4)


def test_an_interval_holds_its_quantile_and_scales_with_the_times() -> None:
    blocks = noisy_arm(between=0.01)
    double = [replace(block, times=2 * block.times) for block in blocks]
    for q in (0.5, 0.9, 0.99):
        of_one, of_double = quantile_interval(blocks, q), quantile_interval(double, q)
        assert of_one is not None
        assert of_double is not None
        assert of_one.covers(quantile(np.concatenate([block.times for block in blocks]), q))
        assert of_double.low == pytest.approx(2 * of_one.low)
        assert of_double.high == pytest.approx(2 * of_one.high)


def test_an_interval_worked_out_by_hand() -> None:
    """Up to the median, 30, lie 8, 10 and 12 of each block's 20 samples."""
    low, high = list(range(1, 31)), list(range(31, 61))
    blocks = arm([*low[0:8], *high[0:12]], [*low[8:18], *high[12:22]], [*low[18:30], *high[22:30]])
    # A standard error of sqrt(3 / 2 (4 + 0 + 4)) / 60 shares; 4.3027 for two degrees of freedom.
    reach = 4.3027 * 12**0.5 / 60
    interval = quantile_interval(blocks, 0.5)
    assert interval is not None
    assert interval.low == pytest.approx(1 + 59 * (0.5 - reach), abs=1e-3)
    assert interval.high == pytest.approx(1 + 59 * (0.5 + reach), abs=1e-3)


def test_the_order_of_blocks_and_of_their_samples_does_not_matter() -> None:
    blocks = noisy_arm(between=0.01)
    turned = [replace(block, times=block.times[::-1]) for block in reversed(blocks)]
    assert quantile_interval(turned, 0.9) == quantile_interval(blocks, 0.9)


def test_samples_that_only_repeat_each_other_make_an_interval_no_narrower() -> None:
    blocks = noisy_arm(between=0.01)
    repeated = [replace(block, times=np.repeat(block.times, 10)) for block in blocks]
    assert width(repeated) > 0.95 * width(blocks)


def test_blocks_that_differ_make_an_interval_wider_and_more_blocks_narrower() -> None:
    assert width(noisy_arm(between=0.05)) > 3 * width(noisy_arm())
    assert width(noisy_arm(rounds=90)) < width(noisy_arm(rounds=10)) / 2


def test_what_a_session_did_to_another_arm_widens_the_interval() -> None:
    calm, met = noisy_arm(between=0.01), noisy_arm(between=0.01)
    met[3] = replace(met[3], times=1.12 * met[3].times)
    spread = session_spread([calm, met])
    alone, among = summarize_times(calm), summarize_times(calm, spread=spread)
    assert alone.p90 is not None
    assert among.p90 is not None
    assert alone.p90.interval is not None
    assert among.p90.interval is not None
    assert among.p90.value == alone.p90.value
    assert among.p90.interval.low < alone.p90.interval.low
    assert among.p90.interval.high > alone.p90.interval.high
    # The arm's own is never taken to be less than it is.
    assert summarize_times(met, spread=session_spread([calm])) == summarize_times(met)


def test_a_session_of_no_arm_and_one_of_single_blocks_spread_by_nothing() -> None:
    assert session_spread([]) == session_spread([noisy_arm(rounds=1)]) == SessionSpread()


def test_blocks_may_be_of_different_lengths() -> None:
    blocks = noisy_arm(between=0.01)
    cut = [replace(block, times=block.times[: 40 - block.round]) for block in blocks]
    assert width(cut) == pytest.approx(width(blocks), rel=0.5)


def test_equal_times_have_an_interval_without_width_and_one_block_has_none() -> None:
    assert width(arm([5.0] * 6, [5.0] * 6)) == 0
    assert quantile_interval(noisy_arm(rounds=1), 0.5) is None


@pytest.mark.parametrize("times", [[], [1.0, 0.0], [1.0, -1.0], [1.0, np.nan], [np.inf]])
def test_a_block_of_no_times_or_impossible_ones_is_refused(times: list[float]) -> None:
    with pytest.raises(ValueError, match="positive and finite"):
        TimedBlock(round=0, times=np.array(times))


def test_a_summary_has_the_figures_of_an_arm() -> None:
    summary = summarize_times(arm([1e6, 2e6, 3e6], [4e6, 5e6, 45e6]))
    assert (summary.blocks, summary.samples) == (2, 6)
    assert summary.p50.value == 3.5e6
    assert summary.minimum == 1e6
    # Deviations from the median, sorted: 0.5 0.5 1.5 1.5 2.5 41.5.
    assert summary.spread == pytest.approx(1.4826 * 1.5 / 3.5)
    assert summary.throughput == pytest.approx(100)
    assert summary.p90 is None


def test_a_summary_leaves_out_quantiles_that_have_too_few_samples() -> None:
    few, enough = (
        summarize_times(noisy_arm(iterations=36)),
        summarize_times(noisy_arm(iterations=37)),
    )
    assert few.p90 is not None
    assert few.p99 is None
    assert enough.p99 is not None
    assert enough.p99.interval is None, "it would not cover what it should"
    assert enough.p90 is not None
    assert enough.p90.interval is not None
    assert enough.p50.value < enough.p90.value < enough.p99.value  # type: ignore[union-attr]


def test_an_arm_without_a_block_has_no_summary() -> None:
    with pytest.raises(ValueError, match="at least one"):
        summarize_times([])
