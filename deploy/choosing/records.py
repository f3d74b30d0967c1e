"""choice.json: what a sweep found, and what it recommends; and the record beside each bundle.

`python -m deploy.choosing.records` prints the JSON Schema kept in docs/schema/choice.schema.json.
"""

from __future__ import annotations

import sys
from typing import Annotated, Literal

from pydantic import Field

from deploy.backends import Precision
from deploy.bundle.fields import (
    Count,
    Line,
    Name,
    Positive,
    PositiveFloat,
    Record,
    RelativeFile,
    Sha256,
    Size,
    Versions,
)
from deploy.bundle.manifest import Format, Tool
from deploy.support.json_text import json_text

CHOICE_VERSION = 1
VARIANT_VERSION = 1

Percent = Annotated[float, Field(ge=0, le=100)]
Fraction = Annotated[float, Field(ge=0, le=1)]
# What tells one candidate's quality from another's, the better kind first.
QualityKind = Literal["measured", "published", "agreement"]

_LONGEST_LINE = 1000


def line(text: str) -> str:
    """An error's or a warning's text, as a Line takes it: they quote what strangers wrote."""
    shown = "".join(character if character.isprintable() else " " for character in text.strip())
    return shown[:_LONGEST_LINE] or "?"


class ScoredArtifact(Record):
    """An artifact's top-1 on the labelled photos, with its 95 % interval."""

    artifact: Name = Field(description="As in the bundle's manifest.")
    top1: Percent = Field(description="Percent of the photos.")
    low: Percent = Field(description="Lower end of the interval.")
    high: Percent = Field(description="Upper end of the interval.")


class LabelledScores(Record):
    """What a bundle did on a folder of labelled photos."""

    labelled: Sha256 = Field(description="Digest of the folder.")
    photos: Positive = Field(description="Number of photos that could be read.")
    scores: tuple[ScoredArtifact, ...] = Field(description="One for each verified artifact.")


class VariantRecord(Record):
    """What became of building one variant: variants/KEY/record.json, beside its bundle."""

    schema_version: int = Field(ge=1, description="Readers refuse a newer one than they know.")
    name: Line = Field(description="Such as mobilenet_v2:0.5@160.")
    manifest_sha256: Sha256 | None = Field(
        description="Of the bundle's manifest.json; null where the build failed."
    )
    error: Line | None = Field(description="Why there is no bundle; null where there is one.")
    seconds: Annotated[float, Field(ge=0)] = Field(description="How long the build took.")
    warnings: tuple[Line, ...] = Field(description="What the build warned of.")
    scores: LabelledScores | None = Field(description="Accuracy, where it was measured.")
    scores_error: Line | None = Field(description="Why accuracy could not be measured.")


class TopOne(Record):
    """Top-1 of an artifact. A published one is of the float network of that width and resolution
    with the publisher's weights; `these_weights` says whether those are what was built."""

    percent: Percent = Field(description="Top-1 in percent.")
    kind: Literal["measured", "published"] = Field(
        description="measured: this artifact, on the labelled photos; published: by `source`."
    )
    these_weights: bool = Field(description="Whether it is of the weights that were built.")
    source: Line = Field(description="Who states it, or which photos it was measured on.")
    photos: Positive | None = Field(description="Number of photos; null where published.")
    low: Percent | None = Field(description="Lower end of the 95 % interval; null where published.")
    high: Percent | None = Field(description="Upper end; null where published.")


class ArmLatency(Record):
    """An artifact with a number of threads on the device."""

    threads: Count | None = Field(description="0: the runtime's own choice; null: not settable.")
    p50_ms: PositiveFloat | None = Field(description="Median of an inference; null: no figure.")
    low_ms: PositiveFloat | None = Field(description="Lower end of its 95 % interval.")
    high_ms: PositiveFloat | None = Field(description="Upper end of its 95 % interval.")
    valid: bool = Field(description="The harness's verdict.")
    reasons: tuple[Line, ...] = Field(description="Why it is INVALID; empty where it is VALID.")


class Candidate(Record):
    """An artifact that can be chosen. What is null was not measured, or is not known."""

    artifact: Name = Field(description="Such as onnx-int8.")
    format: Format = Field(description="Of the artifact.")
    precision: Precision = Field(description="Of the artifact.")
    least_bytes: Count = Field(description="Bytes of its weights alone, known before it is built.")
    bytes: Positive | None = Field(description="Size; null where it was not built.")
    sha256: Sha256 | None = Field(description="As in the manifest.")
    verified: bool | None = Field(description="Whether it passed every gate.")
    photos: Positive | None = Field(description="Held-back inputs that agreement and dB are of.")
    agreement: Fraction | None = Field(description="Share with the float network's top class.")
    sqnr_db: float | None = Field(description="Signal to error; null too where no bit differs.")
    heavy_in_float: Count | None = Field(description="Heavy operators that run in float.")
    outside: Count | None = Field(description="Operators outside the delegate.")
    top1: TopOne | None = Field(description="The best that is known of its accuracy.")
    latencies: tuple[ArmLatency, ...] = Field(description="One for each number of threads.")
    exceeds: tuple[Line, ...] = Field(description="The limits it is not within, with its figure.")
    frontier: bool = Field(description="No other is as good in all respects and better in one.")

    @property
    def latency_ms(self) -> float | None:
        """The lowest that can be believed, whatever the number of threads."""
        return min((arm.p50_ms for arm in self.latencies if arm.valid and arm.p50_ms), default=None)


