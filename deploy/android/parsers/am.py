"""`am start -W`: whether an activity has started, and whether it was this one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from deploy.benchmark.parsers.text import lines_of, words

_ERROR = re.compile(
    r"Error: |Error type [0-9]+|Security exception: |Exception occurred while executing|"
    r"(?:java|android)\.[A-Za-z.]+(?:Exception|Error)\b"
)
_BROUGHT = ("task has been brought to the front", "currently running top-most instance")


@dataclass(frozen=True, kw_only=True)
class Started:
    """`status` is None where the text does not say; `activity` the one in front, which may be
    another app's. `brought_to_front`: it ran already, and nothing new has been started.
    """

    status: Literal["ok", "timeout", "error"] | None
    error: str | None
    activity: str | None
    brought_to_front: bool


def parse_started(text: str) -> Started:
    """Both streams of `am start -W`, one after the other: errors go to either."""
    lines = [line.strip() for line in lines_of(text)]
    errors = [line for line in lines if _ERROR.match(line)]
    said = _value(lines, "Status: ")
    status: Literal["ok", "timeout", "error"] | None = None
    if errors:
        status = "error"
    elif said == "ok":
        status = "ok"
    elif said == "timeout":
        status = "timeout"
    return Started(
        status=status,
        error=words(_telling(errors)),
        activity=words(_value(lines, "Activity: ")),
        brought_to_front=any(sign in line for line in lines for sign in _BROUGHT),
    )


def _value(lines: list[str], key: str) -> str | None:
    return next((line.removeprefix(key) for line in lines if line.startswith(key)), None)


def _telling(errors: list[str]) -> str | None:
    """The first line that is more than a number or an announcement."""
    vague = ("Error type ", "Exception occurred while executing")
    plain = [line for line in errors if not line.startswith(vague)]
    return next(iter(plain or errors), None)
