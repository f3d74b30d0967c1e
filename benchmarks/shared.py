"""What the benchmarks share: the machine that figures are of, and tables in Markdown."""

from __future__ import annotations

import os
import platform

from deploy.runtimes.processor import describe_int8


def machine() -> str:
    """What to print above a table of times: processor, cores, Python, other work."""
    return (
        f"{describe_int8()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f}"
    )


def print_header(*columns: str) -> None:
    print_row(*columns)
    print("|---" * len(columns) + "|", flush=True)


def print_row(*cells: str) -> None:
    """At once, so that a long run shows how far it is."""
    print(f"| {' | '.join(cells)} |", flush=True)
