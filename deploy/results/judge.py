"""What a session's facts come to: figures for each arm, and whether to believe them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import numpy.typing as npt

from deploy.protocol.messages import PreparationTimes
from deploy.results.answers import check_answers
from deploy.results.clocks import caps_unknown, describe_caps
from deploy.results.cores import held_cores
from deploy.results.records import (
    Arm,
    Conditions,
    DeviceFacts,
    MeasuredBundle,
    MeasuredDevice,
    Results,
    Settings,
    Sustained,
)
from deploy.results.sustained import StretchReport, judge_stretch
from deploy.results.words import describe_sign
from deploy.statistics import (
    LatencySummary,
    SessionSpread,
    Sign,
    TimedBlock,
    clocks_lowered,
    heated,
    never_cooled,
    recommend,
    session_spread,
    signs_in_times,
    summarize_times,
)
from deploy.statistics.error_statistics import ErrorStatistics
from deploy.statistics.sessions import wander
from deploy.statistics.stability import FEWEST_ROUNDS
from deploy.support.errors import UserError

LOW_BATTERY = 0.2
# Of all cores: a quarter is two of eight.
BUSY_SHARE = 0.25
_TIMES_ALONE = "throttling shows in the times alone"


@dataclass(frozen=True, kw_only=True)
class BeforeNetwork:
    """What an app takes before the network, in ns: medians of so many `pictures`, each of this
    height and width."""

    picture: tuple[int, int]
    crop_ns: float
    input_ns: float
    pictures: int


@dataclass(frozen=True, kw_only=True)
class ArmReport:
    """An arm in figures. It is valid where `reasons` is empty; `warnings` leave it so.

    Times are in ns. `golden` is against the float network; None where no block answered. Of a
    stretch without pauses there is no `summary`, for it has no one level, but a `stretch`.
    """

    arm: Arm
    bundle: MeasuredBundle
    blocks: tuple[TimedBlock, ...]
    summary: LatencySummary | None
    load_ns: float | None
    first_ns: float | None
    memory_before_bytes: float | None
    memory_peak_bytes: int | None
    golden: ErrorStatistics | None
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    stretch: StretchReport | None = None
    before: BeforeNetwork | None = None

    @property
    def valid(self) -> bool:
        return not self.reasons

    @property
    def debuggable(self) -> bool | None:
        """Whether an app that was debuggable ran it; None where no app did, or nothing says."""
        seen = {block.debuggable for block in self.arm.blocks} - {None}
        return any(seen) if seen else None

    @property
    def closed(self) -> bool:
        """Whether an app ran it that is not debuggable: files of before that was written are of
        debuggable ones."""
        return self.debuggable is False


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """Of an artifact's arms, all with the same cores asked for, the one to ship with."""

    bundle: str
    artifact: str
    threads: int | None
    cores: str | None
    p50_ns: float


@dataclass(frozen=True, kw_only=True)
class DeviceReport:
    """A device's arms in the order they were asked for; `wander` is by what share the session's
    level moved while it ran, `spread` what it did to its arms. `sustained` is there where each arm
    had a stretch without pauses: what that gives is never to be compared with what blocks give that
    took turns."""

    device: DeviceFacts
    arms: tuple[ArmReport, ...]
    recommended: tuple[Recommendation, ...]
    warnings: tuple[str, ...]
    failure: str | None
    interrupted: bool
    wander: float
    spread: SessionSpread
    sustained: Sustained | None


def check_rounds(rounds: int, otherwise: str = "") -> None:
    """Raise UserError for so few rounds that every figure would be INVALID: before they are run.
    `otherwise` is what else one may give."""
    if rounds < FEWEST_ROUNDS:
        raise UserError(
            f"--rounds {rounds}: every figure of fewer than {FEWEST_ROUNDS} is INVALID: give "
            f"--rounds {FEWEST_ROUNDS} or more{otherwise}"
        )


