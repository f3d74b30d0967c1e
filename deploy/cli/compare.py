"""mobile-deploy compare"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from deploy.cli.options import PATH, Number, shared_options
from deploy.cli.output import echo, print_json
from deploy.support.printable import one_line

if TYPE_CHECKING:
    from deploy.results.compare import FileComparison


@click.command(epilog="Example: mobile-deploy compare before.json after.json --fail-above 5")
@click.argument("before", type=PATH, metavar="A.json")
@click.argument("after", type=PATH, metavar="B.json")
@click.option(
    "--fail-above",
    type=Number(min=0),
    metavar="PERCENT",
    help="Exit with 1 where an arm of B is slower than in A by more than this, with confidence, or "
    "executes more instructions by more than this.",
)
@click.option(
    "--floor",
    type=Number(0, 100),
    metavar="PERCENT",
    help="What two sessions of the same phone may differ by though nothing changed.  [default: 5]",
)
@click.option(
    "--same",
    type=PATH,
    multiple=True,
    metavar="FILE",
    help="Learn the floor from results of one bundle on this phone in which nothing changed; give "
    "4 or more.",
)
@click.option(
    "--anyway",
    is_flag=True,
    help="Compare other phones, other runtimes and INVALID results too; notes say so.",
)
@shared_options
def compare(
    *,
    before: Path,
    after: Path,
    fail_above: float | None,
    floor: float | None,
    same: tuple[Path, ...],
    anyway: bool,
    as_json: bool,
    debug: bool,
) -> None:
    """Compare two results of profile, arm by arm.

    Measured apart, small differences cannot be told from the sessions' own: profile A and B
    together for these.
    """
    from deploy.cli.tables.instructions import count_comparison_facts, show_count_comparisons
    from deploy.cli.tables.profile import show_comparisons
    from deploy.results.compare import compare_results
    from deploy.results.file import read_results
    from deploy.results.sessions import floor_of
    from deploy.statistics.comparison import SESSION_FLOOR

    if floor is not None and same:
        raise click.UsageError("--floor and --same exclude each other: give one")
    first, second = read_results(before), read_results(after)
    sessions = [(one_line(str(path)), read_results(path)) for path in same]
    learnt = floor_of(sessions, (first, second)) if same else None
    if learnt is not None:
        source, taken = f", learnt from {len(same)} sessions", learnt
    elif floor is not None:
        source, taken = "", floor / 100
    else:
        source, taken = ", assumed", SESSION_FLOOR
    compared = compare_results(first, second, floor=taken, anyway=anyway)
    if as_json:
        print_json(
            {
                "arms": [arm.facts() for arm in compared.arms],
                "instructions": [count_comparison_facts(counts) for counts in compared.counts],
                "missing": list(compared.missing),
                "notes": list(compared.notes),
            }
        )
    else:
        files = f"A: {one_line(str(before))}, B: {one_line(str(after))}"
        show_comparisons(compared.arms)
        if compared.arms:
            echo(
                f"{files}. B/A: ratio of the medians with its 95 % interval;\n"
                f"{_floors(compared, taken, source)} of it for the sessions; p: of a difference "
                "beyond that."
            )
        if compared.counts:
            show_count_comparisons(compared.counts)
            echo(f"\n{files}. Instructions of one inference: no time.")
        for note in (*compared.missing, *compared.notes):
            echo(one_line(f"note: {note}"))
    if fail_above is not None:
        _fail_above(compared, fail_above)


def _floors(compared: FileComparison, floor: float, source: str) -> str:
    """Such as "3 %, assumed,": the `floor` and its `source`, or by what more a level moved."""
    known = f"{_figure(100 * floor)} %{source}"
    words = []
    for arm in compared.arms:
        if arm.floor > floor:
            words.append(f"{_figure(100 * arm.floor)} %, by which a level moved (else {known}),")
        else:
            words.append(f"{known}," if source else known)
    return " or ".join(dict.fromkeys(words))


def _figure(percent: float) -> str:
    """
    >>> _figure(3.0), _figure(4.26), _figure(100.0)
    ('3', '4.3', '100')
    """
    return f"{percent:.1f}".removesuffix(".0")


def _fail_above(compared: FileComparison, fail_above: float) -> None:
    """Raise GateError for what is missing, slower or executes more by over so many per cent."""
    from deploy.results.words import arm_label
    from deploy.support.errors import GateError

    if compared.missing:
        raise GateError(f"not all could be compared: {compared.missing[0]}")
    slower = [arm for arm in compared.arms if arm.slower_beyond(fail_above)]
    if slower:
        worst = max(slower, key=lambda arm: arm.comparison.ratio)
        ratio = worst.comparison.ratio
        raise GateError(
            f"{len(slower)} of {len(compared.arms)} arms are slower by more than {fail_above:g} % "
            f"({arm_label(worst.b.arm)}: {100 * (ratio - 1):.1f} %): find what changed, or raise "
            "--fail-above"
        )
    more = [counts for counts in compared.counts if counts.more_beyond(fail_above)]
    if more:
        most = max(more, key=lambda counts: counts.ratio)
        raise GateError(
            f"{len(more)} of {len(compared.counts)} artifacts execute more instructions by more "
            f"than {fail_above:g} % ({most.label}: {100 * (most.ratio - 1):.1f} %): find what "
            "changed, or raise --fail-above"
        )
