"""What a session's facts come to: figures for each arm, and whether to believe them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import numpy.typing as npt

from deploy.protocol.messages import decode_logits
from deploy.results.cores import held_cores
from deploy.results.records import (
    Arm,
    Conditions,
    DeviceFacts,
    MeasuredArtifact,
    MeasuredBundle,
    MeasuredDevice,
    Results,
)
from deploy.statistics import (
    Block,
    Sign,
    Summary,
    clocks_lowered,
    heated,
    never_cooled,
    recommend,
    signs_in_times,
    summarize,
)
from deploy.statistics.error_statistics import ErrorStatistics, compare_logits
from deploy.verification.gates import judge_golden

LOW_BATTERY = 0.2
# Of all cores: a quarter is two of eight.
BUSY_SHARE = 0.25
_TIMES_ALONE = "throttling shows in the times alone"

# The same file on the same processor: what differs by more is broken now and then.
_REPEATED_DB = 40.0


@dataclass(frozen=True, kw_only=True)
class ArmReport:
    """An arm in figures. It is valid where `reasons` is empty; `warnings` leave it so.

    Times are in ns. `golden` is against the float network; None where no block answered.
    """

    arm: Arm
    bundle: MeasuredBundle
    blocks: tuple[Block, ...]
    summary: Summary | None
    load_ns: float | None
    first_ns: float | None
    memory_before_bytes: float | None
    memory_peak_bytes: int | None
    golden: ErrorStatistics | None
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def valid(self) -> bool:
        return not self.reasons


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
    """A device's arms in the order they were asked for."""

    device: DeviceFacts
    arms: tuple[ArmReport, ...]
    recommended: tuple[Recommendation, ...]
    warnings: tuple[str, ...]
    failure: str | None
    interrupted: bool


def judge(results: Results) -> tuple[DeviceReport, ...]:
    """A report for each device."""
    bundles = {bundle.id: bundle for bundle in results.bundles}
    return tuple(_judge_device(device, bundles) for device in results.devices)


def _judge_device(device: MeasuredDevice, bundles: dict[str, MeasuredBundle]) -> DeviceReport:
    arms = tuple(_judge_arm(arm, bundles[arm.bundle], device.device) for arm in device.arms)
    return DeviceReport(
        device=device.device,
        arms=arms,
        recommended=tuple(_recommend(arms)),
        warnings=(*_of_conditions(device), *device.warnings),
        failure=device.failure.text if device.failure else None,
        interrupted=device.interrupted,
    )


def _judge_arm(arm: Arm, bundle: MeasuredBundle, device: DeviceFacts) -> ArmReport:
    artifact = next(each for each in bundle.artifacts if each.name == arm.artifact)
    answered = [block for block in arm.blocks if block.answer and block.answer.status == "ok"]
    answers = [block.answer for block in answered if block.answer]
    blocks = tuple(
        Block(round=block.round, times=np.array(block.answer.iterations_ns, np.float64))
        for block in answered
        if block.answer
    )
    golden, wrong = _judge_answers(arm, bundle, artifact)
    signs = _signs(arm, blocks, device)
    failed = [block.failure.text for block in arm.blocks if block.failure]
    return ArmReport(
        arm=arm,
        bundle=bundle,
        blocks=blocks,
        summary=summarize(blocks) if blocks else None,
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
            *(describe(sign) for sign in signs if sign.invalidates),
        ),
        warnings=tuple(describe(sign) for sign in signs if not sign.invalidates),
    )


def _signs(arm: Arm, blocks: Sequence[Block], device: DeviceFacts) -> list[Sign]:
    seen = [each for block in arm.blocks for each in (block.before, block.after) if each]
    around = [
        clocks_lowered(_allowed(held_cores(arm.key.cores, device), seen)),
        heated([each.thermal_status for each in seen]),
        never_cooled([block.cooled for block in arm.blocks]),
    ]
    in_times = signs_in_times(blocks) if blocks else ()
    return [*in_times, *(sign for sign in around if sign)]


def _allowed(held: Sequence[int], seen: Sequence[Conditions]) -> npt.NDArray[np.float64]:
    """The highest allowed clocks in kHz, (readings, cores), NaN where unknown; of the cores that
    the arm is held to, if it is."""
    cores = sorted({clock.core for each in seen for clock in each.clocks})
    cores = [core for core in cores if not held or core in held]
    table = np.full((len(seen), len(cores)), np.nan)
    for row, each in enumerate(seen):
        known = {clock.core: clock.allowed_khz for clock in each.clocks}
        for column, core in enumerate(cores):
            table[row, column] = known.get(core) or np.nan
    return table


