"""From bundles, records and a session to the Choice: every figure from where it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import deploy
from deploy.bundle.manifest import Artifact, Manifest, Tool
from deploy.bundle.open import read_manifest
from deploy.capture.spec import IMAGENET_CLASSES
from deploy.choosing.cost import is_of, published_top1
from deploy.choosing.decide import KIND_WORDS, Decision, Option, decide
from deploy.choosing.job import Labelled
from deploy.choosing.keys import versions_here
from deploy.choosing.latency import VIRTUAL, Measuring, SessionOutcome
from deploy.choosing.plan import Planned
from deploy.choosing.records import (
    CHOICE_VERSION,
    ArmLatency,
    Candidate,
    Choice,
    ChoiceLimits,
    ChosenCandidate,
    MeasuredOn,
    QualityKind,
    SweptVariant,
    TopOne,
    VariantRecord,
    line,
)
from deploy.choosing.sweep import Requirements
from deploy.pipeline.recipe import Target
from deploy.results.judge import ArmReport
from deploy.verification.diff import Figures

_RUNNERS_UP = 3


def assemble(
    planned: Sequence[Planned],
    records: Mapping[str, VariantRecord],
    session: SessionOutcome | None,
    *,
    folder: Path,
    limits: Requirements,
    measuring: Measuring,
    photos: str,
    labelled: Labelled | None,
) -> Choice:
    """All that is known of the variants, and what is recommended of them."""
    arms = session.arms if session else ()
    variants = [_variant(plan, records, arms, folder) for plan in planned]
    options = {
        _name(variant, candidate): _option(variant, candidate, plan.at_least_ms)
        for plan, variant in zip(planned, variants, strict=True)
        for candidate in variant.candidates
        if variant.state != "failed"
    }
    decision = decide(list(options.values()), limits)
    variants = [_judged(variant, decision) for variant in variants]
    chosen = {
        _name(variant, candidate): _chosen(variant, candidate, decision)
        for variant in variants
        for candidate in variant.candidates
    }
    ranked = [found for option in decision.ranked if (found := chosen[option.name]) is not None]
    reason = decision.reason
    if not ranked and not options:
        reason = f"{reason}: {next((v.why for v in variants if v.why), 'there is no variant')}"
    return Choice(
        schema_version=CHOICE_VERSION,
        tool=Tool(name="mobile-deploy", version=deploy.__version__),
        written=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=versions_here(),
        photos=photos,
        labelled=labelled.digest if labelled else None,
        limits=ChoiceLimits(**asdict(limits)),
        device=_measured_on(session, measuring, folder) if session else None,
        quality_by=decision.kind,
        recommended=ranked[0] if ranked else None,
        reason=line(reason),
        runners_up=tuple(ranked[1 : 1 + _RUNNERS_UP]),
        notes=tuple(map(line, _notes(variants, decision, session))),
        variants=tuple(variants),
    )


def _name(variant: SweptVariant, candidate: Candidate) -> str:
    return f"{variant.name} {candidate.artifact}"


def _variant(
    plan: Planned, records: Mapping[str, VariantRecord], arms: Sequence[ArmReport], folder: Path
) -> SweptVariant:
    record = records[plan.job.key] if plan.job else None
    built = plan.job is not None and record is not None and record.error is None
    manifest = read_manifest(plan.job.bundle) if built and plan.job else None
    error = record.error if record else plan.weights.error if plan.weights else None
    why = "over " + "; over ".join(plan.over) if plan.over else error
    source = plan.weights.source if plan.weights else None
    untrained = plan.weights.untrained_because if plan.weights else None
    warnings = [*record.warnings, *filter(None, [record.scores_error])] if record else []
    return SweptVariant(
        name=plan.variant.name,
        network=plan.variant.network,
        width=plan.variant.width,
        resolution=plan.variant.resolution,
        classes=plan.cost.classes,
        params=plan.cost.params,
        macs=plan.cost.macs,
        state="pruned" if plan.over else "built" if built else "failed",
        why=line(why) if why else None,
        weights=source.title if source else None,
        untrained_because=line(untrained) if untrained else None,
        key=plan.job.key if plan.job else None,
        bundle=plan.job.bundle.relative_to(folder).as_posix() if manifest and plan.job else None,
        manifest_sha256=record.manifest_sha256 if record else None,
        seconds=record.seconds if record else None,
        warnings=tuple(warnings),
        candidates=tuple(
            _candidate(plan, target, manifest, record, arms) for target in plan.targets
        ),
    )


def _candidate(
    plan: Planned,
    target: Target,
    manifest: Manifest | None,
    record: VariantRecord | None,
    arms: Sequence[ArmReport],
) -> Candidate:
    artifact = _artifact(manifest, target)
    figures = Figures.of(artifact) if artifact else None
    measured = artifact.measured if artifact else None
    return Candidate(
        artifact=target.name,
        format=target.format,
        precision=target.precision,
        least_bytes=plan.cost.least_bytes(target.precision),
        bytes=artifact.bytes if artifact else None,
        sha256=artifact.sha256 if artifact else None,
        verified=artifact.verified if artifact else None,
        photos=measured.photos if measured else None,
        agreement=measured.agreement if measured else None,
        sqnr_db=measured.sqnr_db if measured else None,
        heavy_in_float=figures.in_float if figures else None,
        outside=figures.outside if figures else None,
        top1=_top1(plan, target, record),
        latencies=tuple(
            _latency(arm)
            for arm in arms
            if record
            and arm.bundle.id == record.manifest_sha256
            and arm.arm.artifact == target.name
        ),
        exceeds=(),
        frontier=False,
    )


def _artifact(manifest: Manifest | None, target: Target) -> Artifact | None:
    artifacts = manifest.artifacts if manifest else ()
    return next((found for found in artifacts if found.name == target.name), None)


def _top1(plan: Planned, target: Target, record: VariantRecord | None) -> TopOne | None:
    """Measured where it was; else as published, for ImageNet's classes; else nothing."""
    scores = record.scores if record and plan.job and plan.job.labelled else None
    for score in scores.scores if scores else ():
        if scores and score.artifact == target.name:
            return TopOne(
                percent=score.top1,
                kind="measured",
                these_weights=True,
                source="the labelled photos",
                photos=scores.photos,
                low=score.low,
                high=score.high,
            )
    source = plan.weights.source if plan.weights else None
    published = published_top1(plan.variant, source)
    if published is None or plan.cost.classes != IMAGENET_CLASSES:
        return None
    return TopOne(
        percent=published.top1,
        kind="published",
        these_weights=source is not None
        and is_of(source, plan.variant)
        and source.top1 == published.top1,
        source=published.source,
        photos=None,
        low=None,
        high=None,
    )


