"""What `profile --per-op` shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deploy.cli.output import echo, print_json, print_table

if TYPE_CHECKING:
    from deploy.android.per_op import OperatorProfile
    from deploy.android.phone import Phone
    from deploy.benchmark.plan import Opened

_SHOWN = 15


def measure_per_op(
    opened: Sequence[Opened], devices: Sequence[str], threads: Sequence[int] | None
) -> list[OperatorProfile]:
    """A profile of each .onnx on this computer, with the first of `threads`. Raises UserError."""
    from deploy.android.per_op import WITHOUT_EVENTS, profile_operators
    from deploy.benchmark.host_device import HOST
    from deploy.support.errors import UserError

    if tuple(devices) not in ((), (HOST,)):
        raise UserError(
            f"--per-op is for this computer, or a phone with --runner native: give --device {HOST}"
        )
    wanted = [(one, each) for one in opened for each in one.artifacts if each.format == "onnx"]
    if not wanted:
        raise UserError(WITHOUT_EVENTS)
    return [profile_operators(one.bundle, each, _first(threads)) for one, each in wanted]


def trace_per_op(
    opened: Sequence[Opened], phone: Phone, binary: Path, threads: Sequence[int] | None
) -> list[OperatorProfile]:
    """A profile of each .pte on `phone`, with the first of `threads`. Raises PhoneError."""
    from deploy.android.per_op import trace_operators

    return [
        trace_operators(one, each, _first(threads), phone, binary)
        for one in opened
        for each in one.artifacts
    ]


def _first(threads: Sequence[int] | None) -> int:
    return threads[0] if threads else 1


def show_per_op(profiles: Sequence[OperatorProfile], as_json: bool) -> None:
    """The hottest operators of each, with their share of the time in operators."""
    from deploy.results.judge import threads_text

    if as_json:
        print_json({"profiles": [asdict(each) for each in profiles]})
        return
    for each in profiles:
        total = sum(operator.total_ns for operator in each.operators) or 1
        threads = threads_text(each.threads)
        echo(click.style(f"{each.artifact}, {threads}, {each.where}", bold=True))
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
            echo(f"and {rest} more")
        echo()
    echo("us: an inference, with the profiler's own cost; --json has every node.")
