"""What sessions of one device differ by: learnt from some in which nothing changed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deploy.results.judge import ArmReport, DeviceReport, judge
from deploy.results.records import ArmKey, MeasuredDevice, Results
from deploy.statistics.sessions import FEWEST_SESSIONS, session_floor
from deploy.support.errors import UserError
from deploy.support.printable import printable


def floor_of(sessions: Sequence[tuple[str, Results]], of: Sequence[Results] = ()) -> float:
    """What two sessions of the device differ by at the most, 19 times in 20: 0.03 is 3 %.

    `sessions`, each behind what to call it, are of the same bundle on the same device, the one that
    those compared, `of`, are of. Raises UserError where they are too few, where one is given twice,
    is of another device or without turns, and where they have no VALID arm of one bundle and device
    in common.
    """
    if len(sessions) < FEWEST_SESSIONS:
        raise UserError(
            f"--same: {len(sessions)} sessions are too few to learn from: give {FEWEST_SESSIONS} "
            "or more, of the same bundle on the same device"
        )
    seen: dict[str, str] = {}
    for name, results in sessions:
        if twin := seen.get(results.session):
            raise UserError(f"--same: {name} and {twin} are one session: give each once")
        seen[results.session] = name
        if results.settings.sustained:
            raise UserError(
                f"--same: {name} was measured with --sustained: give sessions in which arms took "
                "turns"
            )
    _check_devices(sessions, of)
    levels = [_levels(judge(results)) for _, results in sessions]
    shared = sorted(set.intersection(*(set(of_session) for of_session in levels)), key=str)
    if not shared:
        raise UserError(
            "--same: the sessions have no VALID arm in common: profile the same bundle on the same "
            "device, with the same artifacts, threads and build of the app, in each"
        )
    return session_floor(
        np.array([[of_session[arm] for arm in shared] for of_session in levels], np.float64)
    )


def _check_devices(sessions: Sequence[tuple[str, Results]], of: Sequence[Results]) -> None:
    """Raise UserError where the sessions are not all of the one device that `of` have in common."""
    if not of:
        return
    shared = set.intersection(*({_identity(one) for one in results.devices} for results in of))
    if not shared:
        raise UserError("--same: A and B are of different devices, to which no one floor applies")
    if len(shared) > 1:
        models = ", ".join(printable(model) for _, model in sorted(shared))
        raise UserError(
            f"--same: A and B are of several devices ({models}), and each has a floor of its own: "
            "compare one at a time"
        )
    for device in shared:
        for name, results in sessions:
            known = {_identity(one) for one in results.devices}
            if device not in known:
                theirs = ", ".join(f"{printable(m)} ({printable(i)})" for i, m in sorted(known))
                raise UserError(
                    f"--same: {name} is of {theirs or 'no device'}, not of {printable(device[1])} "
                    f"({printable(device[0])}) as A and B are: leave it out"
                )


def _identity(measured: MeasuredDevice) -> tuple[str, str]:
    return measured.device.id, measured.device.model


def _levels(reports: Sequence[DeviceReport]) -> dict[tuple[str, str, ArmKey, bool], float]:
    """The logarithm of each VALID arm's median; one of a debuggable app is an arm of its own."""
    return {
        (report.device.id, arm.bundle.id, arm.arm.key, arm.closed): _level(arm)
        for report in reports
        for arm in report.arms
        if arm.valid and arm.summary
    }


def _level(arm: ArmReport) -> float:
    assert arm.summary is not None
    return float(np.log(arm.summary.p50.value))
