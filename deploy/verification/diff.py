"""What has changed from one bundle to another, by their manifests alone: a gate for pull requests.

No photo and no runtime is needed: each manifest has the figures that were measured when its
bundle was built.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.bundle.manifest import QUANTIZED, Artifact, Manifest
from deploy.verification.gates import Check

# Of an artifact, what an app is written for: where it changes, the app must follow.
_INTERFACE = {"format", "precision", "runtime", "input", "output"}
_APPS_DO_NOT_CARE = ("network", "weights", "tool", "toolkits")


@dataclass(frozen=True, kw_only=True)
class Figures:
    """An artifact in figures. `sqnr_db` and `agreement` (0 to 1) are against its own float
    network, None where it was not measured; `sqnr_db` is inf where not one bit differs. `in_float`
    counts heavy operators of a quantized artifact, `outside` those that its backend leaves to
    portable kernels."""

    bytes: int
    sqnr_db: float | None
    agreement: float | None
    in_float: int
    outside: int

    @classmethod
    def of(cls, artifact: Artifact) -> Figures:
        measured, operators = artifact.measured, artifact.operators
        exact = measured is not None and measured.sqnr_db is None
        quantized = artifact.precision in QUANTIZED
        return cls(
            bytes=artifact.bytes,
            sqnr_db=float("inf") if exact else measured.sqnr_db if measured else None,
            agreement=measured.agreement if measured else None,
            in_float=sum(operators.heavy_in_float().values()) if quantized else 0,
            outside=sum(operators.outside.values()),
        )


@dataclass(frozen=True, kw_only=True)
class ArtifactDiff:
    """One artifact in both bundles; None on the side where there is none of its name."""

    name: str
    old: Figures | None
    new: Figures | None

    @property
    def growth(self) -> float | None:
        """By which share of its old size it grew."""
        return self.new.bytes / self.old.bytes - 1 if self.old and self.new else None


@dataclass(frozen=True, kw_only=True)
class Change:
    """A field of the manifest that says another thing; None where it is not there.

    `interface` tells whether an app has to follow.
    """

    field: str
    old: object
    new: object
    interface: bool


@dataclass(frozen=True, kw_only=True)
class BundleDiff:
    """`notes` are what a reader of the figures must know."""

    artifacts: tuple[ArtifactDiff, ...]
    changes: tuple[Change, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What may come of a change; None is no limit.

    `mb_growth` in percent of the old size; `min_db` and `db_loss` in dB; `min_agreement` 0 to 1;
    `in_float` and `outside` are the most of such operators in any artifact. `same_interface` is
    for apps that are out already.
    """

    mb_growth: float | None = None
    min_db: float | None = None
    db_loss: float | None = None
    min_agreement: float | None = None
    in_float: int | None = None
    outside: int | None = None
    same_interface: bool = False


def diff(old: Manifest, new: Manifest) -> BundleDiff:
    """Compare two manifests: the figures of each artifact, and what else the two say otherwise.

    Left out are hashes of artifacts and golden files, which are others after any change.
    """
    before = {artifact.name: artifact for artifact in old.artifacts}
    after = {artifact.name: artifact for artifact in new.artifacts}
    return BundleDiff(
        artifacts=tuple(
            ArtifactDiff(
                name=name,
                old=Figures.of(before[name]) if name in before else None,
                new=Figures.of(after[name]) if name in after else None,
            )
            for name in dict.fromkeys([*before, *after])
        ),
        changes=tuple(_changes(old, new)),
        notes=tuple(_notes(old, new)),
    )


def judge_diff(found: BundleDiff, limits: Limits) -> list[Check]:
    """The checks that `limits` ask for, to be given to `gates.require`.

    With any limit, an artifact of the old bundle that the new one lacks fails. What is only in the
    new one has to keep the absolute limits.
    """
    if limits == Limits():
        return []
    checks = []
    for artifact in found.artifacts:
        if artifact.new is None:
            checks.append(_check(artifact.name, "in the new bundle", "missing", "there", False))
        else:
            checks += _judge_figures(artifact, artifact.new, limits)
    if limits.same_interface:
        changed = [change.field for change in found.changes if change.interface]
        measured = ", ".join(changed) or "nothing changed"
        gate = "what apps rely on"
        checks.append(_check("the new bundle", gate, measured, "nothing changed", not changed))
    return checks


