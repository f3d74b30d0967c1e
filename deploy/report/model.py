"""What a report shows, put together from all sources and free of where it came from.

Nothing here is text for people yet, but for verdicts and reasons, which the rooms above word.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from deploy.choosing.records import QualityKind, TopOne
from deploy.report.records import PrintedComparison, PrintedDiff, ProvedElsewhere, Verification
from deploy.results.records import EmulatedProcessor

# What latency and pictures of it must say of where they are from.
Origin = Literal["phone", "host", "virtual"]


@dataclass(frozen=True, kw_only=True)
class ShownDevice:
    """A session on a device. `key` tells them apart; `facts` are of both, in words."""

    key: str
    model: str
    origin: Origin
    facts: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    recommended: tuple[str, ...]
    failure: str | None
    interrupted: bool


@dataclass(frozen=True, kw_only=True)
class ShownBlock:
    """A block of an arm. `ms` are its timed inferences; what was not seen is None."""

    round: int
    ms: tuple[float, ...]
    celsius: float | None
    ghz: float | None
    allowed_ghz: float | None
    failure: str | None


@dataclass(frozen=True, kw_only=True)
class ShownStretch:
    """An arm without pauses, in equal parts of its `minutes`: the median in ms, degrees, and clocks
    in GHz as allowed; what was not seen is None. `turn` is in minutes."""

    minutes: float
    ms: tuple[float | None, ...]
    celsius: tuple[float | None, ...]
    ghz: tuple[float | None, ...]
    burst: float
    sustained: float
    turn: float | None


@dataclass(frozen=True, kw_only=True)
class ShownTiming:
    """An artifact with a number of threads on a device, by the device's `key`. Times in ms.

    Where results.json is not there, of what choice.json says: no `blocks`. Of a `stretch` the
    median is that of its last third, the sustained level.
    """

    device: str
    threads: int | None
    cores: str | None
    runtime: str | None
    p50: float | None
    low: float | None
    high: float | None
    p90: float | None = None
    minimum: float | None = None
    spread: float | None = None
    load: float | None = None
    first: float | None = None
    peak_mb: float | None = None
    valid: bool
    reasons: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    blocks: tuple[ShownBlock, ...] = ()
    stretch: ShownStretch | None = None


@dataclass(frozen=True, kw_only=True)
class ShownArtifact:
    """A row of the table. None: not measured, not known."""

    key: str
    name: str
    format: str
    precision: str
    bytes: int | None
    sha256: str | None
    verified: bool | None = None
    unverified_reason: str | None = None
    photos: int | None = None
    agreement: float | None = None
    sqnr_db: float | None = None
    in_float: int | None = None
    outside: int | None = None
    runtime: str | None = None
    top1: TopOne | None = None
    timings: tuple[ShownTiming, ...]
    exceeds: tuple[str, ...] = ()
    frontier: bool = False
    recommended: bool = False

    def fastest(self, device: str) -> ShownTiming | None:
        """The VALID one of the lowest median; without any the lowest that is not."""
        with_figures = [
            timing for timing in self.timings if timing.device == device and timing.p50 is not None
        ]
        return min(with_figures, key=lambda timing: (not timing.valid, timing.p50), default=None)

    def quality(self, kind: QualityKind | None) -> float | None:
        """In percent, of that kind alone."""
        if kind == "agreement":
            return None if self.agreement is None else 100 * self.agreement
        return self.top1.percent if self.top1 and self.top1.kind == kind else None


@dataclass(frozen=True, kw_only=True)
class ShownVariant:
    """A network at a width and a resolution, with its artifacts; a part of the page of its own.

    `facts` are what is needed to repeat it, in words. `state` is of the sweep.
    """

    key: str
    name: str
    network: str
    width: float | None
    resolution: tuple[int, int]
    params: int | None = None
    macs: int | None = None
    state: Literal["built", "failed", "pruned"] = "built"
    why: str | None = None
    weights: str | None = None
    untrained: bool = False
    warnings: tuple[str, ...] = ()
    artifacts: tuple[ShownArtifact, ...]
    proofs: Verification | None = None
    facts: tuple[tuple[str, str], ...]

    def own_db(self, artifact: str) -> float | None:
        """Of the torch program that the quantized artifact was made from, against float."""
        proof = self.proofs.artifacts.get(artifact) if self.proofs else None
        own = proof.own_program_against_float if proof else None
        return own.sqnr_db if own else None

    @property
    def emulated(self) -> tuple[ProvedElsewhere, ...]:
        return self.proofs.emulated if self.proofs else ()


@dataclass(frozen=True, kw_only=True)
class ShownLimits:
    """None is no limit."""

    ms: float | None = None
    mb: float | None = None
    macs: float | None = None
    top1: float | None = None


@dataclass(frozen=True, kw_only=True)
class ShownGroup:
    """A sweep, or all that is of none. `runners_up` are keys of artifacts, the best first.

    `devices` are keys of those that have measured any of it; `chosen_on` are those whose latency
    the sweep's limits were put to.
    """

    key: str
    title: str
    quality: QualityKind | None
    limits: ShownLimits = ShownLimits()
    is_sweep: bool
    reason: str | None = None
    runners_up: tuple[str, ...] = ()
    notes: tuple[str, ...]
    failure: str | None = None
    variants: tuple[ShownVariant, ...]
    devices: tuple[str, ...]
    chosen_on: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()

    def rows(self) -> Iterator[tuple[ShownVariant, ShownArtifact]]:
        """Those that were built."""
        for variant in self.variants:
            for artifact in variant.artifacts:
                if artifact.bytes is not None:
                    yield variant, artifact

    def ranked(self) -> list[tuple[ShownVariant, ShownArtifact]]:
        """The recommended one first, then what is within the limits, the best quality first."""

        def rank(row: tuple[ShownVariant, ShownArtifact]) -> tuple[bool, bool, float]:
            artifact = row[1]
            quality = artifact.quality(self.quality)
            return not artifact.recommended, bool(artifact.exceeds), -(quality or 0.0)

        return sorted(self.rows(), key=rank)

    @property
    def best(self) -> tuple[ShownVariant, ShownArtifact] | None:
        return next((row for row in self.rows() if row[1].recommended), None)


@dataclass(frozen=True, kw_only=True)
class Report:
    """The whole. `files` are (path, kind, SHA-256), `comparisons` and `diffs` begin with a path."""

    title: str
    groups: tuple[ShownGroup, ...]
    devices: tuple[ShownDevice, ...]
    emulated: tuple[EmulatedProcessor, ...]
    comparisons: tuple[tuple[str, PrintedComparison], ...]
    diffs: tuple[tuple[str, PrintedDiff], ...]
    files: tuple[tuple[str, str, str], ...]
    notes: tuple[str, ...]
    tool: str

    def device(self, key: str) -> ShownDevice:
        return next(device for device in self.devices if device.key == key)
