"""About how long a session takes, said before it begins; wrong by a factor at times, hence "about".

What a block takes beside its inferences is its process, its load and the looks at the device around
it; how fast the device is nobody knows yet. After the first round the session does, and says so
where the guess was bad.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from deploy.backends import RunnerName
from deploy.benchmark.cooling import cool_timeout
from deploy.results.words import duration
from deploy.support.durations import WORTH_TELLING_S, about, measure_seconds

if TYPE_CHECKING:
    from deploy.benchmark.session import ArmPlan
    from deploy.results.records import DeviceFacts, Settings

# Of a block without its inferences. A phone's are guesses, for no real one has been measured yet.
_VIRTUAL_S = 0.6
_PHONE_S: dict[RunnerName, float] = {"app": 2.5, "native": 1.0}
_NATIVE_S = 0.4
# Multiply-accumulates a second, of one thread of a big core.
_MACS_PER_S = 10e9

# How far off the guess may be before it is told.
_OFF = 1.5


def session_seconds(plans: Sequence[ArmPlan], settings: Settings, device: DeviceFacts) -> float:
    """A guess at a whole session, without waiting for it to cool."""
    if settings.sustained:
        return settings.sustained.seconds * len(plans)
    inferences = 1 + settings.warmup + settings.iterations
    macs = [plan.staged.bundle.manifest.network.macs for plan in plans]
    if device.kind == "host" and plans[0].key.runner == "host":
        arms = [(plan.key.format, count) for plan, count in zip(plans, macs, strict=True)]
        return measure_seconds(arms, rounds=settings.rounds, inferences=inferences)
    besides = sum(_besides(plan.key.runner, device) for plan in plans)
    return settings.rounds * (besides + inferences * sum(macs) / _MACS_PER_S)


def _besides(runner: RunnerName, device: DeviceFacts) -> float:
    """Seconds of a block without inferences."""
    if device.virtual:
        return _VIRTUAL_S
    return _NATIVE_S if device.kind == "host" else _PHONE_S[runner]


def describe_session(seconds: float, arms: int, settings: Settings) -> str | None:
    """Such as "about 4 min: 4 arms x 10 rounds"; None for what is soon over."""
    if seconds < WORTH_TELLING_S:
        return None
    many = f"{arms} arm{'' if arms == 1 else 's'}"
    if settings.sustained is None:
        rounds = f"{settings.rounds} round{'' if settings.rounds == 1 else 's'}"
        return f"about {about(seconds)}: {many} x {rounds}"
    each = f"{many} x {duration(settings.sustained.seconds)} without pauses"
    cooling = f", each begun cool, within {duration(cool_timeout(settings))}" if arms > 1 else ""
    return f"about {about(seconds)}: {each}{cooling}"


def describe_rest(left: float, guessed: float) -> str | None:
    """What to say of the rest of a session where the guess at it was bad."""
    if max(left, guessed) < WORTH_TELLING_S or guessed / _OFF < left < guessed * _OFF:
        return None
    return f"about {about(left)} more"
