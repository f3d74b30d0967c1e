"""Two measurements of the same arms: which is faster, and whether that can be told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from deploy.bundle.parse import printable
from deploy.errors import UserError
from deploy.measure import Comparison, compare_apart, compare_interleaved
from deploy.phone.judge import ArmReport, DeviceReport, label
from deploy.phone.results import ArmKey, DeviceFacts


@dataclass(frozen=True, kw_only=True)
class ArmComparison:
    """Arm `b` with arm `a`: the same key on the same device. `together`: in interleaved rounds."""

    device: DeviceFacts
    key: ArmKey
    a: ArmReport
    b: ArmReport
    together: bool
    comparison: Comparison

    def slower_beyond(self, percent: float) -> bool:
        """Whether b is slower by more than `percent` with confidence: all of the interval is."""
        interval = self.comparison.interval
        return interval is not None and interval.low > 1 + percent / 100


@dataclass(frozen=True, kw_only=True)
class FileComparison:
    """`notes` say what was compared all the same."""

    arms: tuple[ArmComparison, ...]
    notes: tuple[str, ...]


def compare_bundles(report: DeviceReport) -> list[ArmComparison]:
    """The bundles of one session with each other, arm by arm: the first is the one to beat."""
    by_key: dict[ArmKey, list[ArmReport]] = {}
    for arm in report.arms:
        if arm.blocks:
            by_key.setdefault(arm.arm.key, []).append(arm)
    return [
        ArmComparison(
            device=report.device,
            key=key,
            a=a,
            b=b,
            together=True,
            comparison=compare_interleaved(a.blocks, b.blocks),
        )
        for key, arms in by_key.items()
        for a, b in combinations(arms, 2)
        if {block.round for block in a.blocks} & {block.round for block in b.blocks}
    ]


def compare_files(
    before: Sequence[DeviceReport],
    after: Sequence[DeviceReport],
    *,
    floor: float,
    anyway: bool = False,
) -> FileComparison:
    """The arms that both have. `floor` is what two sessions may differ by, 0.03 for 3 %.

    Raises UserError where they were measured on other phones or in other runtimes, where an arm is
    not to be believed, and where they have no arm in common; with `anyway` the first two only end
    up in the notes.
    """
    notes: list[str] = []
    arms = []
    for first, second in _pairs(before, after, anyway, notes):
        # One bundle in each file is taken to be the same one at two times, whatever its folder.
        several = any(len({arm.bundle.label for arm in one.arms}) > 1 for one in (first, second))
        theirs = {_identity(arm, several): arm for arm in second.arms}
        for arm in first.arms:
            other = theirs.get(_identity(arm, several))
            if other is None or not arm.blocks or not other.blocks:
                continue
            for problem in _problems(arm, other):
                if not anyway:
                    raise UserError(
                        f"{label(arm)}: {problem}: measure again, or say --anyway to compare "
                        "nevertheless"
                    )
                notes.append(f"{label(arm)}: {problem}")
            arms.append(
                ArmComparison(
                    device=second.device,
                    key=arm.arm.key,
                    a=arm,
                    b=other,
                    together=False,
                    comparison=compare_apart(arm.blocks, other.blocks, floor=floor),
                )
            )
    if not arms:
        raise UserError(
            "the two have no arm in common: measure the same network, artifacts, threads and "
            "runner in both"
        )
    return FileComparison(arms=tuple(arms), notes=tuple(notes))


def _pairs(
    before: Sequence[DeviceReport],
    after: Sequence[DeviceReport],
    anyway: bool,
    notes: list[str],
) -> Iterator[tuple[DeviceReport, DeviceReport]]:
    """Devices with the same identity; or, where each file has one, these two, if told so."""
    theirs = {report.device.id: report for report in before}
    shared = [(theirs[each.device.id], each) for each in after if each.device.id in theirs]
    if not shared and len(before) == len(after) == 1:
        a, b = before[0].device, after[0].device
        what = f"measured on different devices, {printable(a.model)} and {printable(b.model)}"
        if not anyway:
            raise UserError(f"{what}: measure both on one, or say --anyway to compare nevertheless")
        notes.append(what)
        shared = [(before[0], after[0])]
    if not shared:
        raise UserError("the two files have no device in common: measure both on one")
    for first, second in shared:
        if first.device.build != second.device.build:
            notes.append(f"{printable(second.device.model)} runs another system build than before")
        yield first, second


def _problems(a: ArmReport, b: ArmReport) -> Iterator[str]:
    runtimes = [_runtime(arm) for arm in (a, b)]
    if runtimes[0] != runtimes[1]:
        yield f"measured in different runtimes, {runtimes[0]} and {runtimes[1]}"
    for name, arm in (("first", a), ("second", b)):
        if arm.reasons:
            yield f"the {name} is INVALID ({arm.reasons[0]})"


def _identity(arm: ArmReport, several: bool) -> tuple[ArmKey, str | None]:
    return arm.arm.key, arm.bundle.label if several else None


def _runtime(arm: ArmReport) -> str:
    for block in arm.arm.blocks:
        if block.answer and block.answer.runner:
            runner = block.answer.runner
            return f"{runner.runtime} {runner.runtime_version or 'of unknown version'}"
    return "unknown"
