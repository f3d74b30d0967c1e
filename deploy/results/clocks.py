"""How much of its hardware's clocks a device allows."""

from __future__ import annotations

from collections.abc import Sequence

from deploy.results.records import Conditions, CoreClock, DeviceFacts
from deploy.statistics.stability import CLOCKS_LOWERED

_GHZ_IN_KHZ = 1e6


def describe_caps(device: DeviceFacts, seen: Sequence[Conditions]) -> str | None:
    """In words, the clusters whose highest clock was capped when `seen` began, and to what share of
    the hardware's; None where none was, as far as can be told.

    Calm phones in order are capped to 57 to 83 %, so that this is told, and spoils nothing: what is
    lowered later does.
    """
    in_time = sorted(seen, key=lambda then: then.at_s)
    first = next((then.clocks for then in in_time if then.clocks), ())
    allowed = {clock.core: clock.allowed_khz for clock in first}
    caps = []
    for cluster in device.clusters:
        known = [khz for core in cluster.cores if (khz := allowed.get(core))]
        if known and cluster.max_khz and min(known) <= (1 - CLOCKS_LOWERED) * cluster.max_khz:
            share = 100 * min(known) / cluster.max_khz
            highest = cluster.max_khz / _GHZ_IN_KHZ
            caps.append(f"{len(cluster.cores)} of {highest:.2f} GHz to {share:.0f} %")
    return ", ".join(caps) or None


def caps_unknown(clocks: Sequence[CoreClock]) -> bool:
    """Whether a core tells its clock, and not which it is allowed."""
    return any(clock.khz is not None and clock.allowed_khz is None for clock in clocks)
