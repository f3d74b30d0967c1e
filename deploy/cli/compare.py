"""mobile-deploy compare"""

from __future__ import annotations

from pathlib import Path

import click

from deploy.cli.options import PATH, shared_options
from deploy.cli.output import echo, print_json
from deploy.support.printable import one_line


@click.command(epilog="Example: mobile-deploy compare before.json after.json --fail-above 5")
@click.argument("before", type=PATH, metavar="A.json")
@click.argument("after", type=PATH, metavar="B.json")
@click.option(
    "--fail-above",
    type=click.FloatRange(min=0),
    metavar="PERCENT",
    help="Exit with 1 where an arm of B is slower than in A by more than this, with confidence.",
)
@click.option(
    "--floor",
    type=click.FloatRange(0, 100),
    default=3.0,
    show_default=True,
    metavar="PERCENT",
    help="What two sessions of the same phone may differ by though nothing changed.",
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
    floor: float,
    anyway: bool,
    as_json: bool,
    debug: bool,
) -> None:
    """Compare two results of profile, arm by arm.

    Measured apart, small differences cannot be told from the sessions' own: profile A and B
    together for these.
    """
    from deploy.cli.tables.profile import comparison_facts, show_comparisons
    from deploy.results.compare import compare_files
    from deploy.results.file import read_results
    from deploy.results.judge import judge
    from deploy.results.words import arm_label
    from deploy.support.errors import GateError

    compared = compare_files(
        judge(read_results(before)),
        judge(read_results(after)),
        floor=floor / 100,
        anyway=anyway,
    )
    if as_json:
        arms = [comparison_facts(arm) for arm in compared.arms]
        print_json({"arms": arms, "missing": list(compared.missing), "notes": list(compared.notes)})
    else:
        show_comparisons(compared.arms)
        echo(
            f"A: {one_line(str(before))}, B: {one_line(str(after))}. B/A: ratio of the medians "
            f"with its 95 % interval, {floor:g} % of\nit for the sessions; p: of a difference "
            "beyond that."
        )
        for note in (*compared.missing, *compared.notes):
            echo(one_line(f"note: {note}"))
    if fail_above is None:
        return
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
