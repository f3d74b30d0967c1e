"""What adb itself prints: its list of devices, its version, and how it says that it failed."""

from __future__ import annotations

import pytest
from phone_output import fixture

from deploy.android.adb import Adb
from deploy.android.parsers.devices import parse_devices, parse_version
from deploy.android.parsers.failures import FailureKind, failure_kind
from deploy.android.phone import Phone


def test_devices_with_their_states_and_ways() -> None:
    found = [
        (entry.serial, entry.state, entry.connection)
        for entry in parse_devices(fixture("devices_36"))
    ]
    assert found == [
        ("1A2B3C4D5E", "device", "usb"),
        ("192.168.1.7:5555", "device", "tcp"),
        ("adb-R5CT1-qWx2Yz._adb-tls-connect._tcp", "device", "tcp"),
        ("emulator-5554", "offline", "tcp"),
        ("R58M12345", "unauthorized", "usb"),
        ("my device 7", "device", "usb"),
        (
            "????????????",
            "no permissions (missing udev rules? user is in the plugdev group); "
            "see [http://developer.android.com/tools/device.html]",
            "usb",
        ),
        ("0123456789ABCDEF", "recovery", "usb"),
        ("odd;$(reboot)'\"测试", "device", "usb"),
    ]


def test_tags_of_a_device() -> None:
    first, _, _, offline, *_ = parse_devices(fixture("devices_36"))
    assert first.properties == {
        "usb": "1-3",
        "product": "shiba",
        "model": "Pixel_8",
        "device": "shiba",
    }
    assert (first.transport_id, offline.transport_id) == (1, 4)
    assert offline.properties == {}


def test_the_short_list_is_read_too() -> None:
    found = [
        (entry.serial, entry.state.split(" (")[0])
        for entry in parse_devices(fixture("devices_short"))
    ]
    assert found == [
        ("emulator-5554", "device"),
        ("192.168.1.7:5555", "offline"),
        ("my phone", "no permissions"),
    ]


def test_a_serial_that_looks_like_an_address_may_be_on_usb() -> None:
    (device,) = parse_devices("List of devices attached\nab:12  device usb:1-1 transport_id:7\n")
    assert (device.serial, device.connection) == ("ab:12", "usb")


def test_the_same_function_says_how_a_phone_is_reached() -> None:
    adb = Adb(binary="adb")
    for serial, connection, address in [
        ("adb-R5CT1-qWx2Yz._adb-tls-connect._tcp", "tcp", False),
        ("adb-R5CT1-qWx2Yz._adb-tls-connect._tcp.", "tcp", False),
        ("adb-R5CT1 (2)._adb._tcp", "tcp", False),
        ("[fe80::1%eth0]:5555", "tcp", True),
        ("emulator-5554", "tcp", False),
        ("R5CT10", "usb", False),
        ("usb:1-3", "usb", False),
        ("usb:12345", "usb", False),
    ]:
        text = f"List of devices attached\n{serial}\tdevice\n"
        (listed,) = parse_devices(text)
        phone = Phone(adb, serial)
        assert (listed.connection, phone.connection) == (connection, connection), serial
        assert phone.over_network == address
    # Its list knows better than its name.
    assert Phone(adb, "ab:12", linked_by="usb").over_network is False


def test_a_state_never_heard_of_is_one_word() -> None:
    (device,) = parse_devices("List of devices attached\na b    dreaming usb:1-1 transport_id:7\n")
    assert (device.serial, device.state, device.transport_id) == ("a b", "dreaming", 7)


def test_an_error_instead_of_the_list_names_no_phone() -> None:
    assert parse_devices("adb: error: cannot connect to daemon device\n") == ()


@pytest.mark.parametrize(
    ("name", "version"), [("version_36", "36.0.0-13206524"), ("version_old", "1.0.39")]
)
def test_version_of_the_client(name: str, version: str) -> None:
    assert parse_version(fixture(name)) == version


