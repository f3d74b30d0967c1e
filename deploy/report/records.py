"""What is read of files that have no record of their own elsewhere: of strangers, so checked."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from deploy.backends import RunnerName
from deploy.bundle.fields import Count, Line, PositiveFloat

Share = Annotated[float, Field(ge=0, le=1)]
# What a command printed may be longer than a line of a manifest.
Text = Annotated[str, Field(max_length=4000)]


class Printed(BaseModel):
    """Of what a command prints, what is shown; other fields may come and go."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", allow_inf_nan=False)


class Bounds(Printed):
    low: float
    high: float


class PrintedKey(Printed):
    network: Line
    format: Line
    precision: Line
    runner: RunnerName
    threads: Count | None
    cores: Line | None


class ComparedArm(Printed):
    """An arm of `compare --json`. `ratio` is the time of B over that of A. Older files
    do not say whether both are `valid`, and the `smallest` difference that would have been told."""

    device: Line
    model: Line
    key: PrintedKey
    a: Line
    b: Line
    together: bool
    valid: bool = True
    ratio: PositiveFloat
    interval: Bounds | None
    p_value: Share
    verdict: Line
    remedy: Line | None
    smallest: float | None = None


class ComparedCounts(Printed):
    """Instructions of an artifact on an emulated processor, in A and in B."""

    processor: Line
    artifact: Line
    a: Count
    b: Count
    ratio: Annotated[float, Field(ge=0)]


class PrintedComparison(Printed):
    """`compare --json`."""

    arms: tuple[ComparedArm, ...]
    instructions: tuple[ComparedCounts, ...] = ()
    missing: tuple[Text, ...]
    notes: tuple[Text, ...]


class PrintedFigures(Printed):
    bytes: Count
    sqnr_db: float | None
    agreement: Share | None
    in_float: Count
    outside: Count
    exact: bool = False


class ComparedArtifact(Printed):
    name: Line
    old: PrintedFigures | None
    new: PrintedFigures | None


class PrintedChange(Printed):
    """A field of two manifests that differs; its values are whatever JSON holds."""

    field: Line
    old: object
    new: object
    interface: bool


class ProvedGate(Printed):
    """A gate put to an artifact. `artifact` is there where several are in one list."""

    gate: Text
    measured: Text
    required: Text
    passed: bool
    artifact: Line | None = None


class PrintedDiff(Printed):
    """`diff --json`."""

    old: Text
    new: Text
    artifacts: tuple[ComparedArtifact, ...]
    changes: tuple[PrintedChange, ...]
    notes: tuple[Text, ...]
    checks: tuple[ProvedGate, ...]


class ProvedFigures(Printed):
    sqnr_db: float | None


class ProvedArtifact(Printed):
    """`own_program_against_float`: of the torch program that a quantized one was made from."""

    own_program_against_float: ProvedFigures | None
    checks: tuple[ProvedGate, ...]


class ProvedElsewhere(Printed):
    """An artifact on an emulated processor."""

    artifact: Line
    processor: Line
    equal_to_this_computer: bool | None
    unproved: Text | None
    checks: tuple[ProvedGate, ...]


class CountedLayer(Printed):
    """A layer in the order in which they run; see `models.cost_records.Layer`."""

    name: Text
    kind: Line
    input: tuple[Count, ...]
    output: tuple[Count, ...]
    params: Count
    macs: Count


class HurtPart(Printed):
    """A part of the network in int8, with its share of all the error that int8 adds."""

    layer: Line
    kind: Line
    operator: Line
    share: Share
    in_float: bool


class Verification(Printed):
    """verification.json of a bundle; older ones have neither layers nor parts."""

    artifacts: dict[str, ProvedArtifact] = {}
    emulated: tuple[ProvedElsewhere, ...] = ()
    layers: tuple[CountedLayer, ...] = ()
    int8_parts: tuple[HurtPart, ...] = ()
