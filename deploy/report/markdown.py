"""The report for a pull request's comment: GitHub's Markdown, without pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from deploy.report import words
from deploy.report.model import Report, ShownArtifact, ShownGroup, ShownVariant
from deploy.support.markdown import escaped, table_lines

# GitHub takes comments of 65,536 characters: of a large sweep the rest is on the page.
_MOST_ROWS = 60
_LEGEND = (
    "dB, agree: against the float network, on photos held back. top-1: p published, u built "
    "untrained. !: INVALID."
)


def markdown(report: Report) -> str:
    """All groups as tables, the recommendation first; then comparisons and changes."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield f"### {escaped(report.title)}"
    yield from _notes(report.notes)
    for group in report.groups:
        yield from _group(report, group, several=len(report.groups) > 1)
    for path, found in report.comparisons:
        yield from ("", f"#### Compared: {escaped(path)}", "")
        yield from _table(
            ("arm", "A", "B", "B/A", "95 %", "B is"),
            [
                (
                    f"{arm.key.format}-{arm.key.precision}{words.threads_after(arm.key.threads)}",
                    arm.a,
                    arm.b,
                    f"{arm.ratio:.3f}",
                    f"{arm.interval.low:.3f}-{arm.interval.high:.3f}" if arm.interval else "-",
                    words.comparison(arm),
                )
                for arm in found.arms
            ],
            left=3,
        )
        if found.arms and found.instructions:
            yield ""
        yield from _table(
            ("instructions of", "processor", "A", "B", "B/A"),
            [
                (
                    one.artifact,
                    f"{one.processor} (emulated)",
                    words.count(one.a),
                    words.count(one.b),
                    f"{one.ratio:.3f}",
                )
                for one in found.instructions
            ],
            left=2,
        )
        yield from _notes((*found.missing, *found.notes))
    for _, changed in report.diffs:
        yield from ("", f"#### Changed: {escaped(changed.old)} → {escaped(changed.new)}", "")
        yield from _table(
            ("artifact", "MB", "dB", "agreement %", "in float", "outside"),
            [(one.name, *words.change_cells(one)) for one in changed.artifacts],
        )
        yield from _notes(
            [
                *(
                    f"FAILS: {check.artifact or ''} {check.gate}: {check.measured}, required "
                    f"{check.required}"
                    for check in changed.checks
                    if not check.passed
                ),
                *(
                    f"{change.field}: {words.value(change.old)} → {words.value(change.new)}"
                    for change in changed.changes
                ),
                *changed.notes,
            ]
        )
    yield from ("", f"By {escaped(report.tool)} report.")


def _group(report: Report, group: ShownGroup, *, several: bool) -> Iterator[str]:
    yield ""
    if several:
        yield from (f"#### {escaped(group.title)}", "")
    if group.best is not None:
        variant, artifact = group.best
        yield f"**Recommended: {escaped(f'{variant.name} {artifact.name}')}**"
        yield f"({escaped(group.reason or '')})"
        yield ""
    elif group.is_sweep:
        yield from (f"**Nothing is recommended**: {escaped(group.reason or '')}", "")
    devices = [report.device(key) for key in group.devices]
    rows = group.ranked()
    yield from _table(
        (
            "variant",
            "artifact",
            "MB",
            *(f"ms, {device.model[:40]}{words.mark(device)}" for device in devices),
            "dB",
            "agree %",
            "top-1 %",
            "verdict",
        ),
        [_row(group, variant, artifact) for variant, artifact in rows[:_MOST_ROWS]],
        left=2,
    )
    if rows:
        yield from ("", _LEGEND)
    if len(rows) > _MOST_ROWS:
        yield from ("", f"And {len(rows) - _MOST_ROWS} more, which are on the page.")
    unbuilt = [
        f"{variant.name}: {variant.state}: {variant.why or ''}"
        for variant in group.variants
        if variant.state != "built"
    ]
    failure = [f"not measured to the end: {group.failure}"] if group.failure else []
    yield from _notes([*failure, *group.notes, *unbuilt[:_MOST_ROWS]])


def _row(group: ShownGroup, variant: ShownVariant, artifact: ShownArtifact) -> tuple[str, ...]:
    times = []
    for key in group.devices:
        timing = artifact.fastest(key)
        mark = "" if timing is None or timing.valid else "!"
        times.append(words.milliseconds(timing.p50 if timing else None) + mark)
    top1 = words.top1(artifact)
    if artifact.top1 is not None and artifact.top1.kind == "published":
        top1 += " p"
    return (
        variant.name,
        artifact.name,
        words.megabytes(artifact.bytes),
        *times,
        words.decibels(artifact.sqnr_db),
        words.percent(artifact.agreement),
        f"{top1} u" if variant.untrained else top1,
        ", ".join(one.short for one in words.remarks(artifact, group.devices)),
    )


def _table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1
) -> Iterator[str]:
    if rows:
        to_left = {*range(left), *(n for n, name in enumerate(columns) if name == "verdict")}
        yield from table_lines(columns, rows, to_left)


def _notes(texts: Sequence[str]) -> Iterator[str]:
    if texts:
        yield ""
    for text in texts:
        yield f"- {escaped(text)}"
