"""From what was read to what is shown: a bundle, its choice and its sessions meet by its hash."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import deploy
from deploy.bundle.manifest import Runtime
from deploy.choosing.records import Candidate, Choice, QualityKind, SweptVariant
from deploy.report.model import (
    Report,
    ShownArtifact,
    ShownGroup,
    ShownLimits,
    ShownVariant,
)
from deploy.report.records import PrintedComparison
from deploy.report.repeating import bundle_facts, choice_facts
from deploy.report.sessions import Sessions
from deploy.report.sources import ReadBundle, Sources
from deploy.results.records import MeasuredBundle
from deploy.verification.diff import Figures

# The better kind first, as `choose` ranks.
_KINDS: tuple[QualityKind, ...] = ("measured", "published", "agreement")


def gather(sources: Sources) -> Report:
    """Everything that was read, in the order in which it was named."""
    return _Gathering(sources).report()


class _Gathering:
    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._sessions = Sessions(sources.sessions)
        self._variants = 0
        self._artifacts = 0

    def report(self) -> Report:
        sources = self._sources
        groups = [self._sweep(path, choice) for path, choice in sources.choices]
        if rest := self._rest():
            groups.append(rest)
        names = [variant.name for group in groups for variant in group.variants]
        return Report(
            title=sources.title or (names[0] if len(names) == 1 else "Report"),
            groups=tuple(groups),
            devices=tuple(self._sessions.devices),
            emulated=tuple(
                on for _, results in sources.sessions.values() for on in results.emulated
            ),
            comparisons=tuple(
                (str(path), found) for path, found in (*self._compared(), *sources.comparisons)
            ),
            diffs=tuple((str(path), found) for path, found in sources.diffs),
            files=tuple((str(file.path), file.kind, file.sha256) for file in sources.files),
            notes=tuple(sources.notes),
            tool=f"mobile-deploy {deploy.__version__}",
        )

    def _compared(self) -> list[tuple[Path, PrintedComparison]]:
        """The bundles of each session with each other; not of a sweep, which its table compares."""
        swept = {
            os.path.realpath(path.parent / choice.device.results)
            for path, choice in self._sources.choices
            if choice.device and choice.device.results
        }
        return [one for one in self._sessions.comparisons if os.path.realpath(one[0]) not in swept]

    def _sweep(self, path: Path, choice: Choice) -> ShownGroup:
        key = f"g{1 + [known for known, _ in self._sources.choices].index(path)}"
        best = choice.recommended
        chosen = (best.variant, best.artifact) if best else None
        # Where its session is not there, what the choice says of it itself.
        told = not any(
            self._sessions.timings(variant.manifest_sha256, candidate.artifact)
            for variant in choice.variants
            for candidate in variant.candidates
        )
        variants = tuple(
            self._swept(choice, variant, chosen, told=told) for variant in choice.variants
        )
        keys = {
            (variant.name, artifact.name): artifact.key
            for variant in variants
            for artifact in variant.artifacts
        }
        limits = choice.limits
        device = choice.device
        return ShownGroup(
            key=key,
            title=path.resolve().parent.name,
            quality=choice.quality_by or _best_kind(variants),
            limits=ShownLimits(
                ms=limits.max_latency_ms,
                mb=limits.max_mb,
                macs=limits.max_macs,
                top1=limits.min_top1,
            ),
            is_sweep=True,
            reason=choice.reason,
            runners_up=tuple(
                keys[name]
                for one in choice.runners_up
                if (name := (one.variant, one.artifact)) in keys
            ),
            notes=choice.notes,
            failure=device.failure if device else None,
            variants=variants,
            devices=_devices(variants),
            chosen_on=self._sessions.of(path.parent / device.results)
            if device and device.results and not told
            else _devices(variants),
            facts=choice_facts(choice),
        )

    def _swept(
        self,
        choice: Choice,
        variant: SweptVariant,
        chosen: tuple[str, str] | None,
        *,
        told: bool,
    ) -> ShownVariant:
        id, device = variant.manifest_sha256, choice.device
        bundle = self._sources.bundles.get(id) if id else None
        made = {one.name: one for one in bundle.manifest.artifacts} if bundle else {}
        artifacts = []
        for one in variant.candidates:
            timings = self._sessions.timings(id, one.artifact)
            known = made.get(one.artifact)
            if told and device is not None and one.latencies:
                timings = self._sessions.told(device, one.latencies)
            artifacts.append(
                ShownArtifact(
                    key=self._artifact_key(),
                    name=one.artifact,
                    format=one.format,
                    precision=one.precision,
                    bytes=one.bytes,
                    sha256=one.sha256,
                    verified=one.verified,
                    unverified_reason=known.unverified_reason if known else None,
                    photos=one.photos,
                    agreement=one.agreement,
                    sqnr_db=_decibels(one),
                    in_float=one.heavy_in_float,
                    outside=one.outside,
                    runtime=_runtime(known.runtime) if known else None,
                    top1=one.top1,
                    timings=timings,
                    exceeds=one.exceeds,
                    frontier=one.frontier,
                    recommended=(variant.name, one.artifact) == chosen,
                )
            )
        return ShownVariant(
            key=self._variant_key(),
            name=variant.name,
            network=variant.network,
            width=variant.width,
            resolution=variant.resolution,
            params=variant.params,
            macs=variant.macs,
            state=variant.state,
            why=variant.why,
            weights=variant.weights,
            untrained=variant.state == "built" and variant.weights is None,
            warnings=variant.warnings,
            artifacts=tuple(artifacts),
            proofs=bundle.proofs if bundle else None,
            facts=(
                *([("untrained because", why)] if (why := variant.untrained_because) else []),
                *([("built in", f"{variant.seconds:.0f} s")] if variant.seconds else []),
                *(bundle_facts(bundle) if bundle else ()),
            ),
        )

    def _rest(self) -> ShownGroup | None:
        """Bundles of no sweep, and what sessions measured of bundles that are not here."""
        swept = {
            variant.manifest_sha256
            for _, choice in self._sources.choices
            for variant in choice.variants
        }
        bundles = [one for id, one in self._sources.bundles.items() if id not in swept]
        known = {bundle.id for bundle in bundles} | swept
        variants = [self._built(bundle) for bundle in bundles]
        variants += [
            self._measured(one) for id, one in self._sessions.bundles.items() if id not in known
        ]
        if not variants:
            return None
        return ShownGroup(
            key="g0",
            title="Bundles of no sweep" if self._sources.choices else "Bundles",
            quality=_best_kind(variants),
            is_sweep=False,
            notes=(
                "agreement tells an artifact from its own float network, and nothing of one "
                "network against another",
            )
            if bundles
            else (),
            variants=tuple(variants),
            devices=_devices(variants),
        )

    def _built(self, bundle: ReadBundle) -> ShownVariant:
        manifest = bundle.manifest
        network, folder = manifest.network, bundle.path.resolve().parent.name
        artifacts = []
        for one in manifest.artifacts:
            figures = Figures.of(one)
            artifacts.append(
                ShownArtifact(
                    key=self._artifact_key(),
                    name=one.name,
                    format=one.format,
                    precision=one.precision,
                    bytes=one.bytes,
                    sha256=one.sha256,
                    verified=one.verified,
                    unverified_reason=one.unverified_reason,
                    photos=one.measured.photos if one.measured else None,
                    agreement=figures.agreement,
                    sqnr_db=figures.sqnr_db,
                    in_float=figures.in_float,
                    outside=figures.outside,
                    runtime=_runtime(one.runtime),
                    timings=self._sessions.timings(bundle.id, one.name),
                )
            )
        return ShownVariant(
            key=self._variant_key(),
            name=folder,
            network=network.name,
            width=network.width,
            resolution=network.resolution,
            params=network.params,
            macs=network.macs,
            weights=manifest.weights.source,
            untrained=manifest.weights.source in ("none", "untrained"),
            artifacts=tuple(artifacts),
            proofs=bundle.proofs,
            facts=bundle_facts(bundle),
        )

    def _measured(self, bundle: MeasuredBundle) -> ShownVariant:
        """Of a bundle that only a session tells of."""
        return ShownVariant(
            key=self._variant_key(),
            name=bundle.label,
            network=bundle.network,
            width=_number(bundle.width),
            resolution=bundle.resolution,
            artifacts=tuple(
                ShownArtifact(
                    key=self._artifact_key(),
                    name=one.name,
                    format=one.format,
                    precision=one.precision,
                    bytes=one.bytes,
                    sha256=one.sha256,
                    timings=self._sessions.timings(bundle.id, one.name),
                )
                for one in bundle.artifacts
            ),
            facts=(("manifest.json, SHA-256", bundle.id),),
        )

    def _variant_key(self) -> str:
        self._variants += 1
        return f"v{self._variants}"

    def _artifact_key(self) -> str:
        self._artifacts += 1
        return f"a{self._artifacts}"


def _decibels(candidate: Candidate) -> float | None:
    """As `Figures` has it: inf where not one bit differs."""
    if candidate.agreement is not None and candidate.sqnr_db is None:
        return float("inf")
    return candidate.sqnr_db


def _best_kind(variants: Sequence[ShownVariant]) -> QualityKind | None:
    artifacts = [artifact for variant in variants for artifact in variant.artifacts]
    return next(
        (kind for kind in _KINDS if any(one.quality(kind) is not None for one in artifacts)), None
    )


def _devices(variants: Sequence[ShownVariant]) -> tuple[str, ...]:
    found = [
        timing.device
        for variant in variants
        for artifact in variant.artifacts
        for timing in artifact.timings
    ]
    return tuple(dict.fromkeys(found))


def _runtime(runtime: Runtime) -> str:
    return f"{runtime.name} {runtime.version}" + ("" if runtime.rule == "exact" else " or later")


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
