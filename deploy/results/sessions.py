"""What sessions of one device differ by: learnt from some in which nothing changed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deploy.results.judge import ArmReport, DeviceReport, judge
from deploy.results.records import ArmKey, Results
from deploy.statistics.sessions import FEWEST_SESSIONS, session_floor
from deploy.support.errors import UserError


def floor_of(sessions: Sequence[Results]) -> float:
    """What two sessions of the device differ by at the most, 19 times in 20: 0.03 is 3 %.

    `sessions` are of the same bundle on the same device. Raises UserError where they are too few,
    where one is given twice, and where they have no VALID arm of one bundle and device in common.
    """
    if len(sessions) < FEWEST_SESSIONS:
        raise UserError(
            f"--same: {len(sessions)} sessions are too few to learn from: give {FEWEST_SESSIONS} "
            "or more, of the same bundle on the same device"
        )
    if len({results.session for results in sessions}) < len(sessions):
        raise UserError("--same: a session is given twice: give each once")
    levels = [_levels(judge(results)) for results in sessions]
    shared = sorted(set.intersection(*(set(of_session) for of_session in levels)), key=str)
    if not shared:
        raise UserError(
            "--same: the sessions have no VALID arm in common: profile the same bundle on the same "
            "device, with the same artifacts and threads, in each"
        )
    return session_floor(
        np.array([[of_session[arm] for arm in shared] for of_session in levels], np.float64)
    )


def _levels(reports: Sequence[DeviceReport]) -> dict[tuple[str, str, ArmKey], float]:
    """The logarithm of each VALID arm's median."""
    return {
        (report.device.id, arm.bundle.id, arm.arm.key): _level(arm)
        for report in reports
        for arm in report.arms
        if arm.valid and arm.summary
    }


def _level(arm: ArmReport) -> float:
    assert arm.summary is not None
    return float(np.log(arm.summary.p50.value))
