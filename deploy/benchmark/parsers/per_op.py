"""Times by operator, and onnxruntime's profile as a source of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from deploy.benchmark.parsers.text import words

_SUFFIX = "_kernel_time"
_LONGEST_US = 3_600 * 10**6


@dataclass(frozen=True, kw_only=True)
class OperatorTime:
    """One node of the graph, over every run in the profile."""

    name: str
    operator: str
    calls: int
    total_ns: int


def hottest_first(events: Iterable[tuple[str, str, int]]) -> tuple[OperatorTime, ...]:
    """Events, each of a node by its name and operator and of some ns, added up by node."""
    totals: dict[tuple[str, str], tuple[int, int]] = {}
    for name, operator, ns in events:
        calls, total = totals.get((name, operator), (0, 0))
        totals[name, operator] = (calls + 1, total + ns)
    times = [
        OperatorTime(name=name, operator=operator, calls=calls, total_ns=total)
        for (name, operator), (calls, total) in totals.items()
    ]
    return tuple(sorted(times, key=lambda time: (-time.total_ns, time.name)))


def parse_profile(text: str) -> tuple[OperatorTime, ...]:
    """The nodes of a profile, hottest first; none where the text is not one, or is cut off.

    A node inside another (the body of a loop) counts in both.
    """
    try:
        events = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    nodes = map(_node, events if isinstance(events, list) else [])
    return hottest_first(node for node in nodes if node is not None)


def _node(event: Any) -> tuple[str, str, int] | None:
    """Name, operator and nanoseconds of an event that is the run of a node."""
    if not isinstance(event, dict) or event.get("cat") != "Node":
        return None
    name, duration, details = event.get("name"), event.get("dur"), event.get("args")
    operator = details.get("op_name") if isinstance(details, dict) else None
    if not isinstance(name, str) or not isinstance(operator, str) or not name.endswith(_SUFFIX):
        return None
    if type(duration) is not int or not 0 <= duration <= _LONGEST_US:
        return None
    name = name.removesuffix(_SUFFIX)
    return words(name) or "unnamed", words(operator) or "unknown", duration * 1000