def judge(results: Results) -> tuple[DeviceReport, ...]:
    """A report for each device."""
    bundles = {bundle.id: bundle for bundle in results.bundles}
    return tuple(_device_report(device, bundles, results.settings) for device in results.devices)


def _device_report(
    device: MeasuredDevice, bundles: dict[str, MeasuredBundle], settings: Settings
) -> DeviceReport:
    sustained = settings.sustained
    timed = [_timed(arm) for arm in device.arms]
    spread = SessionSpread() if sustained else session_spread(timed)
    arms = tuple(
        _arm_report(arm, blocks, bundles[arm.bundle], device.device, settings, spread)
        for arm, blocks in zip(device.arms, timed, strict=True)
    )
    return DeviceReport(
        device=device.device,
        arms=arms,
        # Of stretches, whose blocks took no turns, none is told to be faster.
        recommended=() if sustained else tuple(_recommend(arms, spread.level)),
        warnings=(*_of_conditions(device), *device.warnings),
        failure=device.failure.text if device.failure else None,
        interrupted=device.interrupted,
        wander=0.0 if sustained else wander([arm.blocks for arm in arms]),
        spread=spread,
        sustained=sustained,
    )


def _timed(arm: Arm) -> tuple[TimedBlock, ...]:
    """The times of the blocks that answered."""
    return tuple(
        TimedBlock(round=block.round, times=np.array(block.answer.iterations_ns, np.float64))
        for block in arm.blocks
        if block.answer and block.answer.status == "ok"
    )


def _arm_report(
    arm: Arm,
    blocks: tuple[TimedBlock, ...],
    bundle: MeasuredBundle,
    device: DeviceFacts,
    settings: Settings,
    spread: SessionSpread,
) -> ArmReport:
    artifact = next(made for made in bundle.artifacts if made.name == arm.artifact)
    answers = [block.answer for block in arm.blocks if block.answer and block.answer.status == "ok"]
    golden, wrong = check_answers(arm, bundle, artifact)
    stretch: StretchReport | None = None
    if settings.sustained:
        stretch, reasons, warnings = judge_stretch(arm, settings)
    else:
        reasons, warnings = _told(_signs(arm, blocks, device))
    failed = [block.failure.text for block in arm.blocks if block.failure]
    return ArmReport(
        arm=arm,
        bundle=bundle,
        blocks=blocks,
        summary=(
            summarize_times(blocks, spread=spread) if blocks and not settings.sustained else None
        ),
        load_ns=_median([answer.load_ns for answer in answers]),
        first_ns=_median([answer.first_ns for answer in answers]),
        memory_before_bytes=_median([answer.memory_before_bytes for answer in answers]),
        memory_peak_bytes=max(
            (answer.memory_peak_bytes for answer in answers if answer.memory_peak_bytes),
            default=None,
        ),
        golden=golden,
        reasons=(
            *failed,
            *([] if blocks or failed else ["it was not measured"]),
            *wrong,
            *reasons,
        ),
        warnings=tuple(warnings),
        stretch=stretch,
        before=_before_network([answer.preparation for answer in answers if answer.preparation]),
    )


def _before_network(told: Sequence[PreparationTimes]) -> BeforeNetwork | None:
    if not told:
        return None
    crop = [ns for times in told for ns in times.crop_ns]
    taken = [ns for times in told for ns in times.input_ns]
    return BeforeNetwork(
        picture=told[0].picture,
        crop_ns=float(median(crop)),
        input_ns=float(median(taken)),
        pictures=len(crop),
    )


def _told(signs: Sequence[Sign]) -> tuple[list[str], list[str]]:
    """What makes an arm INVALID, and what is to be known of it."""
    return (
        [describe_sign(sign) for sign in signs if sign.invalidates],
        [describe_sign(sign) for sign in signs if not sign.invalidates],
    )


