"""`adb devices -l` and `adb version`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from deploy.phone.parsers.text import lines_of, whole, words

_HEADER = "List of devices attached"

_STATES = (
    "device|offline|unauthorized|authorizing|connecting|detached|recovery|rescue|sideload|"
    "bootloader|host|unknown"
)
# The one state with a sentence behind it, which holds blanks, brackets and an address.
_NO_PERMISSIONS = r"no permissions(?: \([^\t]*?\))?(?:; see \[[^\]]*\])?"
_TAGS = r"(?P<tags>(?: [a-z_]+:\S*)*)"

# A serial number may hold blanks, so the line is read from its end: tags, then a state that is
# known, then whatever is left. A state that we never heard of is taken to be one word.
_LINES = (
    re.compile(rf"(?P<serial>.+?)\s+(?P<state>{_NO_PERMISSIONS}|{_STATES}){_TAGS}"),
    re.compile(rf"(?P<serial>.+?)\s+(?P<state>\S+){_TAGS}"),
)
_LONGEST_LINE = 2000

_NETWORK_SERIAL = re.compile(r".+:[0-9]{1,5}|emulator-[0-9]+|.*\._adb-tls-connect\._tcp\.?")


@dataclass(frozen=True, kw_only=True)
class AttachedDevice:
    """A line of `adb devices -l`.

    `properties` holds its tags, such as usb, product, model and device; those but usb are there
    only while the state is `device`.
    """

    serial: str
    state: str
    properties: Mapping[str, str]
    transport_id: int | None
    connection: Literal["usb", "tcp"]


def parse_devices(text: str) -> tuple[AttachedDevice, ...]:
    """Every phone that the server knows, in its order; none where the list's header is missing."""
    lines = [line.strip(" \t") for line in lines_of(text)]
    if _HEADER not in lines:
        return ()
    listed = lines[lines.index(_HEADER) + 1 :]
    parsed = (_device(line) for line in listed if len(line) <= _LONGEST_LINE)
    return tuple(device for device in parsed if device is not None)


def _device(line: str) -> AttachedDevice | None:
    matched = next((found for each in _LINES if (found := each.fullmatch(line))), None)
    if matched is None:
        return None
    serial = matched["serial"].rstrip()
    tags = dict(tag.split(":", 1) for tag in matched["tags"].split())
    transport_id = whole(tags.pop("transport_id", None))
    over_network = "usb" not in tags and _NETWORK_SERIAL.fullmatch(serial) is not None
    return AttachedDevice(
        serial=serial,
        state=matched["state"],
        properties=tags,
        transport_id=transport_id,
        connection="tcp" if over_network else "usb",
    )


def parse_version(text: str) -> str | None:
    """The version of the client, such as 36.0.0-13206524; of one that does not tell it, that of
    its protocol, such as 1.0.41.
    """
    release = protocol = None
    for line in lines_of(text):
        if line.startswith("Version "):
            release = release or words(line.removeprefix("Version "))
        elif line.startswith("Android Debug Bridge version "):
            protocol = protocol or words(line.rpartition(" ")[2])
    return release or protocol