def _latency(arm: ArmReport) -> ArmLatency:
    p50 = arm.summary.p50 if arm.summary else None
    interval = p50.interval if p50 else None
    return ArmLatency(
        threads=arm.arm.key.threads,
        p50_ms=p50.value / 1e6 if p50 else None,
        # Of a clock whose steps are as long as an inference the lower end is 0.
        low_ms=interval.low / 1e6 if interval and interval.low else None,
        high_ms=interval.high / 1e6 if interval else None,
        valid=arm.valid,
        reasons=tuple(map(line, arm.reasons)),
    )


def _option(
    variant: SweptVariant, candidate: Candidate, at_least_ms: Mapping[str, float]
) -> Option:
    quality: dict[QualityKind, float] = {}
    if candidate.top1 is not None:
        quality[candidate.top1.kind] = candidate.top1.percent
    if candidate.agreement is not None:
        quality["agreement"] = 100 * candidate.agreement
    return Option(
        name=_name(variant, candidate),
        built=candidate.bytes is not None,
        macs=variant.macs,
        megabytes=(candidate.bytes or candidate.least_bytes) / 1e6,
        latency_ms=at_least_ms.get(candidate.artifact, candidate.latency_ms),
        quality=quality,
    )


def _judged(variant: SweptVariant, decision: Decision) -> SweptVariant:
    """With what each candidate exceeds, and whether it is on the frontier."""
    candidates = []
    for candidate in variant.candidates:
        name = _name(variant, candidate)
        exceeds = tuple(line(str(excess)) for excess in decision.exceeds.get(name, ()))
        judged = {"exceeds": exceeds, "frontier": name in decision.frontier}
        candidates.append(candidate.model_copy(update=judged))
    return variant.model_copy(update={"candidates": tuple(candidates)})


def _chosen(
    variant: SweptVariant, candidate: Candidate, decision: Decision
) -> ChosenCandidate | None:
    """None for what has no figure to be chosen by."""
    quality = _option(variant, candidate, {}).quality
    if decision.kind is None or decision.kind not in quality or candidate.bytes is None:
        return None
    return ChosenCandidate(
        variant=variant.name,
        artifact=candidate.artifact,
        quality=quality[decision.kind],
        latency_ms=candidate.latency_ms,
        macs=variant.macs,
        bytes=candidate.bytes,
    )


def _measured_on(session: SessionOutcome, measuring: Measuring, folder: Path) -> MeasuredOn:
    device = session.device
    return MeasuredOn(
        asked=line(measuring.device),
        results=session.path.relative_to(folder).as_posix() if session.path else None,
        model=device.model if device else None,
        kind=device.kind if device else None,
        virtual=device.virtual if device else measuring.device == VIRTUAL,
        failure=line(session.failure) if session.failure else None,
    )


def _notes(
    variants: Sequence[SweptVariant], decision: Decision, session: SessionOutcome | None
) -> Iterator[str]:
    built = [variant for variant in variants if variant.state == "built"]
    untrained = [variant for variant in built if variant.weights is None]
    if untrained:
        yield (
            f"{len(untrained)} of {len(built)} variants are untrained: their cost, size and "
            "latency are those of trained ones, their answers and agreement are not"
        )
    tops = [one.top1 for variant in built for one in variant.candidates if one.top1]
    if decision.kind == "measured":
        photos = max(top1.photos or 0 for top1 in tops)
        yield (
            f"measured top-1 is of {photos} photos: artifacts whose 95 % intervals (choice.json) "
            "overlap cannot be told apart"
        )
    if decision.kind == "published":
        yield (
            "published top-1 is of the float network at that width and resolution with the "
            "publisher's weights: int8 loses what its agreement says"
        )
    if decision.kind == "agreement":
        yield (
            "no top-1 is known of what is within the limits: agreement tells int8 from float, "
            "and nothing of one network against another"
        )
    if decision.unranked and decision.kind:
        yield (
            f"{len(decision.unranked)} artifacts within the limits have no "
            f"{KIND_WORDS[decision.kind]} and are not ranked"
        )
    device = session.device if session else None
    if device is not None and device.virtual:
        yield "latency is of a virtual phone: made up, and of no phone"
    elif device is not None and device.kind == "host":
        yield "latency is of this computer, and of no phone"
