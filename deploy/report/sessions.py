"""Sessions as they are shown: judged here, on reading, as everywhere."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from deploy.choosing.records import ArmLatency, MeasuredOn
from deploy.report.model import Origin, ShownBlock, ShownDevice, ShownStretch, ShownTiming
from deploy.report.records import ComparedArm, PrintedComparison
from deploy.results.compare import compare_bundles
from deploy.results.judge import ArmReport, DeviceReport, judge
from deploy.results.records import (
    Arm,
    Block,
    Conditions,
    DeviceFacts,
    MeasuredBundle,
    Results,
    Settings,
)
from deploy.results.sustained import StretchReport, levels_of
from deploy.results.words import describe_stretch, duration, threads_text

_MS, _MB, _GHZ_IN_KHZ = 1e6, 1e6, 1e6
# Parts of a stretch in its picture.
_WINDOWS = 120
_UNTOLD = "choice.json does not say why"


class Sessions:
    """All sessions, with the arms of each bundle's artifacts."""

    def __init__(self, sessions: Mapping[str, tuple[Path, Results]]) -> None:
        self.devices: list[ShownDevice] = []
        self.bundles: dict[str, MeasuredBundle] = {}
        self.comparisons: list[tuple[Path, PrintedComparison]] = []
        self._timings: dict[tuple[str, str], list[ShownTiming]] = defaultdict(list)
        # The keys of a file's devices, by where it really lies.
        self._of_file: dict[str, list[str]] = defaultdict(list)
        self._told: dict[MeasuredOn, str] = {}
        for path, results in sessions.values():
            self.bundles |= {bundle.id: bundle for bundle in results.bundles}
            reports = judge(results)
            for report in reports:
                self._add(path, results, report)
            self._compare(path, reports)

    def timings(self, bundle: str | None, artifact: str) -> tuple[ShownTiming, ...]:
        """Of an artifact of the bundle with that id."""
        return tuple(self._timings.get((bundle or "", artifact), ()))

    def of(self, path: Path) -> tuple[str, ...]:
        """The keys of the devices of the session that was read from `path`."""
        return tuple(self._of_file.get(os.path.realpath(path), ()))

    def told(self, device: MeasuredOn, latencies: Sequence[ArmLatency]) -> tuple[ShownTiming, ...]:
        """Of a choice whose session is not there: what it says itself, without samples."""
        key = self._told.setdefault(device, f"d{len(self.devices) + 1}")
        if all(known.key != key for known in self.devices):
            self.devices.append(
                ShownDevice(
                    key=key,
                    model=device.model or device.asked,
                    origin=_origin(device.kind, device.virtual),
                    facts=(),
                    warnings=("its results.json is not there: figures are of choice.json alone",),
                    recommended=(),
                    failure=device.failure,
                    interrupted=False,
                )
            )
        return tuple(
            ShownTiming(
                device=key,
                threads=one.threads,
                cores=None,
                runtime=None,
                p50=one.p50_ms,
                low=one.low_ms,
                high=one.high_ms,
                valid=one.valid,
                reasons=one.reasons if one.valid or one.reasons else (_UNTOLD,),
            )
            for one in latencies
        )

    def _compare(self, path: Path, reports: Sequence[DeviceReport]) -> None:
        """The bundles of one session with each other, as `profile` prints it."""
        found = [compared for report in reports for compared in compare_bundles(report)]
        if found:
            arms = tuple(ComparedArm.model_validate(compared.facts()) for compared in found)
            self.comparisons.append((path, PrintedComparison(arms=arms, missing=(), notes=())))

    def _add(self, path: Path, results: Results, report: DeviceReport) -> None:
        key = f"d{len(self.devices) + 1}"
        self._of_file[os.path.realpath(path)].append(key)
        self.devices.append(
            ShownDevice(
                key=key,
                model=_called(report),
                origin=_origin(report.device.kind, report.device.virtual),
                facts=(*_device_facts(report.device), *_session_facts(path, results)),
                warnings=report.warnings,
                recommended=tuple(
                    f"{best.bundle}, {best.artifact}: {threads_text(best.threads)}, "
                    f"{best.p50_ns / _MS:.3g} ms"
                    for best in report.recommended
                ),
                failure=report.failure,
                interrupted=report.interrupted,
            )
        )
        for arm in report.arms:
            timing = _timing(key, arm)
            if arm.stretch:
                timing = _of_stretch(timing, arm, arm.stretch, results.settings)
            self._timings[arm.bundle.id, arm.arm.artifact].append(timing)


def _called(report: DeviceReport) -> str:
    """The device; what it gave without pauses is not what it gives in turns."""
    if report.sustained is None:
        return report.device.model
    mode = " in sustained-performance mode" if report.sustained.mode else ""
    return f"{report.device.model}, {duration(report.sustained.seconds)} without pauses{mode}"


def _origin(kind: str | None, virtual: bool | None) -> Origin:
    if virtual:
        return "virtual"
    return "host" if kind == "host" else "phone"


