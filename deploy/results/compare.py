"""Two measurements of the same arms: which is faster, and whether that can be told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations

from deploy.results.instructions import CountComparison, shared_counts
from deploy.results.judge import ArmReport, DeviceReport, judge
from deploy.results.records import ArmKey, DeviceFacts, Results
from deploy.results.words import arm_label
from deploy.statistics import Comparison, compare_apart, compare_interleaved
from deploy.support.errors import UserError
from deploy.support.printable import printable


@dataclass(frozen=True, kw_only=True)
class ArmComparison:
    """Arm `b` with arm `a`: the same key on the same device. `together`: in interleaved rounds;
    else `floor` is what the two sessions were taken to differ by, 0.03 for 3 %."""

    device: DeviceFacts
    key: ArmKey
    a: ArmReport
    b: ArmReport
    together: bool
    comparison: Comparison
    floor: float = 0.0

    @property
    def valid(self) -> bool:
        """Whether both arms are to be believed, and so what they are to each other."""
        return self.a.valid and self.b.valid

    def facts(self) -> dict[str, object]:
        """As --json prints it and `report` reads it."""
        return {
            "device": self.device.id,
            "model": self.device.model,
            "key": self.key.model_dump(mode="json"),
            "a": self.a.bundle.label,
            "b": self.b.bundle.label,
            "together": self.together,
            "floor": self.floor,
            "valid": self.valid,
            **asdict(self.comparison),
        }

    def slower_beyond(self, percent: float) -> bool:
        """Whether b is slower by more than `percent` with confidence: all of the interval is."""
        interval = self.comparison.interval
        return interval is not None and interval.low > 1 + percent / 100


@dataclass(frozen=True, kw_only=True)
class FileComparison:
    """`missing` are arms that one of the two has no figures of; `notes` say what was compared
    though it should not be. `counts` are of instructions, where both have counted some."""

    arms: tuple[ArmComparison, ...]
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    counts: tuple[CountComparison, ...] = ()


def compare_bundles(report: DeviceReport) -> list[ArmComparison]:
    """The bundles of one session with each other, arm by arm: the first is the one to beat. None of
    a sustained session, whose arms took no turns."""
    if report.sustained:
        return []
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
            comparison=compare_interleaved(a.blocks, b.blocks, session=report.spread.level),
        )
        for key, arms in by_key.items()
        for a, b in combinations(arms, 2)
        if {block.round for block in a.blocks} & {block.round for block in b.blocks}
    ]


def compare_results(
    before: Results, after: Results, *, floor: float, anyway: bool = False
) -> FileComparison:
    """Arms as `compare_files` does, and instructions that both have counted.

    Raises UserError as it does; of instructions, where they were counted by other emulators or of
    other runtimes, are in the first alone, or where only one of the two has measured arms.
    """
    for place, results in (("first", before), ("second", after)):
        if results.settings.sustained:
            raise UserError(
                f"the {place} was measured with --sustained: its levels are of one stretch without "
                "pauses, whose blocks took no turns. Set them side by side with report, or compare "
                "sessions without it"
            )
    tolerance = _Tolerance(anyway=anyway)
    counts = tuple(shared_counts(before, after))
    for compared in counts:
        for problem in compared.problems():
            tolerance.compare_anyway(problem)
    lost = sum(len(on.arms) for on in before.emulated) - len(counts)
    if lost:
        tolerance.leave_out(f"{lost} counts of instructions are in the first alone")
    if counts and not (before.devices and after.devices):
        if before.devices or after.devices:
            tolerance.leave_out("only one of the two has arms that were measured")
        found = FileComparison(arms=(), missing=(), notes=())
    else:
        found = compare_files(judge(before), judge(after), floor=floor, anyway=anyway)
    return FileComparison(
        arms=found.arms,
        missing=(*tolerance.missing, *found.missing),
        notes=(*tolerance.notes, *found.notes),
        counts=counts,
    )


def compare_files(
    before: Sequence[DeviceReport],
    after: Sequence[DeviceReport],
    *,
    floor: float,
    anyway: bool = False,
) -> FileComparison:
    """The arms that both were asked for. `floor` is what two sessions may differ by, 0.03 for 3 %,
    or what either one's level moved by while it ran, if that is more.

    Raises UserError where they were measured on other devices or in other runtimes, where an arm
    is not to be believed or has no figures, and where they have no arm in common; with `anyway` all
    but the last only end up in `missing` and `notes`.
    """
    tolerance = _Tolerance(anyway=anyway)
    arms = tuple(
        compared
        for first, second in _pairs(before, after, tolerance)
        for compared in _compare_devices(first, second, floor, tolerance)
    )
    if not arms:
        raise UserError(
            "the two have no arm in common: measure the same network, artifacts, threads and "
            "runner in both"
        )
    return FileComparison(arms=arms, missing=tuple(tolerance.missing), notes=tuple(tolerance.notes))


@dataclass(kw_only=True)
class _Tolerance:
    """What hinders a comparison: refused, or kept to be told where `anyway` was said."""

    anyway: bool
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def leave_out(self, what: str) -> None:
        self._check(what)
        self.missing.append(what)

    def compare_anyway(self, what: str) -> None:
        self._check(what)
        self.notes.append(what)

    def _check(self, what: str) -> None:
        if not self.anyway:
            raise UserError(
                f"{what}: measure again, or say --anyway to compare what can be compared"
            )


def _compare_devices(
    first: DeviceReport, second: DeviceReport, floor: float, tolerance: _Tolerance
) -> Iterator[ArmComparison]:
    """The arms that both were asked for."""
    if first.interrupted or second.interrupted:
        tolerance.notes.append(f"{printable(second.device.model)}: a session was interrupted")
    moved = max(first.wander, second.wander)
    if moved > floor:
        tolerance.notes.append(
            f"{printable(second.device.model)}: a session's level moved by {100 * moved:.1f} % "
            "while it ran, and by so much may two sessions differ"
        )
    # One bundle in each file is taken to be the same one at two times, whatever its folder.
    several = any(len({arm.bundle.id for arm in one.arms}) > 1 for one in (first, second))
    theirs = {_identity(arm, several): arm for arm in second.arms}
    for arm in first.arms:
        other = theirs.get(_identity(arm, several))
        if other is None:
            continue
        name = arm_label(arm.arm)
        if empty := [report for report in (arm, other) if not report.blocks]:
            place, why = _place(empty[0], arm), empty[0].reasons[0]
            tolerance.leave_out(f"{name}: the {place} has no figures ({why})")
            continue
        for problem in _problems(arm, other):
            tolerance.compare_anyway(f"{name}: {problem}")
        yield ArmComparison(
            device=second.device,
            key=arm.arm.key,
            a=arm,
            b=other,
            together=False,
            comparison=compare_apart(arm.blocks, other.blocks, floor=max(floor, moved)),
            floor=max(floor, moved),
        )


def _place(arm: ArmReport, first: ArmReport) -> str:
    return "first" if arm is first else "second"


def _pairs(
    before: Sequence[DeviceReport], after: Sequence[DeviceReport], tolerance: _Tolerance
) -> Iterator[tuple[DeviceReport, DeviceReport]]:
    """The same device in both; or, where each file has one, these two, if that is tolerated."""
    first, second = _by_identity(before), _by_identity(after)
    shared = [key for key in first if key in second]
    if not shared and len(before) == len(after) == 1:
        a, b = (printable(report.device.model) for report in (before[0], after[0]))
        tolerance.compare_anyway(f"measured on different devices, {a} and {b}")
        yield before[0], after[0]
        return
    if not shared:
        raise UserError("the two files have no device in common: measure both on one")
    for key, report in first.items():
        name = printable(report.device.model)
        if key not in second:
            tolerance.leave_out(f"{name} ({printable(report.device.id)}) is in the first alone")
            continue
        if report.device.build != second[key].device.build:
            tolerance.notes.append(f"{name} runs another system build than before")
        yield report, second[key]


def _by_identity(reports: Sequence[DeviceReport]) -> dict[tuple[str | None, ...], DeviceReport]:
    """By what a phone is; where two of a file claim to be the same, by what adb calls them too."""
    claims = [(report.device.id, report.device.model, report.device.soc) for report in reports]
    return {
        (*claim, report.device.serial if claims.count(claim) > 1 else None): report
        for claim, report in zip(claims, reports, strict=True)
    }


def _problems(a: ArmReport, b: ArmReport) -> Iterator[str]:
    runtimes = [_runtime(arm) for arm in (a, b)]
    if runtimes[0] != runtimes[1]:
        yield f"measured in different runtimes, {runtimes[0]} and {runtimes[1]}"
    closed = [arm.closed for arm in (a, b)]
    if closed[0] != closed[1]:
        yield "one of the two was measured in a debuggable app, whose calls Android checks"
    for name, arm in (("first", a), ("second", b)):
        if arm.reasons:
            yield f"the {name} is INVALID ({arm.reasons[0]})"


def _identity(arm: ArmReport, several: bool) -> tuple[ArmKey, str | None]:
    return arm.arm.key, arm.bundle.label if several else None


def _runtime(arm: ArmReport) -> str:
    for block in arm.arm.blocks:
        if block.answer and block.answer.runner:
            runner = block.answer.runner
            # Where a runner does not tell its runtime's version, its own stands for it.
            version = runner.runtime_version or f"in {runner.version}"
            return f"{runner.runtime} {version}"
    return "unknown"
