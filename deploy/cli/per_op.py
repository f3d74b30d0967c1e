"""`profile --per-op`: where the time goes, operator by operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deploy.cli.output import echo, print_json, print_table

if TYPE_CHECKING:
    from deploy.android.devices import Server
    from deploy.backends import RunnerName
    from deploy.benchmark.per_op import OperatorProfile

_SHOWN = 15


def measure_per_op(
    bundles: Sequence[Path],
    artifacts: Sequence[str],
    runner: RunnerName,
    threads: Sequence[int] | None,
) -> list[OperatorProfile]:
    """A profile of each artifact on this computer, with the first of `threads`. Raises UserError.

    Of none that is named, of the .onnx alone where there are some: a .pte takes a C++ compiler.
    """
    from deploy.benchmark.bundles import open_bundles
    from deploy.benchmark.per_op import profile_operators

    wanted = [
        (bundle.bundle, artifact)
        for bundle in open_bundles(bundles, artifacts, runners=frozenset({runner}))
        for artifact in bundle.artifacts
    ]
    if not artifacts:
        wanted = [pair for pair in wanted if pair[1].format == "onnx"] or wanted
    return [profile_operators(bundle, artifact, _first(threads)) for bundle, artifact in wanted]


def trace_per_op(
    bundles: Sequence[Path],
    artifacts: Sequence[str],
    devices: Sequence[str],
    threads: Sequence[int] | None,
    runner_binary: Path | None,
    server: Server,
) -> list[OperatorProfile]:
    """A profile of each .pte on the phone that is meant, with the first of `threads`.

    Raises PhoneError and UserError.
    """
    from deploy.android.devices import choose_runner, the_phone
    from deploy.android.lock import alone
    from deploy.android.per_op import trace_operators
    from deploy.benchmark.bundles import open_bundles

    opened = open_bundles(bundles, artifacts, runners=frozenset({"native"}))
    chosen = choose_runner("native", runner_binary, opened)
    phone = the_phone(devices, server)
    with alone(phone):
        return [
            trace_operators(bundle, artifact, _first(threads), phone, chosen)
            for bundle in opened
            for artifact in bundle.artifacts
        ]


def _first(threads: Sequence[int] | None) -> int:
    return threads[0] if threads else 1


def show_per_op(profiles: Sequence[OperatorProfile], as_json: bool) -> None:
    """The hottest operators of each, with their share of the time in operators."""
    from deploy.results.words import threads_text

    if as_json:
        print_json({"profiles": [asdict(profile) for profile in profiles]})
        return
    for profile in profiles:
        total = sum(operator.total_ns for operator in profile.operators) or 1
        threads = threads_text(profile.threads)
        echo(click.style(f"{profile.artifact}, {threads}, {profile.where}", bold=True))
        rows = [
            [
                operator.name if len(operator.name) <= 48 else f"...{operator.name[-45:]}",
                operator.operator,
                f"{operator.total_ns / profile.runs / 1e3:.0f}",
                f"{100 * operator.total_ns / total:.1f}",
            ]
            for operator in profile.operators[:_SHOWN]
        ]
        print_table(["node", "operator", "us", "%"], rows)
        rest = len(profile.operators) - len(rows)
        if rest > 0:
            echo(f"and {rest} more")
        echo()
    echo("us: an inference, with the profiler's own cost; --json has every node.")
