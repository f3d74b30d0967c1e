"""What `profile --per-op` shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from deploy.cli.output import print_json, print_table

if TYPE_CHECKING:
    from deploy.phone.per_op import OperatorProfile
    from deploy.phone.plan import Opened

_SHOWN = 15


def measure_per_op(
    opened: Sequence[Opened], devices: Sequence[str], threads: Sequence[int] | None
) -> list[OperatorProfile]:
    """A profile for each .onnx; with the first of `threads`. Raises UserError."""
    from deploy.errors import UserError
    from deploy.phone.host import HOST
    from deploy.phone.per_op import WITHOUT_EVENTS, profile_operators

    if tuple(devices) not in ((), (HOST,)):
        raise UserError(f"--per-op is for this computer: leave --device out, or give {HOST}")
    wanted = [
        (one.bundle, each) for one in opened for each in one.artifacts if each.format == "onnx"
    ]
    if not wanted:
        raise UserError(WITHOUT_EVENTS)
    count = threads[0] if threads else 1
    return [profile_operators(bundle, artifact, count) for bundle, artifact in wanted]


def show_per_op(profiles: Sequence[OperatorProfile], as_json: bool) -> None:
    """The hottest operators of each, with their share of the time in operators."""
    from deploy.phone.judge import threads_text

    if as_json:
        print_json({"profiles": [asdict(each) for each in profiles]})
        return
    for each in profiles:
        total = sum(operator.total_ns for operator in each.operators) or 1
        threads = threads_text(each.threads)
        click.echo(click.style(f"{each.artifact}, {threads}, this computer", bold=True))
        rows = [
            [
                operator.name if len(operator.name) <= 48 else f"...{operator.name[-45:]}",
                operator.operator,
                f"{operator.total_ns / each.runs / 1e3:.0f}",
                f"{100 * operator.total_ns / total:.1f}",
            ]
            for operator in each.operators[:_SHOWN]
        ]
        print_table(["node", "operator", "us", "%"], rows)
        rest = len(each.operators) - len(rows)
        if rest > 0:
            click.echo(f"and {rest} more")
        click.echo()
    click.echo("us: an inference, with the profiler's own cost; --json has every node.")