def _judge_figures(artifact: ArtifactDiff, new: Figures, limits: Limits) -> Iterator[Check]:
    name, old, growth = artifact.name, artifact.old, artifact.growth
    if limits.mb_growth is not None and growth is not None:
        passed = 100 * growth <= limits.mb_growth
        measured, most = f"{100 * growth:+.1f} %", f"<= {limits.mb_growth:+g} %"
        yield _check(name, "growth in size", measured, most, passed)
    if limits.min_db is not None:
        yield _at_least(name, "dB", new.sqnr_db, limits.min_db)
    if limits.db_loss is not None and old is not None and old.sqnr_db is not None:
        yield _at_least(name, "dB", new.sqnr_db, old.sqnr_db - limits.db_loss)
    if limits.min_agreement is not None:
        yield _at_least(name, "agreement", new.agreement, limits.min_agreement)
    if limits.in_float is not None:
        yield _at_most(name, "heavy operators in float", new.in_float, limits.in_float)
    if limits.outside is not None:
        yield _at_most(name, "operators outside the backend", new.outside, limits.outside)


def _at_least(name: str, gate: str, value: float | None, least: float) -> Check:
    measured = "not measured" if value is None else f"{value:.4g}"
    return _check(name, gate, measured, f">= {least:.4g}", value is not None and value >= least)


def _at_most(name: str, gate: str, value: int, most: int) -> Check:
    return _check(name, gate, str(value), f"<= {most}", value <= most)


def _check(name: str, gate: str, measured: str, required: str, passed: bool) -> Check:
    return Check(artifact=name, gate=gate, measured=measured, required=required, passed=passed)


def _changes(old: Manifest, new: Manifest) -> Iterator[Change]:
    in_both = {one.name for one in old.artifacts} & {one.name for one in new.artifacts}
    before, after = _facts(old, in_both), _facts(new, in_both)
    for field in dict.fromkeys([*before, *after]):
        if before.get(field) != after.get(field):
            yield Change(
                field=field,
                old=before.get(field),
                new=after.get(field),
                interface=_is_interface(field),
            )


def _facts(manifest: Manifest, artifacts: Container[str]) -> dict[str, object]:
    """What two builds of one network have in common, by the paths of fields."""
    facts: dict[str, object] = {}
    for part in (*_APPS_DO_NOT_CARE, "input", "labels"):
        value = getattr(manifest, part)
        facts |= _flat(part, value if isinstance(value, Mapping) else value.model_dump())
    for artifact in manifest.artifacts:
        if artifact.name in artifacts:
            for field, value in artifact.model_dump(include=_INTERFACE).items():
                path = f"{artifact.name}.{field}"
                facts |= _flat(path, value) if isinstance(value, Mapping) else {path: value}
    return facts


def _flat(path: str, value: Mapping[str, Any]) -> dict[str, object]:
    return {f"{path}.{name}": held for name, held in value.items()}


def _is_interface(field: str) -> bool:
    return field == "network.classes" or field.partition(".")[0] not in _APPS_DO_NOT_CARE


def _notes(old: Manifest, new: Manifest) -> Iterator[str]:
    if old.network.name != new.network.name:
        yield (
            f"{old.network.name} and {new.network.name} are two networks: dB and agreement of "
            "each are against its own float network"
        )
    if _judged_on(old) != _judged_on(new):
        yield (
            f"dB and agreement are of other photos ({_crops(old)}; {_crops(new)}): small "
            "differences may be the photos'"
        )


def _judged_on(manifest: Manifest) -> tuple[object, ...]:
    calibration = manifest.calibration
    return calibration.held_back_source, calibration.held_back_samples, calibration.digest


def _crops(manifest: Manifest) -> str:
    calibration = manifest.calibration
    source = calibration.held_back_source.replace("folder", "a folder")
    return f"{calibration.held_back_samples} crops of {source}"
