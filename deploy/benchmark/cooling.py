"""Whether a device is cool enough for a block to begin."""

from __future__ import annotations

from deploy.results.records import Conditions, Settings
from deploy.results.sustained import celsius

# Of two stretches the second is to begin about as cool as the first: burst is of a cool device.
_AS_COOL_C = 2.0


def cool_timeout(settings: Settings) -> float:
    """How long a block may wait for the device to cool, in seconds: after a stretch as long as that
    has warmed it, if that is more than was said."""
    warmed = settings.sustained.seconds if settings.sustained else 0.0
    return max(settings.cool_timeout_s, warmed)


def is_as_cool(now: Conditions, first: Conditions) -> bool:
    """Whether a stretch may begin, where `first` is how the session's first began."""
    celsius_now, celsius_then = celsius(now), celsius(first)
    if celsius_now is None or celsius_then is None:
        return True
    return celsius_now <= celsius_then + _AS_COOL_C


def is_cool(now: Conditions, below: float) -> bool | None:
    """Whether a block may begin; None where its heat is unknown."""
    if now.thermal_status is None and now.battery_celsius is None:
        return None
    status_fine = now.thermal_status is None or now.thermal_status == 0
    battery_fine = now.battery_celsius is None or now.battery_celsius < below
    return status_fine and battery_fine


def describe_heat(now: Conditions) -> str:
    """Such as "battery 41.0 C, thermal status 2"."""
    battery = "" if now.battery_celsius is None else f"battery {now.battery_celsius:.1f} C"
    status = "" if not now.thermal_status else f"thermal status {now.thermal_status}"
    return ", ".join(text for text in (battery, status) if text)