class SweptVariant(Record):
    """A network at a width and a resolution: a bundle with a candidate for each target."""

    name: Line = Field(description="Such as mobilenet_v2:0.5@160.")
    network: Line = Field(description="Name in the registry.")
    width: PositiveFloat = Field(description="Width multiplier.")
    resolution: Size = Field(description="Height and width of the input.")
    classes: Positive = Field(description="Length of the output.")
    params: Count = Field(description="Number of trained parameters.")
    macs: Count = Field(description="Multiply-accumulates for one input.")
    state: Literal["built", "failed", "pruned"] = Field(
        description="pruned: not built, since no candidate can be within the limits."
    )
    why: Line | None = Field(description="Why it failed or was pruned; null where it was built.")
    weights: Line | None = Field(description="Name of the published weights; null: untrained.")
    untrained_because: Line | None = Field(description="Why it is untrained; null where it is not.")
    key: Name | None = Field(description="Names its folder; null where it was not to be built.")
    bundle: RelativeFile | None = Field(description="Its bundle, from the folder of choice.json.")
    manifest_sha256: Sha256 | None = Field(description="`id` of the bundle in results.json.")
    seconds: Annotated[float, Field(ge=0)] | None = Field(description="That its build took.")
    warnings: tuple[Line, ...] = Field(description="Of its build and of its evaluation.")
    candidates: tuple[Candidate, ...] = Field(description="One for each target.")


class ChoiceLimits(Record):
    """What was asked of the choice; null is no limit."""

    max_latency_ms: PositiveFloat | None = Field(description="VALID p50 of an inference.")
    max_mb: PositiveFloat | None = Field(description="Size in 10^6 bytes.")
    max_macs: PositiveFloat | None = Field(description="Multiply-accumulates of an inference.")
    min_top1: Percent | None = Field(description="Top-1 in percent.")


class ChosenCandidate(Record):
    """A candidate by name, with the figures it was chosen by."""

    variant: Line = Field(description="Name of the variant.")
    artifact: Name = Field(description="Name of the artifact in its bundle.")
    quality: Percent = Field(description="In percent, of the kind that the choice was made by.")
    latency_ms: PositiveFloat | None = Field(description="Lowest VALID p50; null: not measured.")
    macs: Count = Field(description="Multiply-accumulates for one input.")
    bytes: Positive = Field(description="Size.")


class MeasuredOn(Record):
    """Where latency was measured."""

    asked: Line = Field(description="host, virtual or a serial.")
    results: RelativeFile | None = Field(description="results.json, from choice.json's folder.")
    model: Line | None = Field(description="What the device is called.")
    kind: Literal["android", "ios", "host"] | None = Field(description="host: a computer.")
    virtual: bool | None = Field(description="A virtual phone: its times are of no phone.")
    failure: Line | None = Field(description="What ended it early; null where nothing did.")


class Choice(Record):
    """The whole of a sweep, for whoever shows it."""

    schema_version: int = Field(ge=1, description="Readers refuse a newer one than they know.")
    tool: Tool = Field(description="What wrote the file.")
    written: Line = Field(description="ISO 8601, UTC.")
    versions: Versions = Field(description="Of this tool and the toolkits, by name.")
    photos: Sha256 = Field(description="Digest of the photos that calibrate and judge.")
    labelled: Sha256 | None = Field(description="Digest of the labelled photos; null without any.")
    limits: ChoiceLimits = Field(description="What was asked for.")
    device: MeasuredOn | None = Field(description="null: latency was not asked for.")
    quality_by: QualityKind | None = Field(
        description="What the candidates within the limits were ranked by; null: none was."
    )
    recommended: ChosenCandidate | None = Field(description="null: nothing is within the limits.")
    reason: Line = Field(description="Why this one, or what excludes all and the nearest one.")
    runners_up: tuple[ChosenCandidate, ...] = Field(description="The next ones, best first.")
    notes: tuple[Line, ...] = Field(description="What a reader of the figures must know.")
    variants: tuple[SweptVariant, ...] = Field(description="In the order they were asked for.")


if __name__ == "__main__":
    sys.stdout.write(json_text(Choice.json_schema()))
