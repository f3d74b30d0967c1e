"""Which of adb's entries are one phone: by cable and by network adb lists it twice.

A serial number does not tell: cheap phones all have 0123456789ABCDEF. The boot id is drawn anew by
each kernel that starts; containers on one computer share it, and emulators of one snapshot share
all there is: these stay apart.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from deploy.android.adb import Adb
from deploy.android.parsers.devices import AttachedDevice
from deploy.android.phone import Phone
from deploy.support.errors import PhoneError
from deploy.support.printable import last_line

_QUESTIONS = {
    "serialno": "getprop ro.serialno",
    "boot_id": "cat /proc/sys/kernel/random/boot_id",
    "android_id": "settings get secure android_id",
}
_BOOT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ANDROID_ID = re.compile(r"[0-9a-f]{8,16}")


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What a phone says of itself; "" for what it does not tell."""

    serialno: str
    boot_id: str
    android_id: str

    @property
    def is_known(self) -> bool:
        """Whether another phone would say something else."""
        return bool(self.boot_id or self.android_id)

    @property
    def name(self) -> str:
        """What a file of results may call it: its serial number, and what tells it from others that
        have the same, of which the number itself is nobody's affair."""
        if not self.android_id:
            return self.serialno
        told = hashlib.sha256(self.android_id.encode()).hexdigest()[:8]
        return f"{self.serialno or 'unnamed'}-{told}"

    @property
    def lasting(self) -> str:
        """The same for every session on it, after it has restarted too where that can be had."""
        return f"{self.serialno} {self.android_id or self.boot_id}"


@dataclass(frozen=True, kw_only=True)
class SeenPhone:
    """A phone by the entry to talk to it by; `also` are the serials of its other entries."""

    attached: AttachedDevice
    also: tuple[str, ...] = field(default=())

    def open(self, adb: Adb) -> Phone:
        """The phone, to be talked to."""
        return Phone(adb, self.attached.serial, linked_by=self.attached.connection)


def read_identity(phone: Phone) -> Identity:
    """Raises PhoneError where it cannot be asked."""
    said = {name: last_line(text) for name, text in phone.shell_each(_QUESTIONS).items()}

    def sound(name: str, form: re.Pattern[str]) -> str:
        return said[name] if form.fullmatch(said[name]) else ""

    return Identity(
        serialno=said["serialno"],
        boot_id=sound("boot_id", _BOOT_ID),
        android_id=sound("android_id", _ANDROID_ID),
    )


def one_each(adb: Adb, attached: Sequence[AttachedDevice]) -> tuple[SeenPhone, ...]:
    """The phones behind the entries, in their order, each by its best entry.

    Only usable entries can be asked; every other, and one that does not tell, is a phone by itself.
    """
    usable = [entry for entry in attached if entry.state == "device"]
    if len(usable) < 2:
        return tuple(SeenPhone(attached=entry) for entry in attached)
    return merge(
        [(entry, _identity(adb, entry) if entry in usable else None) for entry in attached]
    )


def merge(entries: Sequence[tuple[AttachedDevice, Identity | None]]) -> tuple[SeenPhone, ...]:
    """The phones behind entries that say who they are, None for one that does not."""
    groups: dict[Identity | int, list[AttachedDevice]] = {}
    for place, (entry, identity) in enumerate(entries):
        if identity is None or not identity.is_known or _is_emulator(entry):
            groups[place] = [entry]
        else:
            groups.setdefault(identity, []).append(entry)
    seen: list[SeenPhone] = []
    for said, group in groups.items():
        if isinstance(said, Identity) and not _is_one(said, group):
            seen += [SeenPhone(attached=entry) for entry in group]
        else:
            seen.append(best_of(group))
    return tuple(seen)


def _is_emulator(attached: AttachedDevice) -> bool:
    return attached.serial.startswith("emulator-")


def _is_one(identity: Identity, entries: Sequence[AttachedDevice]) -> bool:
    """A boot id alone is shared by containers, of which none hangs on a cable; no phone hangs on
    two."""
    cables = sum(entry.connection == "usb" for entry in entries)
    return cables == 1 or (not cables and bool(identity.android_id))


def _identity(adb: Adb, attached: AttachedDevice) -> Identity | None:
    try:
        return read_identity(SeenPhone(attached=attached).open(adb))
    except PhoneError:
        return None


def best_of(entries: Sequence[AttachedDevice]) -> SeenPhone:
    """A phone by the best of its entries: the cable, else the first in adb's list."""
    best = min(entries, key=lambda entry: entry.connection != "usb")
    return SeenPhone(
        attached=best, also=tuple(entry.serial for entry in entries if entry is not best)
    )
