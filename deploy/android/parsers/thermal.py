"""`dumpsys thermalservice`, Android 10 and later."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deploy.benchmark.parsers.text import (
    decimal,
    lines_of,
    plausible_celsius,
    truth,
    whole,
    words,
)
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
# Samsung numbers types on its own, one higher from some on: these may then be no degrees either.
_NOT_SURELY_DEGREES = (5, *_NOT_DEGREES, 9)
# Words in a sensor's name that say what it is, whatever its number.
_NAMED = {
    **dict.fromkeys(("battery", "batt", "bat"), "BATTERY"),
    "cpu": "CPU",
    "gpu": "GPU",
    "skin": "SKIN",
}
_WORDS = re.compile(r"[a-z]+")
_WORST_STATUS = 6


@dataclass(frozen=True, kw_only=True)
class Thermal:
    """`status` is 0 none to 6 shutdown; None where it is unknown or was forced (`overridden`).

    Without a HAL that is ready the service has heard of no heat, and says 0.
    """

    status: int | None
    overridden: bool | None
    sensors: tuple[Temperature, ...]


def parse_thermal(text: str) -> Thermal:
    """What the service says now. A sensor at 0.0 or NaN has no wire, and is left out."""
    lines = lines_of(text)
    overridden = truth(_value(lines, "IsStatusOverride"))
    status = whole(_value(lines, "Thermal Status"))
    valid = status is not None and 0 <= status <= _WORST_STATUS
    deaf = status == 0 and truth(_value(lines, "HAL Ready")) is False
    return Thermal(
        status=status if valid and overridden is not True and not deaf else None,
        overridden=overridden,
        sensors=_temperatures(lines),
    )


def _value(lines: list[str], key: str) -> str | None:
    values = (line.split(":", 1)[1] for line in lines if line.strip().startswith(f"{key}:"))
    return next(values, None)


@dataclass(frozen=True, kw_only=True)
class _Sensor:
    """As a line has it; `named` is the kind that its name says, None where it says none."""

    celsius: float
    number: int | None
    name: str
    named: str | None

    @property
    def contradicts(self) -> bool:
        """Whether its number says another kind than its name."""
        return self.named is not None and (
            self.number is not None and _KINDS.get(self.number, self.named) != self.named
        )


def _temperatures(lines: list[str]) -> tuple[Temperature, ...]:
    sensors: list[_Sensor] = []
    inside = False
    for line in lines:
        if not line.startswith(("\t", " ")):
            inside = line.rstrip() == _CURRENT
        elif inside and (sensor := _sensor(line)) is not None:
            sensors.append(sensor)
    own_numbers = any(sensor.contradicts for sensor in sensors)
    not_degrees = _NOT_SURELY_DEGREES if own_numbers else _NOT_DEGREES
    return tuple(
        Temperature(name=sensor.name, kind=_kind(sensor, own_numbers), celsius=sensor.celsius)
        for sensor in sensors
        if sensor.number not in not_degrees or (own_numbers and sensor.named)
    )


def _sensor(line: str) -> _Sensor | None:
    matched = _TEMPERATURE.fullmatch(line)
    celsius = plausible_celsius(decimal(matched[1])) if matched else None
    if matched is None or not celsius:
        return None
    said = {_NAMED[word] for word in _WORDS.findall(matched[3].lower()) if word in _NAMED}
    return _Sensor(
        celsius=celsius,
        number=whole(matched[2]),
        name=words(matched[3]) or "unnamed",
        named=said.pop() if len(said) == 1 else None,
    )


def _kind(sensor: _Sensor, own_numbers: bool) -> str:
    if sensor.named is not None:
        return sensor.named
    known = None if own_numbers or sensor.number is None else _KINDS.get(sensor.number)
    return known or "UNKNOWN"
