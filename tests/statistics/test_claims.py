"""The claims on the synthetic device, in fewer runs, and that the device is what it says."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from claim import Claim
from statistical_claims import CLAIMS, SORTS
from synthetic_device import LARGEST_DRIFT, THROTTLE_STEP, SyntheticDevice

from deploy.statistics.block import medians, pooled

# By day the first claim of each sort, so that none is wholly left to the night.
BY_DAY = [sort[0] for sort in SORTS]
RUNS, RUNS_BY_NIGHT = 200, 1000

# Without any chance but what a test adds.
STILL = SyntheticDevice(block_effect=0.0, noise=0.0, spike_share=0.0)


@pytest.mark.parametrize("claim", BY_DAY, ids=lambda claim: claim.name)
def test_a_claim_holds(claim: Claim) -> None:
    check(claim, RUNS)


@pytest.mark.nightly
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_every_claim_holds(claim: Claim) -> None:
    check(claim, RUNS_BY_NIGHT)


def check(claim: Claim, runs: int) -> None:
    """Within twice what the share of so few runs is uncertain by, were it just at the limit."""
    share = claim.came_out(runs) / runs
    low, high = (2 * (limit * (1 - limit) / runs) ** 0.5 for limit in (claim.low, claim.high))
    assert claim.low - low <= share <= claim.high + high


def test_blocks_and_samples_have_the_effects_stated() -> None:
    device = SyntheticDevice(spike_share=0.0)
    (blocks,) = device.measure(np.random.default_rng(0), rounds=2000, iterations=100)
    times = np.log(np.stack([block.times for block in blocks]))
    noise = times - times.mean(axis=1, keepdims=True)
    assert times.std() == pytest.approx(np.hypot(0.01, 0.02), rel=0.02)
    assert medians(blocks).std() / 8e6 == pytest.approx(0.0108, rel=0.05)
    lagged = np.mean(noise[:, 1:] * noise[:, :-1]) / np.mean(noise**2)
    assert lagged == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("q", [0.5, 0.9, 0.99])
def test_the_true_quantile_is_that_of_very_many_blocks(q: float) -> None:
    device = SyntheticDevice()
    (blocks,) = device.measure(np.random.default_rng(1), rounds=20_000)
    times = pooled(blocks)
    assert np.mean(times <= device.true_quantile(q)) == pytest.approx(q, abs=0.003)


def test_a_session_moves_all_its_blocks_alike() -> None:
    device = replace(STILL, session_effect=0.01)
    random = np.random.default_rng(2)
    sessions = [medians(device.measure(random)[0]) for _ in range(1000)]
    assert all(np.ptp(session) < 1e-6 * session[0] for session in sessions)
    firsts = [session[0] for session in sessions]
    assert np.std(firsts) / 8e6 == pytest.approx(0.01, rel=0.1)


def test_drift_and_throttling_are_as_stated() -> None:
    random = np.random.default_rng(3)
    (drifting,) = replace(STILL, drift=LARGEST_DRIFT).measure(random)
    times = pooled(drifting)
    assert times[-1] / times[0] == pytest.approx(1.05)
    for _ in range(200):
        (blocks,) = replace(STILL, throttle=THROTTLE_STEP).measure(random)
        slow = pooled(blocks) / 8e6 > 1.1
        assert 40 <= slow.sum() <= 160
        assert np.count_nonzero(np.diff(slow)) in (1, 2)


def test_each_round_has_both_arms_in_either_order() -> None:
    device = replace(STILL, drift=1.0)
    a, b = device.measure(np.random.default_rng(4), slowdowns=(1.0, 1.0), rounds=30)
    firsts = np.array([[block.times[0] for block in blocks] for blocks in (a, b)])
    assert np.all(firsts[:, :-1].max(axis=0) < firsts[:, 1:].min(axis=0))
    assert 5 < np.count_nonzero(firsts[0] < firsts[1]) < 25


def test_nothing_but_numpy_is_imported() -> None:
    script = (
        "import sys, numpy; before = set(sys.modules); import deploy.statistics; "
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    brought = set(run.stdout.split()) - set(sys.stdlib_module_names)
    assert brought <= {"deploy", "numpy"}
