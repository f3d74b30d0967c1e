"""What two sessions may differ by: how far one moved, and what several that are the same say."""

from __future__ import annotations

from math import exp

import numpy as np
import pytest

from deploy.statistics import TimedBlock
from deploy.statistics.sessions import session_floor, wander


def arm(levels: list[float]) -> list[TimedBlock]:
    return [
        TimedBlock(round=index, times=1e6 * level * np.array([0.99, 1.0, 1.01]))
        for index, level in enumerate(levels)
    ]


def test_the_level_of_a_session_moved_from_its_lowest_round_to_its_highest() -> None:
    levels = [1.0, 1.0, 1.05, 1.05, 1.0]
    assert wander([arm(levels)]) == pytest.approx(1.05**1.5 - 1)
    assert wander([arm(levels), arm([8 * level for level in levels])]) == wander([arm(levels)])


def test_what_one_arm_did_alone_counts_by_its_share() -> None:
    odd = [1.0, 1.0, exp(0.04), 1.0, 1.0]
    assert wander([arm(odd), arm([1.0] * 5)]) == pytest.approx(exp(1.5 * 0.02) - 1)


def test_a_calm_session_moves_no_more_in_more_rounds() -> None:
    random = np.random.default_rng(0)
    few, many = (
        np.mean([wander([arm(np.exp(random.normal(0, 0.01, n)).tolist())]) for _ in range(50)])
        for n in (10, 200)
    )
    assert many < few


@pytest.mark.parametrize("arms", [[], [arm([1.0])]])
def test_where_nothing_could_move_nothing_did(arms: list[list[TimedBlock]]) -> None:
    assert wander(arms) == 0.0


@pytest.mark.parametrize("sessions", [4, 8])
def test_two_more_sessions_differ_by_less_than_the_floor_19_times_in_20(sessions: int) -> None:
    random = np.random.default_rng(1)
    within = [
        abs(random.normal(0, 0.01) - random.normal(0, 0.01))
        <= np.log(1 + session_floor(random.normal(0, 0.01, (sessions, 1))))
        for _ in range(2000)
    ]
    assert 0.935 < np.mean(within) < 0.965


def test_the_arm_that_differs_most_sets_the_floor() -> None:
    steady = np.full((4, 1), 3.0)
    moving = np.array([[3.0], [3.02], [3.0], [3.02]])
    assert session_floor(np.hstack([steady, moving])) == session_floor(moving)
    with pytest.raises(ValueError, match="3 sessions"):
        session_floor(moving[:3])
