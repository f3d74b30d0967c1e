"""How figures and names are written in a report."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from deploy.choosing.records import QualityKind
from deploy.report.model import Origin, ShownArtifact, ShownDevice, ShownTiming, ShownVariant
from deploy.report.records import ComparedArm, ComparedArtifact
from deploy.results.words import threads_text

QUALITY: dict[QualityKind, str] = {
    "measured": "top-1 measured, %",
    "published": "top-1 published, %",
    "agreement": "agreement with float, %",
}
NOTHING = "-"
_LONGEST_VALUE = 80


def origin_words(device: ShownDevice) -> str | None:
    """What a picture of its figures has to say; None of a phone."""
    of: dict[Origin, str | None] = {
        "virtual": "VIRTUAL PHONE: these times are made up",
        "host": f"COMPUTER, no phone: {device.model[:40]}",
        "phone": None,
    }
    return of[device.origin]


def short_network(name: str) -> str:
    """
    >>> short_network("mobilenet_v3_small"), short_network("my_nets.py:make_net")
    ('V3-Small', 'my_nets.py:make_net')
    """
    known = name.removeprefix("mobilenet_")
    return "-".join(part.capitalize() for part in known.split("_")) if known != name else name


def recipe(variant: ShownVariant) -> str:
    """Such as V2 0.5@160."""
    width = "" if variant.width is None else f" {variant.width:g}"
    return f"{short_network(variant.network)}{width}@{size(variant.resolution)}"


def size(resolution: tuple[int, int]) -> str:
    """
    >>> size((160, 160)), size((160, 224))
    ('160', '160x224')
    """
    return "x".join(map(str, dict.fromkeys(resolution)))


def shape(sides: tuple[int, ...]) -> str:
    return "x".join(map(str, sides)) or NOTHING


def megabytes(count: int | None) -> str:
    """
    >>> megabytes(5_043_680), megabytes(None)
    ('5.04', '-')
    """
    return NOTHING if count is None else f"{count / 1e6:.2f}"


def milliseconds(value: float | None) -> str:
    """
    >>> milliseconds(3.4567), milliseconds(0.7714), milliseconds(123.4)
    ('3.46', '0.771', '123')
    """
    if value is None:
        return NOTHING
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def interval(timing: ShownTiming) -> str:
    if timing.low is None or timing.high is None:
        return NOTHING
    return f"{milliseconds(timing.low)}-{milliseconds(timing.high)}"


def decibels(value: float | None) -> str:
    """
    >>> decibels(43.21), decibels(float("inf")), decibels(None)
    ('43.2', 'exact', '-')
    """
    if value is None:
        return NOTHING
    return "exact" if math.isinf(value) else f"{value:.1f}"


def percent(share: float | None) -> str:
    """
    >>> percent(0.9333), percent(None)
    ('93.3', '-')
    """
    return NOTHING if share is None else f"{100 * share:.1f}"


def count(number: int | None) -> str:
    """
    >>> count(300_774_272), count(99_600_000), count(3_504_872), count(864), count(None)
    ('301 M', '100 M', '3.5 M', '864', '-')
    """
    if number is None:
        return NOTHING
    for scale, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= scale:
            value = number / scale
            return f"{value:.0f} {letter}" if value >= 99.5 else f"{value:.2g} {letter}"
    return str(number)


def counted(number: int, what: str) -> str:
    """
    >>> counted(1, "variant"), counted(3, "change of a bundle")
    ('1 variant', '3 changes of a bundle')
    """
    noun, space, rest = what.partition(" ")
    return f"{number} {noun}{'' if number == 1 else 's'}{space}{rest}"


def top1(artifact: ShownArtifact) -> str:
    """Its letters are explained below the table."""
    known = artifact.top1
    return NOTHING if known is None else f"{known.percent:.1f}"


def arm_words(timing: ShownTiming) -> str:
    """
    >>> arm_words(ShownTiming(device="d1", threads=2, cores="big", runtime=None, p50=1.0, low=None,
    ...     high=None, valid=True, reasons=()))
    '2 threads, cores big'
    """
    threads = [] if timing.threads is None else [threads_text(timing.threads)]
    return ", ".join([*threads, *([f"cores {timing.cores}"] if timing.cores else [])])


def threads_after(threads: int | None) -> str:
    return "" if threads is None else f", {threads_text(threads)}"


def comparison(arm: ComparedArm) -> str:
    """What B is to A, with what that is not to be read without."""
    remark = arm.remedy if arm.valid else "of an INVALID one"
    if remark is None and arm.verdict == "no difference" and arm.smallest is not None:
        remark = f"{100 * arm.smallest:.1f} % would show"
    return f"{arm.verdict} ({remark})" if remark else arm.verdict


def mark(device: ShownDevice) -> str:
    """After a name or a unit: whose figures these are, where they are of no phone."""
    return {"virtual": " (virtual)", "host": " (computer)", "phone": ""}[device.origin]


@dataclass(frozen=True, kw_only=True)
class Remark:
    """Something to know of an artifact before it is chosen. `kind` is a class of the style."""

    kind: str
    short: str
    full: str


def remarks(artifact: ShownArtifact, devices: Sequence[str]) -> Iterator[Remark]:
    """In the order in which they matter."""
    if artifact.recommended:
        yield Remark(kind="recommended", short="recommended", full="the best within the limits")
    elif artifact.frontier:
        yield Remark(
            kind="frontier",
            short="frontier",
            full="no other is as good in all respects and better in one",
        )
    best = [timing for key in devices if (timing := artifact.fastest(key)) is not None]
    invalid = [timing for timing in best if not timing.valid]
    for text in artifact.exceeds:
        if not (invalid and "no VALID" in text):
            yield Remark(kind="over", short=_over(text), full=text)
    if artifact.verified is False:
        yield Remark(
            kind="invalid", short="not verified", full=artifact.unverified_reason or "not verified"
        )
    for key in devices:
        asked = [timing for timing in artifact.timings if timing.device == key]
        if asked and artifact.fastest(key) is None:
            reasons = "; ".join(reason for timing in asked for reason in timing.reasons)
            yield Remark(kind="invalid", short="INVALID: no figures", full=reasons)
    for timing in invalid:
        short = f"INVALID: {timing.reasons[0].partition(':')[0]}"
        yield Remark(kind="invalid", short=short[:40], full="; ".join(timing.reasons))


def _over(text: str) -> str:
    """
    >>> _over("--max-mb 4: 5.04 MB"), _over("--min-top1 60: no top-1 is known")
    ('over 4 MB', 'under 60 %')
    """
    option, _, rest = text.partition(" ")
    limit = rest.partition(":")[0]
    shown = {
        "--max-latency-ms": f"over {limit} ms",
        "--max-mb": f"over {limit} MB",
        "--max-macs": f"over {limit} MACs",
        "--min-top1": f"under {limit} %",
    }
    return "no VALID latency" if "no VALID" in text else shown.get(option, text[:40])


def change_cells(artifact: ComparedArtifact) -> Iterator[str]:
    """Before and after: MB, dB, agreement, operators in float and outside the delegate."""
    sides = [side for side in (artifact.old, artifact.new) if side is not None]
    cells = [
        (
            megabytes(side.bytes),
            "exact" if side.exact else decibels(side.sqnr_db),
            percent(side.agreement),
            str(side.in_float),
            str(side.outside),
        )
        for side in sides
    ]
    for column in zip(*cells, strict=True):
        yield " → ".join(dict.fromkeys(column))


def value(held: object) -> str:
    """A value of a manifest, cut to a length that can be read."""
    if held is None:
        return "none"
    text = held if isinstance(held, str) else json.dumps(held)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
