"""A stretch without pauses: levels, turns and the fall, where the truth is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from synthetic_device import SyntheticDevice

from deploy.statistics import TimedBlock
from deploy.statistics.sustained import Stretch, changes, describe_stretch, medians_in_time

CALM = SyntheticDevice()
BLOCK_S = 10.0


def stretch(levels: Sequence[float], seed: int = 0) -> Stretch:
    """Of blocks of 10 s, each slowed by one of `levels`."""
    factors = np.array(levels)
    device = SyntheticDevice(load=lambda _, blocks: factors[:blocks])
    (blocks,) = device.measure(np.random.default_rng(seed), rounds=len(levels))
    starts = BLOCK_S * np.arange(len(levels))
    return describe_stretch(blocks, starts, starts + BLOCK_S)


def test_a_fall_is_told_with_its_moment_and_its_levels() -> None:
    found = stretch([1.0] * 20 + [1.25] * 40)
    assert found.seconds == 600
    assert found.turn is not None
    assert found.turn.earliest_s <= 200 <= found.turn.latest_s
    assert found.turn.by == pytest.approx(0.25, abs=0.03)
    assert found.burst.to_s == found.turn.at_s
    assert found.sustained.from_s == 400
    assert found.fall.value == pytest.approx(0.25, abs=0.03)
    assert found.fall.interval is not None
    assert found.fall.interval.covers(0.25)
    assert found.settled
    assert found.sustained.value > 1.2 * found.burst.value


@pytest.mark.parametrize("odd", [False, True])
def test_a_level_that_holds_has_no_turn(odd: bool) -> None:
    levels = [1.0] * 60
    if odd:
        levels[30] = 1.5
    found = stretch(levels)
    assert found.turn is None
    assert found.turns == ()
    assert found.settled
    assert found.fall.interval is not None
    assert found.fall.interval.covers(0.0)
    assert (found.burst.from_s, found.burst.to_s) == (0, 200)


def test_every_turn_is_told_and_burst_ends_at_the_first_that_slows() -> None:
    found = stretch([1.2] * 5 + [1.0] * 15 + [1.2] * 15 + [1.4] * 25)
    assert [round(turn.by, 1) for turn in found.turns] == [-0.2, 0.2, 0.2]
    assert [round(turn.at_s / BLOCK_S) for turn in found.turns] == [5, 20, 35]
    assert found.turn is found.turns[1]
    # Of all before it: how it began is a part of the burst.
    assert (found.burst.from_s, found.burst.to_s) == (0, 200)
    assert found.settled


def test_what_still_falls_at_the_end_is_not_settled() -> None:
    assert not stretch([1.0] * 20 + [1.2] * 30 + [1.4] * 10).settled


def test_too_few_blocks_are_refused() -> None:
    block = TimedBlock(round=0, times=np.ones(3))
    with pytest.raises(ValueError, match="5 blocks"):
        describe_stretch([block] * 5, np.arange(5.0), np.arange(1.0, 6.0))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_so_few_levels_have_no_change(count: int) -> None:
    assert changes(np.arange(float(count))) == []


def test_levels_that_never_vary_change_where_they_do() -> None:
    """A clock so coarse that blocks are all alike leaves no deviation to divide by."""
    assert changes(np.repeat([0.0, 0.2, 0.2, 0.0], 4)) == [4, 12]


def test_medians_in_time_leave_gaps_for_pauses() -> None:
    at, times = np.array([0.1, 0.2, 9.9, 10.0]), np.array([1.0, 3.0, 5.0, 7.0])
    found = medians_in_time(at, times, seconds=10.0, windows=5)
    assert found[0] == 2.0
    assert np.isnan(found[1:4]).all()
    assert found[4] == 6.0