def _device_facts(device: DeviceFacts) -> list[tuple[str, str]]:
    cores = [
        f"{len(cluster.cores)} x {cluster.max_khz / _GHZ_IN_KHZ:.2f} GHz"
        if cluster.max_khz
        else f"{len(cluster.cores)} cores of unknown clock"
        for cluster in device.clusters
    ]
    known = {
        "maker": device.manufacturer,
        "chip": device.soc,
        "system": device.os,
        "build": device.build,
        "instruction set": device.abi,
        "cores": " + ".join(cores),
        "memory": f"{device.ram_bytes / 1e9:.1f} GB" if device.ram_bytes else None,
        "identity": device.id,
    }
    return [(name, text) for name, text in known.items() if text]


def _session_facts(path: Path, results: Results) -> list[tuple[str, str]]:
    settings = results.settings
    if settings.sustained:
        measured = (
            f"each arm for {duration(settings.sustained.seconds)} without pauses; its median is of "
            "the last third, the sustained level"
        )
    else:
        measured = (
            f"{settings.rounds} rounds of {settings.iterations} inferences after {settings.warmup} "
            "of warm-up, each block a fresh process, every arm in each round"
        )
    return [
        ("session", f"{results.session}, {results.started}, by {results.tool.version}"),
        ("measured", measured),
        ("file", str(path)),
    ]


def _timing(device: str, report: ArmReport) -> ShownTiming:
    summary = report.summary
    p50 = summary.p50 if summary else None
    interval = p50.interval if p50 else None
    peak = report.memory_peak_bytes
    return ShownTiming(
        device=device,
        threads=report.arm.key.threads,
        cores=report.arm.key.cores,
        runtime=_runtime(report.arm),
        p50=p50.value / _MS if p50 else None,
        low=interval.low / _MS if interval else None,
        high=interval.high / _MS if interval else None,
        p90=summary.p90.value / _MS if summary and summary.p90 else None,
        minimum=summary.minimum / _MS if summary else None,
        spread=summary.spread if summary else None,
        load=report.load_ns / _MS if report.load_ns else None,
        first=report.first_ns / _MS if report.first_ns else None,
        peak_mb=peak / _MB if peak else None,
        valid=report.valid,
        reasons=report.reasons,
        warnings=report.warnings,
        blocks=tuple(map(_block, report.arm.blocks)),
    )


def _of_stretch(
    timing: ShownTiming, arm: ArmReport, found: StretchReport, settings: Settings
) -> ShownTiming:
    """The timing of an arm with its stretch, and the sustained level for its median."""
    stretch = found.stretch
    level = stretch.sustained
    at = [(place + 0.5) * stretch.seconds / _WINDOWS for place in range(_WINDOWS)]
    moments = [
        next((one for one in reversed(found.moments) if one.from_s <= second), found.moments[0])
        for second in at
    ]
    levels = levels_of(arm.arm, settings, windows=_WINDOWS)
    return replace(
        timing,
        p50=level.value / _MS,
        low=level.interval.low / _MS if level.interval else None,
        high=level.interval.high / _MS if level.interval else None,
        warnings=(describe_stretch(stretch), *timing.warnings),
        stretch=ShownStretch(
            minutes=stretch.seconds / 60,
            ms=tuple(None if level is None else level / _MS for level in levels),
            celsius=tuple(one.celsius for one in moments),
            ghz=tuple(one.allowed_ghz for one in moments),
            burst=stretch.burst.value / _MS,
            sustained=stretch.sustained.value / _MS,
            turn=stretch.turn.at_s / 60 if stretch.turn else None,
        ),
    )


def _runtime(arm: Arm) -> str | None:
    for block in arm.blocks:
        if block.answer and block.answer.runner:
            runner = block.answer.runner
            return " ".join(filter(None, [runner.runtime, runner.runtime_version]))
    return None


def _block(block: Block) -> ShownBlock:
    answered = block.answer is not None and block.answer.status == "ok"
    times = block.answer.iterations_ns if answered and block.answer else ()
    seen = [conditions for conditions in (block.before, block.after) if conditions]
    return ShownBlock(
        round=block.round,
        ms=tuple(time / _MS for time in times),
        celsius=_highest([_celsius(conditions) for conditions in seen]),
        ghz=_highest([_clock(conditions, allowed=False) for conditions in seen]),
        allowed_ghz=_lowest([_clock(conditions, allowed=True) for conditions in seen]),
        failure=block.failure.text if block.failure else None,
    )


def _celsius(seen: Conditions) -> float | None:
    """The battery, which cools by hand, else the hottest sensor."""
    if seen.battery_celsius is not None:
        return seen.battery_celsius
    return max((reading.celsius for reading in seen.temperatures), default=None)


def _clock(seen: Conditions, *, allowed: bool) -> float | None:
    """Of the fastest core: now, or as the system allows it."""
    clocks = [clock.allowed_khz if allowed else clock.khz for clock in seen.clocks]
    fastest = max((khz for khz in clocks if khz), default=None)
    return fastest / _GHZ_IN_KHZ if fastest else None


def _highest(values: Sequence[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _lowest(values: Sequence[float | None]) -> float | None:
    return min((value for value in values if value is not None), default=None)
