"""Two levels are seen where there are two, and in nothing that has one."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic_device import SyntheticDevice

from deploy.statistics import TimedBlock, signs_in_times
from deploy.statistics.modes import find_modes

RUNS = 100


def measured(seed: int, device: SyntheticDevice) -> list[TimedBlock]:
    return device.measure(np.random.default_rng([7, seed]))[0]


def partly_slower(seed: int, *, blocks: float, samples: int, factor: float) -> list[TimedBlock]:
    """The last `samples` of a share of blocks take longer; of a tenth it is the first block."""
    random = np.random.default_rng(seed)
    found = []
    for block in measured(seed, SyntheticDevice()):
        times = block.times.copy()
        if block.round == 0 or random.random() < blocks:
            times[len(times) - samples :] *= factor
        found.append(TimedBlock(round=block.round, times=times))
    return found


@pytest.mark.parametrize(
    ("blocks", "samples", "factor", "share"),
    [(0.0, 9, 1.45, 0.045), (0.4, 20, 1.2, 0.46), (0.5, 10, 1.2, 0.27)],
    ids=["9 of 20 samples in a block", "whole blocks", "within blocks"],
)
def test_two_levels_are_named_with_their_share(
    blocks: float, samples: int, factor: float, share: float
) -> None:
    found = [
        find_modes(partly_slower(seed, blocks=blocks, samples=samples, factor=factor))
        for seed in range(RUNS)
    ]
    seen = [modes for modes in found if modes]
    assert len(seen) >= 0.95 * RUNS
    assert np.mean([modes.ratio for modes in seen]) == pytest.approx(factor - 1, rel=0.05)
    assert np.mean([modes.share for modes in seen]) == pytest.approx(share, rel=0.25)


@pytest.mark.parametrize(
    "device",
    [
        SyntheticDevice(),
        SyntheticDevice(block_effect=0.026),
        SyntheticDevice(spike_share=0.05),
        SyntheticDevice(drift=0.05),
    ],
    ids=["calm", "blocks that differ", "spikes", "drift"],
)
def test_one_level_is_one(device: SyntheticDevice) -> None:
    seen = sum(find_modes(measured(seed, device)) is not None for seed in range(RUNS))
    assert seen <= 0.05 * RUNS


def test_they_are_a_note_and_spoil_nothing() -> None:
    signs = signs_in_times(partly_slower(3, blocks=0.0, samples=9, factor=1.45))
    (sign,) = [sign for sign in signs if sign.kind == "two levels"]
    assert not sign.invalidates
    assert sign.share == pytest.approx(0.045, abs=0.01)