SHELL_FAILURES: list[tuple[str, FailureKind]] = [
    ("adb: no devices/emulators found", "no-phone"),
    ("error: no devices/emulators found", "no-phone"),
    ("error: no devices found", "no-phone"),
    ("adb: more than one device/emulator", "many-phones"),
    ("error: more than one device/emulator", "many-phones"),
    ("adb: device unauthorized.\nThis adb server's $ADB_VENDOR_KEYS is not set", "unauthorized"),
    ("error: device unauthorized.", "unauthorized"),
    ("error: device still authorizing", "unauthorized"),
    ("adb: device offline", "offline"),
    ("error: device offline", "offline"),
    ("adb: device 'a b' not found", "not-found"),
    ("error: device '127.0.0.1:5' not found", "not-found"),
    ("error: device not found", "not-found"),
    ("adb: insufficient permissions for device: missing udev rules?", "no-permissions"),
    ("error: insufficient permissions for device: verify udev rules.", "no-permissions"),
    ("error: closed", "lost"),
    ("* cannot connect to daemon at tcp:5037: Connection refused", "server-unreachable"),
    ("adb: failed to check server version: protocol fault", "server-unreachable"),
    ("adb server version (41) doesn't match this client (39); killing...", "server-version"),
    ("sh: write error: No space left on device", "no-space"),
    ("adb: unknown command frob", "other"),
]


@pytest.mark.parametrize(("stderr", "kind"), SHELL_FAILURES)
def test_failures_of_a_shell(stderr: str, kind: FailureKind) -> None:
    for text in (stderr, f"* daemon started successfully\r\n{stderr}\r\n"):
        assert failure_kind("", text, 1, "shell") == kind


@pytest.mark.parametrize(
    ("stderr", "kind"),
    [
        ("adb: error: failed to get feature set: device unauthorized.", "unauthorized"),
        ("adb: error: failed to get feature set: no devices/emulators found", "no-phone"),
        ("adb: error: failed to get feature set: device 'x: y' not found", "not-found"),
        (
            "adb: error: failed to read copy response: EOF\n"
            "a.pte: 1 file pushed, 0 skipped. 414.5 MB/s (10000000 bytes in 0.023s)",
            "lost",
        ),
        ("adb: error: failed to copy 'a' to '/b': couldn't read from device", "lost"),
        (
            "adb: error: failed to copy 'a' to '/b': remote write failed: No space left on device",
            "no-space",
        ),
        ("adb: error: cannot stat 'a': No such file or directory", "other"),
        ("", "other"),
    ],
)
def test_failures_of_a_push_on_either_stream(stderr: str, kind: FailureKind) -> None:
    assert failure_kind("", stderr, 1, "push") == kind
    assert failure_kind(stderr, "", 1, "push") == kind


@pytest.mark.parametrize(
    ("stdout", "kind"),
    [
        ("connected to 127.0.0.1:5555", None),
        ("already connected to 127.0.0.1:5555", None),
        ("failed to connect to '127.0.0.1:1': Connection refused", "connect-refused"),
        ("failed to connect to 127.0.0.1:5555", "connect-refused"),
        ("bad port number 'x' in 'h:x'", "connect-refused"),
        ("failed to authenticate to 127.0.0.1:5555", "unauthorized"),
    ],
)
def test_a_connect_that_fails_ends_with_nought(stdout: str, kind: FailureKind | None) -> None:
    assert failure_kind(f"{stdout}\n", "", 0, "connect") == kind


def test_a_pull_that_is_cut_off_says_nothing() -> None:
    assert failure_kind("", "", 1, "pull") == "lost"


def test_only_exit_code_255_of_a_silent_shell_is_a_lost_phone() -> None:
    assert failure_kind("half an ans", "", 255, "shell") == "lost"
    assert failure_kind("", "", 7, "shell") is None
    assert failure_kind("", "", 0, "shell") is None


def test_what_a_program_on_the_phone_says_is_not_taken_for_adb() -> None:
    assert failure_kind("adb: device offline", "", 1, "shell") is None
    assert failure_kind("", "cat: x: Connection reset by peer", 1, "shell") is None
    assert failure_kind("", "my error: device offline here", 1, "shell") is None


def test_success_with_a_server_restarted_is_success() -> None:
    stderr = "adb server version (41) doesn't match this client (39); killing..."
    assert failure_kind("", stderr, 0, "devices") is None