def _signs(arm: Arm, blocks: Sequence[TimedBlock], device: DeviceFacts) -> list[Sign]:
    seen = [
        conditions
        for block in arm.blocks
        for conditions in (block.before, block.after)
        if conditions
    ]
    around = [
        clocks_lowered(_allowed(held_cores(arm.key.cores, device), seen)),
        heated([conditions.thermal_status for conditions in seen]),
        never_cooled([block.cooled for block in arm.blocks]),
    ]
    in_times = signs_in_times(blocks) if blocks else ()
    return [*in_times, *(sign for sign in around if sign)]


def _allowed(held: Sequence[int], seen: Sequence[Conditions]) -> npt.NDArray[np.float64]:
    """The highest allowed clocks in kHz, (readings, cores), NaN where unknown; of the cores that
    the arm is held to, if it is."""
    cores = sorted({clock.core for conditions in seen for clock in conditions.clocks})
    cores = [core for core in cores if not held or core in held]
    table = np.full((len(seen), len(cores)), np.nan)
    for row, conditions in enumerate(seen):
        known = {clock.core: clock.allowed_khz for clock in conditions.clocks}
        for column, core in enumerate(cores):
            table[row, column] = known.get(core) or np.nan
    return table


def _of_conditions(device: MeasuredDevice) -> list[str]:
    """What was unfavourable before some block, though it could be measured."""
    before = [block.before for arm in device.arms for block in arm.blocks]
    android = device.device.kind == "android"
    conditions: dict[str, list[bool | None]] = {
        "the screen was locked: some phones slow down then": [then.locked for then in before],
        "it was charging, which heats it: connect by network": [then.charging for then in before],
        "battery saver was on: turn it off": [then.power_save for then in before],
        "the battery was low: some phones slow down then": [
            None if then.battery_level is None else then.battery_level < LOW_BATTERY
            for then in before
        ],
        "other programs kept it busy": [
            None if then.busy is None else then.busy > BUSY_SHARE for then in before
        ],
        f"its heat is unknown: {_TIMES_ALONE}": [
            android and then.thermal_status is None for then in before
        ],
        f"its clocks are unknown: {_TIMES_ALONE}": [android and not then.clocks for then in before],
        f"what its clocks are allowed is unknown: {_TIMES_ALONE}": [
            android and caps_unknown(then.clocks) for then in before
        ],
    }
    told = [
        f"{text} ({sum(map(bool, seen))} of {_known(seen)} blocks)"
        for text, seen in conditions.items()
        if any(seen)
    ]
    if caps := describe_caps(device.device, before):
        told.append(f"its clocks were capped from the start, {caps}: the figures are of it so")
    if any(block.debuggable for arm in device.arms for block in arm.blocks):
        told.append(
            "the app is debuggable, and Android checks its calls into the runtimes (CheckJNI): "
            "install its benchmark build for figures without that"
        )
    return told


def _known(seen: Sequence[bool | None]) -> int:
    """Within a stretch only heat and clocks are looked at."""
    return sum(state is not None for state in seen)


def _recommend(arms: Sequence[ArmReport], session: float) -> list[Recommendation]:
    """For each artifact that was measured with several numbers of threads, in a session with this
    `level_spread`."""
    groups: dict[tuple[str, str, str | None], dict[int | None, ArmReport]] = {}
    for report in arms:
        if report.valid and report.summary:
            key = report.arm.key
            group = groups.setdefault((report.bundle.id, report.arm.artifact, key.cores), {})
            group[key.threads] = report
    found = []
    for (_, artifact, cores), group in groups.items():
        if len(group) < 2:
            continue
        cheapest_first = sorted(group, key=lambda threads: threads or math.inf)
        blocks = {threads: group[threads].blocks for threads in cheapest_first}
        best = group[recommend(blocks, session=session)]
        assert best.summary is not None
        found.append(
            Recommendation(
                bundle=best.bundle.label,
                artifact=artifact,
                threads=best.arm.key.threads,
                cores=cores,
                p50_ns=best.summary.p50.value,
            )
        )
    return found


def _median(values: Sequence[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(median(known)) if known else None
