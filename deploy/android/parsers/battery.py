"""`dumpsys battery`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deploy.benchmark.parsers.text import lines_of, plausible_celsius, truth, whole

_HEADER = "Current Battery Service state:"
_FAKED = "UPDATES STOPPED"
_ENTRY = re.compile(r" {2}([A-Za-z][A-Za-z ]*): (.*)")

_CHARGING, _DISCHARGING, _NOT_CHARGING, _FULL = 2, 3, 4, 5
# Fewer tenths may be whole degrees, which some phones give: 26 would be 2.6 C, and cool.
_FEWEST_TENTHS = 100
# Of any battery's voltage: fewer are volts, of a phone that has units of its own.
_FEWEST_MILLIVOLTS = 1_000


@dataclass(frozen=True, kw_only=True)
class Battery:
    """`level` is a share of 1, `powered` whether any plug has power, `charging` whether current
    goes in, which heats. `faked` values were set by `dumpsys battery set` and say nothing.
    `celsius` is None also where its unit is in doubt.
    """

    level: float | None
    celsius: float | None
    charging: bool | None
    powered: bool | None
    millivolts: int | None
    faked: bool


def parse_battery(text: str) -> Battery:
    """The state that Android keeps; what vendors append, with the same words, is passed over."""
    lines = _block(text)
    entries: dict[str, str] = {}
    for line in lines:
        matched = _ENTRY.fullmatch(line.rstrip())
        if matched is not None:
            entries.setdefault(matched[1], matched[2])
    status = whole(entries.get("status"))
    # Without a battery the figures are there, and are noughts.
    there = truth(entries.get("present")) is not False
    millivolts = (whole(entries.get("voltage")) or None) if there else None
    own_units = millivolts is not None and millivolts < _FEWEST_MILLIVOLTS
    return Battery(
        level=_share(entries) if there else None,
        celsius=_celsius(entries.get("temperature")) if there and not own_units else None,
        charging=_charging(status),
        powered=_powered(entries),
        millivolts=None if own_units else millivolts,
        faked=any(_FAKED in line for line in lines),
    )


def _block(text: str) -> list[str]:
    """The lines of Android's own block: it ends where a line is not indented."""
    lines = lines_of(text)
    if _HEADER not in lines:
        return []
    block = lines[lines.index(_HEADER) + 1 :]
    end = next((k for k, line in enumerate(block) if not line.startswith(" ")), len(block))
    # A heading of a vendor's section may be indented; an empty value still has a blank behind it.
    heading = next((k for k, line in enumerate(block) if line.endswith(":")), len(block))
    return block[: min(end, heading)]


def _share(entries: dict[str, str]) -> float | None:
    level, scale = whole(entries.get("level")), whole(entries.get("scale", "100"))
    if level is None or scale is None or not 0 <= level <= scale or scale == 0:
        return None
    return level / scale


def _celsius(tenths: str | None) -> float | None:
    value = whole(tenths)
    if value is None or 0 <= value < _FEWEST_TENTHS:
        return None
    return plausible_celsius(value / 10)


def _charging(status: int | None) -> bool | None:
    if status == _CHARGING:
        return True
    return False if status in (_DISCHARGING, _NOT_CHARGING, _FULL) else None


def _powered(entries: dict[str, str]) -> bool | None:
    plugs = [truth(value) for key, value in entries.items() if key.endswith(" powered")]
    known = [plug for plug in plugs if plug is not None]
    return any(known) if known else None
