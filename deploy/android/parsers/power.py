"""`dumpsys power`, `dumpsys window` and `settings get`: screen, lock and battery saver."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deploy.benchmark.parsers.text import lines_of, words

_WAKEFULNESS = re.compile(r"\bmWakefulness(?:Raw)?=([A-Za-z]+)")
_DISPLAY = re.compile(r"Display Power: state=([A-Z_]+)")
_BLOCKER = re.compile(r"\bmHoldingDisplaySuspendBlocker=(true|false)\b")

_ON = {"Awake": True, "Dreaming": True, "Asleep": False, "Dozing": False}
_DISPLAY_ON = {"ON": True, "VR": True, "OFF": False, "DOZE": False, "DOZE_SUSPEND": False}

# By age: the policy's own flags, the activity manager's, the keyguard service's monitor.
_LOCKED = re.compile(
    r"\b(?:mShowingLockscreen|mDreamingLockscreen|isStatusBarKeyguard|isKeyguardShowing|"
    r"mKeyguardShowing|mIsShowing)=(true|false)\b"
)
_DELEGATE = "KeyguardServiceDelegate"
_DELEGATE_ENTRY = re.compile(r"\s+(showing|secure)=(true|false)\s*")


@dataclass(frozen=True, kw_only=True)
class Power:
    """`wakefulness` is Awake, Dreaming, Dozing or Asleep."""

    wakefulness: str | None
    screen_on: bool | None


@dataclass(frozen=True, kw_only=True)
class Keyguard:
    """`locked` is whether the lock screen is up; `secure` whether it asks for a secret, without
    which it can be dismissed from here.
    """

    locked: bool | None
    secure: bool | None


def parse_power(text: str) -> Power:
    """`dumpsys power`. Vendors drop some of the lines, so any of three decides."""
    joined = "\n".join(lines_of(text))
    wakefulness = _first(_WAKEFULNESS, joined)
    screen_on = _ON.get(wakefulness or "")
    if screen_on is None:
        screen_on = _DISPLAY_ON.get(_first(_DISPLAY, joined) or "")
    if screen_on is None and (blocker := _first(_BLOCKER, joined)):
        screen_on = blocker == "true"
    return Power(wakefulness=wakefulness, screen_on=screen_on)


def parse_keyguard(text: str) -> Keyguard:
    """`dumpsys window` (or `dumpsys window policy`). Any sign of a lock screen counts; the
    delegate's own memory, which may be stale, only where there is no other sign.
    """
    lines = lines_of(text)
    entries = _delegate(lines)
    signs = _LOCKED.findall("\n".join(lines)) or entries.get("showing", [])
    secure = entries.get("secure", [])
    return Keyguard(
        locked="true" in signs if signs else None,
        secure=secure[0] == "true" if secure else None,
    )


def parse_setting(text: str) -> str | None:
    """The value that `settings get NAMESPACE KEY` prints; None where it is not set."""
    values = [line for line in lines_of(text) if line.strip()]
    return words(values[0]) if len(values) == 1 else None


def parse_power_save(text: str) -> bool | None:
    """Whether the battery saver is on: what `settings get global low_power` prints."""
    return {"1": True, "0": False}.get(parse_setting(text) or "")


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    matched = pattern.search(text)
    return matched[1] if matched else None


def _delegate(lines: list[str]) -> dict[str, list[str]]:
    """What stands under KeyguardServiceDelegate, whose keys are too plain to look for elsewhere."""
    entries: dict[str, list[str]] = {}
    depth: int | None = None
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if line.strip() == _DELEGATE:
            depth = indent
        elif depth is not None and line.strip() and indent <= depth:
            depth = None
        elif depth is not None and (matched := _DELEGATE_ENTRY.fullmatch(line)):
            entries.setdefault(matched[1], []).append(matched[2])
    return entries
