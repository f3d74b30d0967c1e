"""`dumpsys thermalservice`, Android 10 and later."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deploy.benchmark.parsers.text import decimal, lines_of, truth, whole, words
from deploy.results.records import Temperature

# Another block holds cached values, which may be tens of degrees from the truth.
_CURRENT = "Current temperatures from HAL:"
_TEMPERATURE = re.compile(
    r"\s*Temperature\{mValue=([^,]*), mType=(-?[0-9]+), mName=(.*), mStatus=([0-9]+)\}\s*"
)

# android.os.Temperature's types; 6, 7 and 8 are volts, amperes and a percentage.
_KINDS = {
    -1: "UNKNOWN",
    0: "CPU",
    1: "GPU",
    2: "BATTERY",
    3: "SKIN",
    4: "USB_PORT",
    5: "POWER_AMPLIFIER",
    9: "NPU",
    10: "TPU",
    11: "DISPLAY",
    12: "MODEM",
    13: "SOC",
    14: "WIFI",
    15: "CAMERA",
    16: "FLASHLIGHT",
    17: "SPEAKER",
    18: "AMBIENT",
    19: "POGO",
}
_NOT_DEGREES = (6, 7, 8)
_COLDEST_C, _HOTTEST_C = -100.0, 300.0
_WORST_STATUS = 6


@dataclass(frozen=True, kw_only=True)
class Thermal:
    """`status` is 0 none to 6 shutdown; None where it is unknown or was forced (`overridden`)."""

    status: int | None
    overridden: bool | None
    sensors: tuple[Temperature, ...]


def parse_thermal(text: str) -> Thermal:
    """What the service says now. A sensor at 0.0 or NaN has no wire, and is left out."""
    lines = lines_of(text)
    overridden = truth(_value(lines, "IsStatusOverride"))
    status = whole(_value(lines, "Thermal Status"))
    valid = status is not None and 0 <= status <= _WORST_STATUS
    return Thermal(
        status=status if valid and overridden is not True else None,
        overridden=overridden,
        sensors=_temperatures(lines),
    )


def _value(lines: list[str], key: str) -> str | None:
    values = (line.split(":", 1)[1] for line in lines if line.strip().startswith(f"{key}:"))
    return next(values, None)


def _temperatures(lines: list[str]) -> tuple[Temperature, ...]:
    found: list[Temperature] = []
    inside = False
    for line in lines:
        if not line.startswith(("\t", " ")):
            inside = line.rstrip() == _CURRENT
        elif inside and (sensor := _temperature(line)) is not None:
            found.append(sensor)
    return tuple(found)


def _temperature(line: str) -> Temperature | None:
    matched = _TEMPERATURE.fullmatch(line)
    if matched is None:
        return None
    celsius, kind = decimal(matched[1]), whole(matched[2])
    if not celsius or kind in _NOT_DEGREES or not _COLDEST_C <= celsius <= _HOTTEST_C:
        return None
    return Temperature(
        name=words(matched[3]) or "unnamed",
        kind=_KINDS.get(-1 if kind is None else kind, "UNKNOWN"),
        celsius=celsius,
    )
