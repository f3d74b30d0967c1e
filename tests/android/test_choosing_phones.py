"""Which of adb's entries are one phone, and which of the phones is meant."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from adbutils._utils import adb_path
from bundle_factory import make_bundle
from phone_sessions import own_server
from places import FIXTURES
from virtual_phone_fixture import AdbServer, MakePhone

from deploy.android.adb import Adb
from deploy.android.devices import (
    Server,
    choose_phones,
    choose_runner,
    open_server,
    seen_phones,
)
from deploy.android.identity import Identity, SeenPhone, best_of, merge, read_identity
from deploy.android.lock import alone
from deploy.android.parsers.devices import parse_devices
from deploy.android.phone import Phone
from deploy.benchmark.bundles import Opened
from deploy.bundle.open import open_bundle
from deploy.bundle.parse import parse_manifest
from deploy.support.errors import PhoneError, UserError

__all__ = ["own_server"]

pytestmark = pytest.mark.usefixtures("own_server")


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


TWIN = "0123456789ABCDEF device"


@pytest.mark.parametrize(
    ("lines", "serials"),
    [
        # Not told, as of some systems; of one hub twice; told of one alone.
        (
            (f"{TWIN} transport_id:1", f"{TWIN} transport_id:2"),
            ("transport_id:1", "transport_id:2"),
        ),
        (
            (f"{TWIN} usb:1-3 transport_id:1", f"{TWIN} usb:1-3 transport_id:2"),
            ("transport_id:1", "transport_id:2"),
        ),
        (
            (f"{TWIN} usb:1-3 transport_id:1", f"{TWIN} transport_id:2"),
            ("usb:1-3", "transport_id:2"),
        ),
    ],
)
def test_a_serial_listed_twice_is_told_apart_by_its_transport(
    lines: tuple[str, str], serials: tuple[str, str]
) -> None:
    entries = parse_devices("List of devices attached\n" + "\n".join(lines))
    assert tuple(entry.serial for entry in entries) == serials
    assert choose_phones(entries, ["all"]) == entries
    # Neither tells who it is: that makes them no one phone.
    assert len(merge([(entry, None) for entry in entries])) == 2


def test_what_adb_cannot_tell_apart_is_refused_with_the_reason() -> None:
    entries = parse_devices(f"List of devices attached\n{TWIN}\n{TWIN}\nR5CT10 device\n")
    for wanted in ([], ["all"], ["R5CT10"], ["0123456789ABCDEF"]):
        with pytest.raises(UserError, match=r"lists 0123456789ABCDEF 2 times .*: unplug all but"):
            choose_phones(entries, wanted)


def test_clones_on_two_cables_are_two_phones() -> None:
    entries = parse_devices(
        f"List of devices attached\n{TWIN} usb:1-3 transport_id:1\n{TWIN} usb:1-4 transport_id:2\n"
    )
    clone = Identity(serialno="0123456789ABCDEF", boot_id="", android_id="9774d56d682e549c")
    assert len(merge([(entry, clone) for entry in entries])) == 2


def test_a_phone_is_talked_to_by_its_transport(phone: MakePhone, adb_server: AdbServer) -> None:
    connected = phone()
    adb = Adb(binary=adb_path(), port=adb_server.port)
    (entry,) = [entry for entry in adb.devices() if entry.serial == connected.serial]
    twin = Phone(adb, f"transport_id:{entry.transport_id}")
    assert twin.shell("getprop ro.serialno").out == f"{connected.phone.state.serial}\n"
    assert "shell_v2" in twin.features
    assert not twin.over_network


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
    seen = merge([(entry, identity) for entry in parse_devices(listed)])
    assert len(seen) == phones
    assert seen[0].attached.serial == serials[0]


STATES = [
    ("unauthorized", "unauthorized"),
    ("offline", "offline"),
    ("recovery", "not-booted"),
]


@pytest.mark.parametrize(("fault", "kind"), STATES)
def test_a_phone_that_cannot_be_used_is_refused_by_its_state(
    phone: MakePhone, adb_server: AdbServer, fault: str, kind: str
) -> None:
    ailing = phone(faults=[fault])
    adb = Adb(binary=adb_path(), port=adb_server.port)
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        states = {entry.serial: entry.state for entry in adb.devices()}
        if states.get(ailing.serial) not in (None, "device", "authorizing", "connecting"):
            break
        time.sleep(0.1)
    with pytest.raises(PhoneError) as refused:
        choose_phones(adb.devices(), [ailing.serial])
    assert refused.value.kind == kind


def test_no_phone_and_many_phones_say_what_to_do(phone: MakePhone, adb_server: AdbServer) -> None:
    adb = Adb(binary=adb_path(), port=adb_server.port)
    with pytest.raises(PhoneError) as none:
        choose_phones([], [])
    assert none.value.kind == "no-phone"
    first, second = phone(), phone()
    with pytest.raises(UserError, match="give --device all or one of"):
        choose_phones(adb.devices(), [])
    assert {entry.serial for entry in choose_phones(adb.devices(), ["all"])} == {
        first.serial,
        second.serial,
    }
    with pytest.raises(PhoneError) as unknown:
        choose_phones(adb.devices(), ["nobody"])
    assert unknown.value.kind == "not-found"


def test_one_phone_by_two_transports_is_one_phone(phone: MakePhone, adb_server: AdbServer) -> None:
    connected = phone()
    again = connected.serial.replace("127.0.0.1", "localhost")
    adb_server.run("connect", again, timeout=15)
    adb = Adb(binary=adb_path(), port=adb_server.port)
    try:
        assert len(adb.devices()) == 2
        (seen,) = seen_phones(adb, adb.devices(), [])
        assert {seen.attached.serial, *seen.also} == {connected.serial, again}
        assert len(seen_phones(adb, adb.devices(), ["all"])) == 1
        assert len(seen_phones(adb, adb.devices(), [again, connected.serial])) == 1
        with (
            alone(Phone(adb, connected.serial)),
            pytest.raises(PhoneError, match="another session"),
            alone(Phone(adb, again)),
        ):
            pass
    finally:
        adb_server.disconnect(again)


def test_two_phones_with_one_serial_number_are_two(phone: MakePhone, adb_server: AdbServer) -> None:
    first, second = phone(), phone()
    adb = Adb(binary=adb_path(), port=adb_server.port)
    told = [read_identity(Phone(adb, connected.serial)) for connected in (first, second)]
    assert told[0].serialno == told[1].serialno == first.phone.state.serial
    # What results call them: two files, with one of them each, are of two phones.
    assert told[0].name != told[1].name
    assert not any(identity.android_id in identity.name for identity in told)
    assert len(seen_phones(adb, adb.devices(), ["all"])) == 2
    with alone(Phone(adb, first.serial)), alone(Phone(adb, second.serial)):
        pass


def test_a_lock_needs_no_home(
    phone: MakePhone, adb_server: AdbServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    connected = phone()
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", "/proc/nowhere")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with alone(Phone(Adb(binary=adb_path(), port=adb_server.port), connected.serial)):
        assert len(list(tmp_path.rglob("phone-*.lock"))) == 1


def test_an_address_where_nobody_listens_is_refused(adb_server: AdbServer) -> None:
    with pytest.raises(PhoneError, match="cannot connect to"):
        open_server(Server(port=adb_server.port, connect=("127.0.0.1:9",)))


def test_an_app_that_knows_no_pixels_is_refused_by_name_before_anything_is_measured(
    phone: MakePhone, adb_server: AdbServer, tmp_path: Path
) -> None:
    make_bundle(tmp_path / "bundle")
    manifest = (FIXTURES / "manifests/pixels.json").read_bytes()
    opened = Opened(
        bundle=open_bundle(tmp_path / "bundle"),
        id="a" * 64,
        label="bundle",
        artifacts=parse_manifest(manifest, "it").artifacts,
    )
    runner = replace(choose_runner("app", None, [opened]), name=None)
    assert runner.pixels
    adb = Adb(binary=adb_path(), port=adb_server.port)
    older, newer = phone(faults=["app-older"]), phone(seed=1)
    names = ", ".join(runner.pixels)
    with pytest.raises(UserError, match=f"speaks protocol 1 .* pixels, which {names} take"):
        runner.on(Phone(adb, older.serial))
    assert callable(runner.on(Phone(adb, newer.serial)))
    # Of floats it takes what it always took.
    assert callable(replace(runner, pixels=()).on(Phone(adb, older.serial)))
