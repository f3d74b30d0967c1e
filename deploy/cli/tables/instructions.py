"""Counts of instructions: tables for people, plain facts for --json. Never called time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from deploy.cli.output import echo, print_table

if TYPE_CHECKING:
    from deploy.results.instructions import CountComparison
    from deploy.results.records import EmulatedProcessor, Results

_MILLION = 1e6
_KINDS = ("dot_product", "i8mm", "multiply_add", "load", "store", "other")


def show_instructions(results: Results) -> None:
    """A table for each emulated processor."""
    from deploy.results.words import artifact_label

    labels = {bundle.id: bundle.label for bundle in results.bundles}
    for on in results.emulated:
        several = len({arm.bundle for arm in on.arms}) > 1
        echo(click.style(f"{on.processor} ({_emulated(on)})", bold=True))
        rows = [
            [
                f"{labels[arm.bundle]} {artifact_label(arm)}" if several else artifact_label(arm),
                _millions(arm.instructions.total),
                *(_millions(getattr(arm.instructions, kind)) for kind in _KINDS),
            ]
            for arm in on.arms
        ]
        kinds = [kind.replace("_", " ") for kind in _KINDS]
        print_table(["million instructions", "all", *kinds], rows)
        echo()
    echo(
        "Instructions of one inference, in one thread. They are no time: they compare programs on "
        "one\nprocessor, and say nothing of its clocks and caches."
    )


def instruction_facts(results: Results) -> list[dict[str, object]]:
    labels = {bundle.id: bundle.label for bundle in results.bundles}
    return [
        {
            "processor": on.processor,
            "emulated": True,
            "emulator": on.emulator,
            "runtime": on.runtime,
            "bundle": labels[arm.bundle],
            "artifact": arm.artifact,
            "input": arm.input,
            "instructions": {
                "all": arm.instructions.total,
                **arm.instructions.model_dump(mode="json"),
            },
        }
        for on in results.emulated
        for arm in on.arms
    ]


def show_count_comparisons(comparisons: Sequence[CountComparison]) -> None:
    """B against A, an artifact on a processor a row."""
    from deploy.results.words import artifact_label

    rows = [
        [
            artifact_label(compared.b),
            f"{compared.b_on.processor} (emulated)",
            _millions(compared.a.instructions.total),
            _millions(compared.b.instructions.total),
            f"{compared.ratio:.3f}",
        ]
        for compared in comparisons
    ]
    print_table(["million instructions", "processor", "A", "B", "B/A"], rows)


def count_comparison_facts(compared: CountComparison) -> dict[str, object]:
    return {
        "processor": compared.b_on.processor,
        "emulated": True,
        "artifact": compared.b.artifact,
        "input": compared.b.input,
        "unit": "instructions",
        "a": compared.a.instructions.total,
        "b": compared.b.instructions.total,
        "ratio": compared.ratio,
    }


def _emulated(on: EmulatedProcessor) -> str:
    return f"emulated by {on.emulator}, {on.runtime}"


def _millions(count: int) -> str:
    """Three figures or more; small networks have less than a million.

    >>> _millions(51_462_123), _millions(4_321), _millions(0)
    ('51.46', '0.004', '0')
    """
    value = count / _MILLION
    return "0" if count == 0 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"
