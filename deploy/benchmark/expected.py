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
from deploy.bundle.manifest import Format
from deploy.results.words import duration

if TYPE_CHECKING:
    from deploy.benchmark.session import ArmPlan
    from deploy.results.records import ArmKey, DeviceFacts, Settings

# Of a block without inferences. Those of this computer were measured on one with 2 cores, where
# Python has to import ExecuTorch; a phone's are guesses, for no real one has been measured yet.
_VIRTUAL_S = 0.6
_PHONE_S: dict[RunnerName, float] = {"app": 2.5, "native": 1.0}
_NATIVE_S = 0.4
_PYTHON_S: dict[Format, float] = {"executorch": 4.0, "onnx": 1.0}
# Multiply-accumulates a second, of one thread of a big core or of a computer.
_MACS_PER_S = 10e9

WORTH_TELLING_S = 10.0
# How far off the guess may be before it is told.
_OFF = 1.5


def session_seconds(plans: Sequence[ArmPlan], settings: Settings, device: DeviceFacts) -> float:
    """A guess at a whole session, without waiting for it to cool."""
    if settings.sustained:
        return settings.sustained.seconds * len(plans)
    inferences = 1 + settings.warmup + settings.iterations
    return settings.rounds * sum(
        _besides(plan.key, device)
        + inferences * plan.staged.bundle.manifest.network.macs / _MACS_PER_S
        for plan in plans
    )


def _besides(key: ArmKey, device: DeviceFacts) -> float:
    """Seconds of a block without inferences."""
    if device.virtual:
        return _VIRTUAL_S
    if device.kind != "host":
        return _PHONE_S[key.runner]
    return _NATIVE_S if key.runner == "native" else _PYTHON_S[key.format]


def describe_session(seconds: float, arms: int, settings: Settings) -> str | None:
    """Such as "about 4 min: 4 arms x 10 rounds"; None for what is soon over."""
    if seconds < WORTH_TELLING_S:
        return None
    many = f"{arms} arm{'' if arms == 1 else 's'}"
    if settings.sustained is None:
        rounds = f"{settings.rounds} round{'' if settings.rounds == 1 else 's'}"
        return f"about {duration(seconds)}: {many} x {rounds}"
    each = f"{many} x {duration(settings.sustained.seconds)} without pauses"
    cooling = f", each begun cool, within {duration(cool_timeout(settings))}" if arms > 1 else ""
    return f"about {duration(seconds)}: {each}{cooling}"


def describe_rest(left: float, guessed: float) -> str | None:
    """What to say of the rest of a session where the guess at it was bad."""
    if max(left, guessed) < WORTH_TELLING_S or guessed / _OFF < left < guessed * _OFF:
        return None
    return f"about {duration(left)} more"
