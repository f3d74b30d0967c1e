"""What a failed run of the adb client means, by its words and its exit code.

The spellings are those of adb 29 (`error: ...`) and 36 (`adb: ...`), and of older ones where known.
"""

from __future__ import annotations

import re
from typing import Literal

FailureKind = Literal[
    "no-phone",
    "many-phones",
    "unauthorized",
    "offline",
    "not-found",
    "no-permissions",
    "lost",
    "server-unreachable",
    "server-version",
    "no-space",
    "connect-refused",
    "other",
]

# What adb itself says is behind one of its prefixes; the same words in a program's own output on
# the phone are not. `adb: error: failed to get feature set: device offline` has more in between.
_PREFIX = r"^(?:adb(?:\.exe)?|error): (?:.*: )?"

# In this order: a sentence about the server comes before what follows from it.
_SPELLINGS: tuple[tuple[FailureKind, str], ...] = (
    (
        "server-unreachable",
        r"cannot connect to daemon|failed to check server version|failed to start daemon"
        r"|could not install \*smartsocket\* listener|ADB server didn't ACK",
    ),
    ("no-permissions", rf"{_PREFIX}insufficient permissions for device|no permissions \("),
    (
        "unauthorized",
        rf"{_PREFIX}device (?:unauthorized|still authorizing)|^failed to authenticate to ",
    ),
    ("offline", rf"{_PREFIX}device (?:offline|still connecting)"),
    ("many-phones", rf"{_PREFIX}more than one (?:device|emulator)"),
    ("no-phone", rf"{_PREFIX}no (?:devices|emulators|devices/emulators) found"),
    (
        "not-found",
        rf"{_PREFIX}(?:device (?:'.*' |with transport id .*)?not found|no such device '.*')",
    ),
    ("no-space", r"No space left on device"),
    (
        "connect-refused",
        r"^(?:failed to connect to |unable to connect to |bad port number |cannot resolve host|"
        r"failed to resolve host|empty address)",
    ),
    (
        "lost",
        r"failed to read copy response: |couldn't read from device"
        rf"|{_PREFIX}(?:closed$|protocol fault|Connection reset by peer|Broken pipe)",
    ),
    ("server-version", r"adb server (?:version .* doesn't match|is out of date)"),
)
_PATTERNS = [(kind, re.compile(words, re.MULTILINE)) for kind, words in _SPELLINGS]

# A line longer than any of adb's own is a program's output.
_LONGEST_LINE = 2000

# The client of today when a connection drops, or the phone ends a command without its exit code.
_DROPPED = 255


def failure_kind(stdout: str, stderr: str, code: int, command: str) -> FailureKind | None:
    """Why a run of adb failed; None where nothing says that adb did.

    `command` is adb's own: shell, exec-out, push, pull, connect, devices and so on. Of `shell` and
    `exec-out` the output is the phone's affair and so is an exit code, but for 255, which is
    "lost": a command of the phone may end so too, which an end mark of the caller's tells. A
    connection that drops may as well look like success (adb 29, and exec-out always).
    "connect-refused" is any `adb connect` that reached nobody.
    """
    remote = command in ("shell", "exec-out")
    said = _short_lines(stderr if remote else f"{stdout}\n{stderr}")
    # `adb connect` ends with 0 when it fails.
    if code == 0 and command != "connect":
        return None
    for kind, pattern in _PATTERNS:
        if pattern.search(said):
            return kind
    if code == 0:
        return None
    if remote:
        if code == _DROPPED:
            return "lost"
        return "other" if re.search(r"^adb(?:\.exe)?: ", said, re.MULTILINE) else None
    # A pull that is cut off says nothing at all.
    return "lost" if command == "pull" and not said.strip() else "other"


def _short_lines(text: str) -> str:
    lines = text.replace("\r", "").split("\n")
    return "\n".join(line for line in lines if len(line) <= _LONGEST_LINE)