def _of_conditions(device: MeasuredDevice) -> list[str]:
    """What was unfavourable before some block, though it could be measured."""
    before = [block.before for arm in device.arms for block in arm.blocks]
    android = device.device.kind == "android"
    conditions: dict[str, list[bool | None]] = {
        "the screen was locked: some phones slow down then": [each.locked for each in before],
        "it was charging, which heats it: connect by network": [each.charging for each in before],
        "battery saver was on: turn it off": [each.power_save for each in before],
        "the battery was low: some phones slow down then": [
            each.battery_level is not None and each.battery_level < LOW_BATTERY for each in before
        ],
        "other programs kept it busy": [
            each.busy is not None and each.busy > BUSY_SHARE for each in before
        ],
        f"its heat is unknown: {_TIMES_ALONE}": [
            android and each.thermal_status is None for each in before
        ],
        f"its clocks are unknown: {_TIMES_ALONE}": [android and not each.clocks for each in before],
    }
    return [
        f"{text} ({sum(map(bool, seen))} of {len(seen)} blocks)"
        for text, seen in conditions.items()
        if any(seen)
    ]


def _judge_answers(
    arm: Arm, bundle: MeasuredBundle, artifact: MeasuredArtifact
) -> tuple[ErrorStatistics | None, list[str]]:
    """The fullest answer against the float network, and every reason not to believe the answers."""
    given = [
        {each.index: _comparable(each.values(), artifact) for each in block.answer.logits}
        for block in arm.blocks
        if block.answer and block.answer.status == "ok"
    ]
    if not given:
        return None, []
    fullest = max(given, key=len)
    try:
        reference = _comparable(_logits(bundle.float_logits, bundle), artifact)
        own = None
        if artifact.own_logits:
            own = _comparable(_logits(artifact.own_logits, bundle), artifact)
    except ValueError:
        return None, ["the results hold no golden logits to judge its answers by"]
    if not fullest:
        return None, ["it gave no answer that could be judged"]
    rows = sorted(fullest)
    sized = all(len(values) == bundle.classes for each in given for values in each.values())
    if not sized or rows[-1] >= len(reference):
        return None, [f"its answers are not of {bundle.classes} classes"]
    candidate = np.stack([fullest[row] for row in rows])
    statistics = compare_logits(reference[rows], candidate)
    program = compare_logits(reference[rows], own[rows]) if own is not None else None
    wrong = [
        f"wrong answers: {check.gate}: {check.measured}, required {check.required}"
        for check in judge_golden(artifact.name, artifact.precision, statistics, program)
        if not check.passed
    ]
    if not wrong and not all(_repeats(fullest, each) for each in given):
        wrong = ["wrong answers: the same photo got other answers in another block"]
    return statistics, wrong


def _comparable(
    logits: npt.NDArray[np.float32], artifact: MeasuredArtifact
) -> npt.NDArray[np.float32]:
    """Logits (..., classes) as they are; of Core ML, whose packages end in a softmax, the
    probabilities: their logarithms lack a constant, and what float16 is too coarse for."""
    if artifact.format != "coreml" or not logits.size:
        return logits
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)


def _repeats(
    first: dict[int, npt.NDArray[np.float32]], later: dict[int, npt.NDArray[np.float32]]
) -> bool:
    both = sorted(first.keys() & later.keys())
    return all(
        compare_logits(first[row][None], later[row][None]).sqnr_db >= _REPEATED_DB for row in both
    )


def _logits(encoded: str, bundle: MeasuredBundle) -> npt.NDArray[np.float32]:
    """float32 (golden, classes). Raises ValueError for anything else."""
    return decode_logits(encoded).reshape(bundle.golden, bundle.classes)


def _recommend(arms: Sequence[ArmReport]) -> list[Recommendation]:
    """For each artifact that was measured with several numbers of threads."""
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
        best = group[recommend({each: group[each].blocks for each in cheapest_first})]
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


def describe(sign: Sign) -> str:
    """A sign in words: its figure, and what helps."""
    percent = f"{100 * sign.figure:.0f} %"
    blocks = "some blocks take"
    texts = {
        "too few rounds": f"too few rounds, {sign.figure:.0f}; give --rounds 6 or more",
        "throttled": f"throttled: {blocks} {percent} more or less time; let it cool and rest",
        "drifting": f"drifting: {percent} from the first block to the last",
        "unstable": f"unstable: blocks spread by {percent}; close other programs, add --rounds",
        "spikes": f"spikes: {percent} of the samples; close other programs",
        "clocks lowered": f"throttled: a clock was lowered by {percent}; give a lower --cool-below",
        "hot": f"hot: thermal status {sign.figure:.0f}; give a lower --cool-below",
        "never cooled": f"hot: {sign.figure:.0f} blocks began too warm; give more --cool-timeout",
    }
    return texts[sign.kind]


def label(arm: ArmReport) -> str:
    """Such as "onnx-int8, 2 threads, cores big"."""
    key = arm.arm.key
    threads = [] if key.threads is None else [threads_text(key.threads)]
    cores = [f"cores {key.cores}"] if key.cores else []
    return ", ".join([arm.arm.artifact, *threads, *cores])


def threads_text(threads: int | None) -> str:
    """A number of threads in words.

    >>> threads_text(1), threads_text(4), threads_text(0)
    ('1 thread', '4 threads', 'default threads')
    """
    return f"{threads or 'default'} thread{'' if threads == 1 else 's'}"


def _median(values: Sequence[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(median(known)) if known else None
