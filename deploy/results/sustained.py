"""What a stretch without pauses comes to: its levels, its heat, and whether to believe it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deploy.results.records import Arm, Conditions, Settings
from deploy.results.stretch import PlacedBlock, at_work, lay_out
from deploy.results.words import describe_sign
from deploy.statistics import TimedBlock, never_cooled, signs_in_times
from deploy.statistics.sustained import (
    FEWEST_BLOCKS,
    Stretch,
    describe_stretch,
    medians_in_time,
)

# Android lowers clocks by the skin's; the battery lags behind, and a core's own jumps.
_TELLING = ("SKIN", "BATTERY")

# A pause of a second after ten is usual where each block is a fresh process.
_MOSTLY_AT_WORK = 0.85
# With a third of pauses it is another load, and another heat.
_HARDLY_AT_WORK = 0.67

_STILL_TOLD = ("coarse clock", "spikes")


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A block of the stretch. `clock` is what the system allows after it of the highest clock that
    it allowed in the stretch; what was not seen is None."""

    from_s: float
    to_s: float
    p50_ns: float
    celsius: float | None
    thermal_status: int | None
    clock: float | None
    allowed_ghz: float | None


@dataclass(frozen=True, kw_only=True)
class StretchReport:
    """`at_work` is the share of it that was spent in inferences."""

    stretch: Stretch
    at_work: float
    moments: tuple[Moment, ...]

    @property
    def hottest_c(self) -> float | None:
        return max((one.celsius for one in self.moments if one.celsius is not None), default=None)

    @property
    def lowest_clock(self) -> float | None:
        return min((one.clock for one in self.moments if one.clock is not None), default=None)


def judge_stretch(
    arm: Arm, settings: Settings
) -> tuple[StretchReport | None, list[str], list[str]]:
    """The stretch of `arm`, what makes it INVALID, and what is to be known of it.

    That it was hot, that clocks were lowered and that times grew is what it was measured for. None
    where too few blocks answered.
    """
    assert settings.sustained is not None
    placed = lay_out(arm.blocks, warmup=settings.warmup)
    warm = never_cooled([block.cooled for block in arm.blocks])
    reasons = [describe_sign(warm)] if warm else []
    if len(placed) < FEWEST_BLOCKS:
        few = f"too few blocks, {len(placed)} of at least {FEWEST_BLOCKS}; give more minutes"
        return None, [*reasons, *([few] if placed else [])], []
    blocks = timed_blocks(placed)
    share, seconds, asked = at_work(placed), placed[-1].end, settings.sustained.seconds
    if seconds < asked / 2:
        reasons.append(f"it ended after {seconds:.0f} of {asked:.0f} s")
    warnings = [describe_sign(s) for s in signs_in_times(blocks) if s.kind in _STILL_TOLD]
    pauses = f"{100 * (1 - share):.0f} % of the time it paused between blocks, and cooled"
    if share < _HARDLY_AT_WORK:
        reasons.append(f"{pauses}: that is no load without pauses")
    elif share < _MOSTLY_AT_WORK:
        warnings.append(pauses)
    stretch = describe_stretch(
        blocks,
        np.array([one.begin for one in placed]),
        np.array([one.end for one in placed]),
    )
    if not stretch.settled:
        warnings.append("its level still changed in the last third: give more minutes")
    report = StretchReport(stretch=stretch, at_work=share, moments=_moments(placed, blocks))
    return report, reasons, warnings


def timed_blocks(placed: Sequence[PlacedBlock]) -> tuple[TimedBlock, ...]:
    return tuple(
        TimedBlock(
            round=one.block.round, times=np.array(one.block.answer.iterations_ns, np.float64)
        )
        for one in placed
        if one.block.answer
    )


def levels_of(arm: Arm, settings: Settings, *, windows: int) -> list[float | None]:
    """The median in ns of the inferences in each of so many equal parts of the stretch; None in a
    pause."""
    placed = lay_out(arm.blocks, warmup=settings.warmup)
    if not placed:
        return []
    found = medians_in_time(
        np.concatenate([one.at for one in placed]),
        np.concatenate([block.times for block in timed_blocks(placed)]),
        seconds=placed[-1].end,
        windows=windows,
    )
    return [None if np.isnan(level) else float(level) for level in found]


def _moments(placed: Sequence[PlacedBlock], blocks: Sequence[TimedBlock]) -> tuple[Moment, ...]:
    seen = [one.block.after or one.block.before for one in placed]
    first = placed[0].block.before
    allowed = [_allowed(conditions) for conditions in (first, *seen)]
    highest = max((khz for khz in allowed if khz), default=None)
    return tuple(
        Moment(
            from_s=one.begin,
            to_s=one.end,
            p50_ns=block.median,
            celsius=celsius(conditions),
            thermal_status=conditions.thermal_status,
            clock=khz / highest if khz and highest else None,
            allowed_ghz=khz / 1e6 if khz else None,
        )
        for one, block, conditions, khz in zip(placed, blocks, seen, allowed[1:], strict=True)
    )


def celsius(seen: Conditions) -> float | None:
    """Of the skin where that is told, else of the battery, else the hottest that is."""
    for kind in _TELLING:
        found = [reading.celsius for reading in seen.temperatures if reading.kind == kind]
        if found:
            return max(found)
    if seen.battery_celsius is not None:
        return seen.battery_celsius
    return max((reading.celsius for reading in seen.temperatures), default=None)


def _allowed(seen: Conditions) -> int | None:
    """What the system allows the fastest core, in kHz."""
    return max((clock.allowed_khz for clock in seen.clocks if clock.allowed_khz), default=None)
