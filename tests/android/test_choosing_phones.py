"""Which of adb's entries are one phone, and which of the phones is meant."""

from __future__ import annotations

import pytest

from deploy.android.devices import choose_phones
from deploy.android.identity import Identity, SeenPhone, best_of, merge
from deploy.android.parsers.devices import parse_devices
from deploy.support.errors import UserError


def test_phones_with_one_serial_number_are_told_apart_by_their_ports() -> None:
    first, second, third = parse_devices(
        "List of devices attached\n"
        "0123456789ABCDEF       device usb:1-3 product:a model:A device:a transport_id:1\n"
        "0123456789ABCDEF       device usb:1-4 product:a model:A device:a transport_id:2\n"
        "R5CT10                 device usb:1-5 product:a model:A device:a transport_id:3\n"
    )
    assert [first.serial, second.serial, third.serial] == ["usb:1-3", "usb:1-4", "R5CT10"]
    with pytest.raises(UserError, match="2 phones have the serial number 0123456789ABCDEF: give"):
        choose_phones([first, second, third], ["0123456789ABCDEF"])
    assert choose_phones([first, second, third], ["usb:1-4"]) == (second,)


def test_the_cable_is_preferred() -> None:
    wireless, cable = parse_devices(
        "List of devices attached\n"
        "10.0.0.7:5555          device product:a model:A device:a transport_id:1\n"
        "R5CT10                 device usb:1-5 product:a model:A device:a transport_id:3\n"
    )
    assert best_of([wireless, cable]) == SeenPhone(attached=cable, also=("10.0.0.7:5555",))


BOOT = "0f0c1a52-5d8f-4f5e-9e21-3b1e6a1f0c77"


@pytest.mark.parametrize(
    ("serials", "android_id", "serialno", "phones"),
    [
        # By cable and by network: one phone.
        (("R58", "192.168.0.9:5555"), "9774d56d682e549c", "R58", 1),
        (("R58", "192.168.0.9:5555"), "", "R58", 1),
        # Containers on one computer before they have settings; emulators of one snapshot.
        (("10.0.0.1:5555", "10.0.0.1:5556"), "", "", 2),
        (("emulator-5554", "emulator-5556"), "9774d56d682e549c", "EMULATOR35X", 2),
    ],
)
def test_entries_are_one_phone_only_where_no_other_would_say_the_same(
    serials: tuple[str, ...], android_id: str, serialno: str, phones: int
) -> None:
    listed = "List of devices attached\n" + "".join(
        f"{serial}\tdevice {'usb:1-3 ' if serial == 'R58' else ''}product:a\n" for serial in serials
    )
    identity = Identity(serialno=serialno, boot_id=BOOT, android_id=android_id)
    seen = merge([(each, identity) for each in parse_devices(listed)])
    assert len(seen) == phones
    assert seen[0].attached.serial == serials[0]
