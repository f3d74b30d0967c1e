"""The phone's own time, which runs faster than ours so that nobody waits for a phone to cool."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_AN_HOUR_UP = 3_600.0


class PhoneClock:
    """Seconds of phone time; `speed` of them pass in one of ours, and a block adds its own."""

    def __init__(self, speed: float, now: Callable[[], float] = time.monotonic) -> None:
        self.speed = speed
        self._now = now
        self._began = now()
        self._added = 0.0
        self._booted = -_AN_HOUR_UP
        self._epoch = datetime.now(UTC)
        self._jumped = timedelta()

    def seconds(self) -> float:
        """Since the phone was made; never goes back."""
        return (self._now() - self._began) * self.speed + self._added

    def uptime(self) -> float:
        """Seconds since the last boot."""
        return self.seconds() - self._booted

    def wall(self) -> datetime:
        """The phone's date, UTC."""
        return self._epoch + timedelta(seconds=self.seconds()) + self._jumped

    def advance(self, seconds: float) -> None:
        self._added += seconds

    def jump(self, seconds: float) -> None:
        """Set the date, as a time server does; uptime is untouched."""
        self._jumped += timedelta(seconds=seconds)

    def boot(self) -> None:
        self._booted = self.seconds()
