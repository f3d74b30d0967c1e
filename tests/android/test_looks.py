"""How often a phone is looked at while it is timed."""

from __future__ import annotations

import pytest

from deploy.android.looks import pause


def looks(block_s: float, usual_s: float | None) -> tuple[int, float]:
    """How many there are before the block is done, and how late it is then seen to be."""
    elapsed, count = 0.0, 0
    while elapsed < block_s:
        count += 1
        elapsed += pause(elapsed, usual_s)
    return count, elapsed - block_s


@pytest.mark.parametrize(
    ("block_s", "most"), [(0.3, 2), (1.0, 4), (5.0, 12), (60.0, 24), (600.0, 80)]
)
def test_a_first_block_is_looked_at_ever_more_seldom(block_s: float, most: int) -> None:
    count, late = looks(block_s, None)
    assert count <= most
    assert late <= max(0.25, 0.25 * block_s)


@pytest.mark.parametrize("block_s", [1.0, 5.0, 60.0])
def test_a_block_like_an_earlier_one_is_left_alone(block_s: float) -> None:
    # Once when it has started, for its process; once or twice when it should be done.
    count, late = looks(block_s, block_s)
    assert count <= 3
    assert late <= max(0.25, 0.1 * block_s)


def test_one_long_block_does_not_make_those_after_it_late_for_good() -> None:
    usual = 60.0
    for _ in range(40):
        _, late = looks(5.0, usual)
        usual = 5.0 + late
    assert usual < 5.6
