"""What can be made to go wrong with a virtual phone: one row a fault."""

from __future__ import annotations

from collections.abc import Sequence

from deploy.support.errors import UserError

FAULTS: dict[str, str] = {
    "unauthorized": "never accepts this computer's key",
    "offline": "drops the connection once it is known, then stays silent",
    "recovery": "has started into recovery",
    "no-space": "its disk is full",
    "drop-mid-push": "the connection breaks while a file is pushed",
    "drop-mid-run": "the connection breaks while a block runs; the phone can be connected again",
    "stall": "stops answering while a block runs, without breaking the connection",
    "reboot-mid-run": "restarts while a block runs",
    "screen-locked": "the screen is off and locked with a secret",
    "app-missing": "the demo app is not installed",
    "app-old": "the demo app is of an older protocol and runtime",
    "app-older": "the demo app is of the first protocol, which knows no pixels",
    "app-debuggable": "the demo app is its debug build, which run-as enters",
    "app-release": "the demo app is its release build, without a way in",
    "never-unlocked": "nobody has unlocked it since it started: its apps' storage is closed",
    "content-reads": "an early Android 8, whose content command cannot write",
    "app-crashes": "the demo app crashes in native code",
    "app-killed": "the demo app is killed for want of memory",
    "app-ends": "the demo app ends at once, and nobody says why",
    "app-lingers": "the demo app answers and does not end",
    "app-hangs": "the demo app runs and never answers",
    "answer-truncated": "the app's answer ends in the middle",
    "answer-not-json": "the app's answer is not JSON",
    "answer-other-id": "the app answers another request",
    "answer-newer-schema": "the app's answer is of a newer schema",
    "answer-nan": "the app's times are NaN",
    "answer-negative": "the app's times are negative",
    "wrong-answers": "the logits are shuffled",
    "operator-missing": "the phone's runtime lacks an operator",
    "runner-other-abi": "refuses to execute the pushed runner",
    "runner-crashes": "the pushed runner ends in a segmentation fault",
    "crlf": "an old adbd: CRLF, no exit codes, noise before the output",
    "clock-jumps": "its date jumps back an hour after every block",
    "throttles": "heats fast and throttles within a block",
    "never-cools": "is hot, and stays so",
    "low-battery": "its battery is at 4 %",
    "charging": "is charged over USB",
    "thermal-unknown": "has no thermal service",
    "heat-not-ready": "its thermal service has no HAL yet, and says that all is cool",
    "capped-clocks": "is allowed 55 % of its clocks, cool as it is",
    "unreadable-caps": "tells its clocks, and not which are allowed",
    "unreadable-cpufreq": "does not let the shell read the clocks",
    "forced-thermal": "its thermal status is overridden by hand",
    "odd-names": "model and SoC with spaces, quotes, $(...) and Chinese",
}


class Faults:
    """The faults of one phone, each with how often it may still strike."""

    def __init__(self, names: Sequence[str]) -> None:
        """`names` are of the table; `NAME:N` strikes the first N times alone.

        N is for what strikes at a moment (a break, a crash, a reading); what the phone simply is
        (its names, its app, an old adbd, clocks that cannot be read) it stays.
        Raises UserError for a name that is not in the table, or an N that is no number from 1.
        """
        self._left: dict[str, float] = dict(map(_parse, names))

    def expects(self, name: str) -> bool:
        """Whether the fault would strike now."""
        assert name in FAULTS
        return self._left.get(name, 0) > 0

    def strike(self, name: str) -> bool:
        """Whether the fault strikes now; once less is left then."""
        strikes = self.expects(name)
        if strikes:
            self._left[name] -= 1
        return strikes


def _parse(text: str) -> tuple[str, float]:
    name, colon, times = text.partition(":")
    if name not in FAULTS:
        raise UserError(f"no such fault: {name!r}: see mobile-deploy virtual-phone --list-faults")
    if not colon:
        return name, float("inf")
    if not (times.isascii() and times.isdigit() and 0 < int(times) < 10**6):
        raise UserError(f"fault {name}: {times!r} is no number of times: give 1 or more")
    return name, int(times)
