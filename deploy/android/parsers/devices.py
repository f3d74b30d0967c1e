"""`adb devices -l` and `adb version`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from deploy.benchmark.parsers.text import lines_of, whole, words

_HEADER = "List of devices attached"

_STATES = (
    "device|offline|unauthorized|authorizing|connecting|detached|recovery|rescue|sideload|"
    "bootloader|host|unknown"
)
# The one state with a sentence behind it, which holds blanks, brackets and an address.
_NO_PERMISSIONS = r"no permissions(?: \([^\t]*?\))?(?:; see \[[^\]]*\])?"
# A run of them is tried once, from its start: not from each of its blanks.
_BLANKS = r"(?<=\S)\s++"
_TAGS = r"(?P<tags>(?: [a-z_]+:\S*)*)"

# A serial number may hold blanks, so the line is read from its end: tags, then a state that is
# known, then whatever is left. A state that we never heard of is taken to be one word.
_LINES = (
    re.compile(rf"(?P<serial>.+?){_BLANKS}(?P<state>{_NO_PERMISSIONS}|{_STATES}){_TAGS}"),
    re.compile(rf"(?P<serial>.+?){_BLANKS}(?P<state>\S++){_TAGS}"),
)
_LONGEST_LINE = 600

# What adb calls a phone over the network: HOST:PORT, an emulator, or a service that the phone
# announces (wireless debugging), whose name may end with the dot of a whole domain name.
_ADDRESS = re.compile(r".+:[0-9]{1,5}")
_SERVICE = re.compile(r".*\._adb(-tls-connect)?\._tcp\.?")
_EMULATOR = re.compile(r"emulator-[0-9]+")
# Where the cable is plugged in, which adb takes in place of a serial number; and its number for a
# connection, which another option of its takes.
_PORT = "usb:"
_TRANSPORT = "transport_id:"
# More than adb serves.
_MOST_DEVICES = 1000

Connection = Literal["usb", "tcp"]


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
    connection: Connection
    # The serial number that several have, where `serial` is the USB port or the transport for that
    # reason.
    shared_serial: str | None = None


def parse_devices(text: str) -> tuple[AttachedDevice, ...]:
    """Every phone that the server knows, in its order; none where the list's header is missing."""
    lines = [line.strip(" \t") for line in lines_of(text)]
    if _HEADER not in lines:
        return ()
    listed = lines[lines.index(_HEADER) + 1 :]
    parsed = (_device(line) for line in listed[:_MOST_DEVICES] if len(line) <= _LONGEST_LINE)
    devices = [device for device in parsed if device is not None]
    serials = Counter(device.serial for device in devices)
    ports = Counter(device.properties.get("usb") for device in devices)
    return tuple(
        _told_apart(device, ports) if serials[device.serial] > 1 else device for device in devices
    )


def _device(line: str) -> AttachedDevice | None:
    matched = next((found for form in _LINES if (found := form.fullmatch(line))), None)
    if matched is None:
        return None
    serial = matched["serial"].rstrip()
    tags = dict(tag.split(":", 1) for tag in matched["tags"].split())
    transport_id = whole(tags.pop("transport_id", None))
    return AttachedDevice(
        serial=serial,
        state=matched["state"],
        properties=tags,
        transport_id=transport_id,
        connection="usb" if "usb" in tags else connection_of(serial),
    )


def connection_of(serial: str) -> Connection:
    """How adb reaches the phone that it calls so.

    >>> connection_of("10.0.0.7:5555"), connection_of("adb-R5-x._adb-tls-connect._tcp.")
    ('tcp', 'tcp')
    >>> connection_of("R5CT10"), connection_of("usb:1-3")
    ('usb', 'usb')
    """
    forms = (_ADDRESS, _SERVICE, _EMULATOR)
    if serial.startswith((_PORT, _TRANSPORT)):
        return "usb"
    by_network = any(form.fullmatch(serial) for form in forms)
    return "tcp" if by_network else "usb"


def is_address(serial: str) -> bool:
    """Whether it is the HOST:PORT that `adb connect` takes."""
    return connection_of(serial) == "tcp" and _ADDRESS.fullmatch(serial) is not None


def selector(serial: str) -> tuple[str, str]:
    """The option with which adb is told to talk to that phone.

    >>> selector("R5CT10"), selector("transport_id:4")
    (('-s', 'R5CT10'), ('-t', '4'))
    """
    if serial.startswith(_TRANSPORT):
        return "-t", serial.removeprefix(_TRANSPORT)
    return "-s", serial


def _told_apart(device: AttachedDevice, ports: Mapping[str | None, int]) -> AttachedDevice:
    """One whose serial number another has too, as cheap phones do, by its USB port; by adb's number
    for the connection where that is not told, or not of one phone."""
    port = device.properties.get("usb")
    if port is not None and ports[port] == 1:
        name = f"{_PORT}{port}"
    elif device.transport_id is not None:
        name = f"{_TRANSPORT}{device.transport_id}"
    else:
        return device
    return replace(device, serial=name, shared_serial=device.serial)


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
