"""The heat of a virtual phone's chip: work warms, the room cools, the system lowers clocks.

    dT/dt = WARMING_C_PER_S * sum over the busy cores of (speed * clock^3) - T / COOLING_S

T is in degrees over the room. Dynamic power goes with the voltage squared times the clock, and the
voltage about with the clock, so with its cube. Past a limit the system allows less of the clock,
and gives it back `RELEASED_C` below: without that it would waver at each limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

AMBIENT_C = 27.0
COOLING_S = 60.0
# Degrees a second for a big core of the pixel at its highest clock. With it four threads of the
# pixel would come to 32 degrees over the room, one to 9.
WARMING_C_PER_S = 0.15
# With the fault: degrees that it gains in one block, however short.
FAST_HEATING_C = 34.0
NEVER_COOLS_C = 45.0
BATTERY_SHARE = 0.35
RELEASED_C = 4.0
# What an app is given that asks for sustained-performance mode: less from the start, and it lasts.
SUSTAINED_CLOCK = 0.8


@dataclass(frozen=True, kw_only=True)
class ThrottleStep:
    """From `above_c` degrees over the ambient: the thermal status and what is left of the clock."""

    above_c: float
    status: int
    clock: float


# From the coolest; status and place in the table are the same.
STEPS = (
    ThrottleStep(above_c=-math.inf, status=0, clock=1.0),
    ThrottleStep(above_c=16.0, status=1, clock=0.8),
    ThrottleStep(above_c=26.0, status=2, clock=0.65),
    ThrottleStep(above_c=40.0, status=3, clock=0.5),
)


@dataclass
class Chip:
    """`degrees` over the room, and the step that they have brought the system to."""

    degrees: float = 0.0
    step: ThrottleStep = STEPS[0]

    def work(self, seconds: float, *, speed: float) -> None:
        """Be busy with cores that warm it as one of that `speed` at its highest clock."""
        balance = WARMING_C_PER_S * speed * COOLING_S
        self.degrees = balance + (self.degrees - balance) * math.exp(-seconds / COOLING_S)
        self._govern()

    def rest(self, seconds: float) -> None:
        self.degrees *= math.exp(-seconds / COOLING_S)
        self._govern()

    def set(self, degrees: float) -> None:
        self.degrees = degrees
        self._govern()

    def _govern(self) -> None:
        while (
            self.step.status + 1 < len(STEPS) and self.degrees > STEPS[self.step.status + 1].above_c
        ):
            self.step = STEPS[self.step.status + 1]
        while self.degrees <= self.step.above_c - RELEASED_C:
            self.step = STEPS[self.step.status - 1]
