"""Rank tests against every way to swap labels, verdicts, and the recommendation."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product
from math import exp, log

import numpy as np
import pytest

from deploy.statistics import TimedBlock, compare_apart, compare_interleaved, recommend
from deploy.statistics.block import Floats
from deploy.statistics.ranks import paired_shift, shift_apart
from deploy.statistics.sessions import level_spread


def arm(levels: list[float] | Floats) -> list[TimedBlock]:
    """Blocks whose median is 1 ms times a level."""
    return [
        TimedBlock(round=index, times=1e6 * level * np.array([0.99, 1.0, 1.5]))
        for index, level in enumerate(levels)
    ]


def noisy(
    seed: int, level: float = 1.0, *, rounds: int = 10, noise: float = 0.01
) -> list[TimedBlock]:
    return arm(level * np.exp(np.random.default_rng(seed).normal(0, noise, rounds)))


# --- rank tests -----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_the_paired_p_value_is_the_share_of_sign_swaps_as_extreme(seed: int) -> None:
    differences = np.random.default_rng(seed).normal(0.6, 1, 8)
    ranks = np.argsort(np.argsort(np.abs(differences))) + 1
    middle = ranks.sum() / 2
    sums = np.array([np.dot(ranks, signs) for signs in product([0, 1], repeat=8)])
    observed = np.dot(ranks, differences > 0)
    share = np.mean(np.abs(sums - middle) >= abs(observed - middle))
    assert paired_shift(differences).p_value() == pytest.approx(share)


@pytest.mark.parametrize("seed", range(5))
def test_the_p_value_apart_is_the_share_of_labellings_as_extreme(seed: int) -> None:
    random = np.random.default_rng(seed)
    a, b = random.normal(0, 1, 5), random.normal(1, 1, 6)
    ranks = np.argsort(np.argsort(np.concatenate([a, b])))
    middle = 6 * ranks.mean()
    sums = np.array([ranks[list(chosen)].sum() for chosen in combinations(range(11), 6)])
    share = np.mean(np.abs(sums - middle) >= abs(ranks[5:].sum() - middle))
    assert shift_apart(a, b).p_value() == pytest.approx(share)


def test_an_interval_holds_the_shifts_that_the_test_does_not_object_to() -> None:
    random = np.random.default_rng(3)
    differences, a, b = random.normal(0, 1, 9), random.normal(0, 1, 7), random.normal(0, 1, 9)
    paired, apart = paired_shift(differences).interval(), shift_apart(a, b).interval()
    assert paired is not None
    assert apart is not None
    for by in np.linspace(-3, 3, 301):
        assert paired.covers(by) == (paired_shift(differences - by).p_value() > 0.05)
        assert apart.covers(by) == (shift_apart(a, b - by).p_value() > 0.05)


def test_the_interval_of_ten_pairs_ends_at_the_ninth_average_of_two() -> None:
    # M. Hollander and D. A. Wolfe, table A.4: of 10 the sum of signed ranks is 8 or less in 2.4 %.
    differences = np.array([1, 2, 4, 8, 16, 32, 64, 128, 256, 512], np.float64)
    averages = sorted(
        (differences[i] + differences[j]) / 2 for i in range(10) for j in range(i, 10)
    )
    interval = paired_shift(differences).interval()
    assert interval is not None
    assert (interval.low, interval.high) == (averages[8], averages[-9])
    assert paired_shift(differences).estimate == averages[27]


@pytest.mark.parametrize(("count", "known"), [(5, False), (6, True)])
def test_six_pairs_are_the_fewest_that_can_tell(count: int, known: bool) -> None:
    shift = paired_shift(np.ones(count))
    assert (shift.interval() is not None) == known
    assert (shift.p_value() <= 0.05) == known


def test_ties_count_against_a_difference() -> None:
    assert paired_shift(np.zeros(10)).p_value() == 1
    assert shift_apart(np.zeros(10), np.zeros(10)).p_value() == 1
    assert paired_shift(np.array([0.0] * 5 + [1.0] * 5)).p_value() > 0.05


def test_very_many_values_are_averaged_in_groups() -> None:
    random = np.random.default_rng(0)
    many = paired_shift(random.normal(0.1, 1, 10_000))
    interval = many.interval()
    assert len(many.pairs) == 64 * 65 // 2
    assert interval is not None
    assert interval.covers(0.1)
    assert interval.high - interval.low == pytest.approx(2 * 1.96 / 100, rel=0.25)


# --- verdicts -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "verdict"), [(1.05, "slower"), (0.95, "faster"), (1.0, "no difference")]
)
def test_arms_by_turns_get_the_verdict_of_their_ratio(level: float, verdict: str) -> None:
    comparison = compare_interleaved(noisy(1), noisy(2, level))
    assert comparison.verdict == verdict
    assert comparison.ratio == pytest.approx(level, rel=0.01)
    assert comparison.interval is not None
    assert comparison.interval.covers(comparison.ratio)
    assert comparison.remedy is None


def test_a_small_difference_is_told_where_the_rounds_show_it() -> None:
    calm = compare_interleaved(noisy(1, noise=0.001), noisy(2, 1.01, noise=0.001))
    assert calm.verdict == "slower"


@pytest.mark.parametrize("seed", range(20))
def test_the_interval_leaves_out_one_just_where_the_p_value_is_small(seed: int) -> None:
    for compare in (compare_interleaved, compare_apart):
        for level in (1.0, 1.01, 1.04):
            found = compare(noisy(2 * seed), noisy(2 * seed + 1, level))
            assert found.interval is not None
            assert found.interval.covers(1) == (found.p_value > 0.05)
            assert found.interval.covers(1) != (found.verdict in ("faster", "slower"))


def test_swapping_the_arms_turns_the_comparison_round() -> None:
    for compare in (compare_interleaved, compare_apart):
        there, back = (
            compare(noisy(1), noisy(2, 1.03)),
            compare(noisy(2, 1.03), noisy(1)),
        )
        assert there.ratio == pytest.approx(1 / back.ratio)
        assert there.p_value == pytest.approx(back.p_value)
        assert there.interval is not None
        assert back.interval is not None
        assert there.interval.low == pytest.approx(1 / back.interval.high)


def test_what_a_round_does_to_both_arms_does_not_count() -> None:
    heat = np.linspace(1, 2, 10)
    levels = np.exp(np.random.default_rng(5).normal(0, 0.002, 10))
    comparison = compare_interleaved(arm(heat), arm(1.03 * heat * levels))
    assert comparison.verdict == "slower"
    assert comparison.ratio == pytest.approx(1.03, rel=0.005)


def test_one_disturbed_round_does_not_hide_a_difference() -> None:
    levels = [1.05] * 12
    levels[4] = 0.5
    comparison = compare_interleaved(arm([1.0] * 12), arm(levels))
    assert comparison.verdict == "slower"
    assert comparison.ratio == pytest.approx(1.05)


def test_rounds_are_matched_by_number_and_unshared_ones_left_out() -> None:
    heat = np.linspace(1, 2, 12)
    a, b = arm(heat), arm(1.05 * heat)
    comparison = compare_interleaved(a[1:], list(reversed(b[:-1])))
    assert comparison.ratio == pytest.approx(1.05)
    assert comparison.verdict == "slower"


def test_too_few_or_no_shared_rounds_cannot_tell() -> None:
    a, b = arm([1.0] * 8), arm([1.2] * 8)
    for first, second in ((a[:5], b[:5]), (a[:4], b[4:])):
        comparison = compare_interleaved(first, second)
        assert comparison.verdict == "cannot tell"
        assert comparison.interval is None
        assert comparison.p_value > 0.05
        assert comparison.ratio == pytest.approx(1.2)
        assert (comparison.remedy, comparison.rounds) == ("more rounds", 10)


def test_as_many_rounds_as_are_asked_for_can_tell() -> None:
    first = compare_interleaved(noisy(1, noise=0.04), noisy(2, noise=0.04))
    assert first.verdict == "cannot tell"
    assert first.rounds is not None
    assert 30 < first.rounds < 500
    rounds = first.rounds
    again = compare_interleaved(
        noisy(1, noise=0.04, rounds=rounds), noisy(2, noise=0.04, rounds=rounds)
    )
    assert again.verdict != "cannot tell"


@pytest.mark.parametrize(
    ("level", "floor", "verdict"),
    [
        (1.025, 0.03, "cannot tell"),
        (1.10, 0.03, "slower"),
        (0.90, 0.03, "faster"),
        (1.10, 0.15, "cannot tell"),
        (1.025, 0.005, "slower"),
        (1.0, 0.003, "no difference"),
    ],
)
def test_apart_only_what_is_beyond_the_floor_is_told(
    level: float, floor: float, verdict: str
) -> None:
    comparison = compare_apart(noisy(1), noisy(2, level), floor=floor)
    assert comparison.verdict == verdict
    assert comparison.remedy == ("profile both together" if verdict == "cannot tell" else None)


def test_apart_the_interval_is_the_blocks_own_widened_by_the_floor() -> None:
    own = compare_apart(noisy(1), noisy(2), floor=0).interval
    widened = compare_apart(noisy(1), noisy(2), floor=0.03).interval
    assert own is not None
    assert widened is not None
    assert widened.low == pytest.approx(own.low / 1.03)
    assert widened.high == pytest.approx(exp(log(own.high) + log(1.03)))


# --- threads --------------------------------------------------------------------------------


def test_the_fastest_is_recommended_where_its_advantage_is_real() -> None:
    arms = {1: noisy(1, 2.0), 2: noisy(2, 1.2), 4: noisy(3, 1.0), 8: noisy(4, 1.5)}
    assert recommend(arms) == 4


def test_of_arms_that_cannot_be_told_apart_the_cheapest_is_recommended() -> None:
    arms = {1: noisy(1, 2.0), 2: noisy(2, 1.002), 4: noisy(3, 1.0), 8: noisy(4, 0.998)}
    assert recommend(arms) == 2


def test_an_advantage_that_cannot_be_told_is_not_worth_a_thread() -> None:
    arms = {1: arm([0.92, 1.1] * 5), 2: arm([1.0] * 10)}
    assert compare_interleaved(arms[2], arms[1]).verdict == "cannot tell"
    assert recommend(arms) == 1
    assert recommend({1: arm([1.0] * 5), 2: arm([0.5] * 5)}) == 1


def test_an_arm_alone_is_recommended_and_none_is_refused() -> None:
    assert recommend({"big": noisy(1)}) == "big"
    with pytest.raises(ValueError, match="empty"):
        recommend({})


# --- what a session did to other arms -------------------------------------------------------


def test_a_restless_session_makes_two_calm_arms_hard_to_tell() -> None:
    calm = [noisy(1, noise=0.003), noisy(2, 1.015, noise=0.003)]
    restless = [noisy(seed, noise=0.1) for seed in (3, 4, 5)]
    assert level_spread(calm) < 0.005 < 0.02 < level_spread([*calm, *restless])
    alone, among = (
        compare_interleaved(*calm, session=level_spread(arms)) for arms in (calm, calm + restless)
    )
    assert (alone.verdict, among.verdict) == ("slower", "cannot tell")
    assert alone.p_value <= 0.05 < among.p_value
    assert among.ratio == alone.ratio
    assert alone.smallest is not None
    assert among.smallest is not None
    assert among.smallest > alone.smallest


@pytest.mark.parametrize("arms", [2, 3, 4, 8])
def test_the_spread_of_a_session_does_not_depend_on_the_number_of_its_arms(arms: int) -> None:
    """Of 60 rounds that share a level of their own."""
    random = np.random.default_rng(arms)
    found = []
    for _ in range(20):
        shared = random.normal(0, 0.05, 60)
        found.append(
            level_spread([arm(np.exp(shared + random.normal(0, 0.02, 60))) for _ in range(arms)])
        )
    assert np.mean(found) == pytest.approx(0.02, rel=0.1)


def test_restless_arms_up_to_half_and_an_odd_block_decide_nothing() -> None:
    calm = [noisy(seed, noise=0.003) for seed in (1, 2, 3)]
    assert level_spread([*calm, noisy(4, noise=0.1)]) < 2 * level_spread(calm)
    assert level_spread([*calm[:2], noisy(4, noise=0.1), noisy(5, noise=0.1)]) < 0.02
    odd = [*calm[0][:2], replace(calm[0][2], times=3 * calm[0][2].times), *calm[0][3:]]
    assert level_spread([odd, *calm[1:]]) < 2 * level_spread(calm)


def test_a_level_that_rounds_share_is_no_spread() -> None:
    levels = [1.0, 1.3, 0.8, 1.1, 1.2, 0.9]
    assert level_spread([arm(levels), arm([2 * level for level in levels])]) < 1e-9


def test_without_two_arms_that_share_rounds_there_is_no_spread() -> None:
    later = [replace(block, round=block.round + 100) for block in noisy(2)]
    for arms in ([], [noisy(1)], [noisy(1), noisy(2)[:1]], [noisy(1), later]):
        assert level_spread(arms) == 0.0
