"""What phones and adb print, read: as captured, with CRLF, cut off anywhere, and garbled."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.android.adb import Adb
from deploy.android.devices import choose_phones
from deploy.android.identity import Identity, SeenPhone, best_of, merge
from deploy.android.parsers.am import parse_started
from deploy.android.parsers.battery import parse_battery
from deploy.android.parsers.deaths import parse_deaths
from deploy.android.parsers.devices import parse_devices, parse_version
from deploy.android.parsers.disk import parse_available
from deploy.android.parsers.failures import FailureKind, failure_kind
from deploy.android.parsers.load import busy_share, parse_meminfo, parse_stat
from deploy.android.parsers.packages import parse_app_version, parse_package
from deploy.android.parsers.power import (
    parse_keyguard,
    parse_power,
    parse_power_save,
    parse_setting,
)
from deploy.android.parsers.processes import parse_exit_info, parse_pidof
from deploy.android.parsers.properties import describe, parse_properties
from deploy.android.parsers.runner_log import parse_runner_log
from deploy.android.parsers.thermal import parse_thermal
from deploy.android.phone import Phone
from deploy.benchmark.parsers.cpu import clocks, clusters, parse_files
from deploy.benchmark.parsers.per_op import OperatorTime, parse_profile
from deploy.benchmark.parsers.process import parse_status
from deploy.benchmark.parsers.text import decimal, lines_of, whole, words
from deploy.results.cores import cores_of, mask_of, parse_core_list
from deploy.results.records import Cluster, CoreClock, Temperature
from deploy.support.errors import UserError

FIXTURES = Path(__file__).parents[1] / "fixtures" / "phone"
APP = "dev.mobiledeploy.demo"

# Every parser, each a function of one text.
PARSERS: dict[str, Callable[[str], object]] = {
    "am": parse_started,
    "battery": parse_battery,
    "core list": parse_core_list,
    "cpu": lambda text: (clusters(parse_files(text)), clocks(parse_files(text))),
    "deaths": lambda text: parse_deaths(text, APP),
    "devices": parse_devices,
    "disk": parse_available,
    "exit info": parse_exit_info,
    "failure of connect": lambda text: failure_kind(text, text, 0, "connect"),
    "failure of push": lambda text: failure_kind(text, text, 1, "push"),
    "failure of shell": lambda text: failure_kind(text, text, 1, "shell"),
    "keyguard": parse_keyguard,
    "mask": cores_of,
    "meminfo": parse_meminfo,
    "package": lambda text: parse_package(text, APP),
    "app version": parse_app_version,
    "pidof": parse_pidof,
    "power": parse_power,
    "power save": parse_power_save,
    "profile": parse_profile,
    "properties": lambda text: describe(parse_properties(text)),
    "runner log": parse_runner_log,
    "setting": parse_setting,
    "stat": lambda text: busy_share(parse_stat(text), parse_stat(text)),
    "status": parse_status,
    "thermal": parse_thermal,
    "version": parse_version,
}


def fixture(name: str) -> str:
    return (FIXTURES / f"{name}.txt").read_text(encoding="utf-8")


def fixtures() -> dict[str, str]:
    return {path.stem: fixture(path.stem) for path in sorted(FIXTURES.glob("*.txt"))}


# --- for every parser -----------------------------------------------------------------------


@pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)
def test_carriage_returns_change_nothing(parser: Callable[[str], object]) -> None:
    for text in fixtures().values():
        expected = parser(text)
        assert parser(text.replace("\n", "\r\n")) == expected
        assert parser(text.replace("\n", "\r\r\n")) == expected


@pytest.mark.parametrize("name", sorted(PARSERS.keys() - {"profile"}))
def test_the_daemon_that_starts_first_changes_nothing(name: str) -> None:
    """A profile is a file on this computer, so that no client speaks into it."""
    parser = PARSERS[name]
    noise = (
        "* daemon not running; starting now at tcp:5037\n* daemon started successfully\n"
        "* daemon not running. starting it now on port 5037 *\n"
    )
    for text in fixtures().values():
        assert parser(noise + text) == parser(text)


@pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)
def test_nothing_is_learnt_from_nothing(parser: Callable[[str], object]) -> None:
    empty = parser("")
    for text in ("\n", "\r\n\r\n", "\x00", "Permission Denial: can't dump", "Killed"):
        # A text that is not the command's says as little as none; a push that fails is one anyhow.
        if parser is not PARSERS["failure of push"] and parser is not PARSERS["setting"]:
            assert parser(text) == empty


@pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)
def test_no_text_is_too_garbled(parser: Callable[[str], object]) -> None:
    """Each fixture cut off at many places, with stretches lost, doubled and overwritten."""
    chance = random.Random(0)
    strange = "\x00\r\n\t :=[]{}(),.-_/'\"%*#0123456789eE²٣\u2028\x1c\udc80\U0001f4f1Ñn"
    for text in fixtures().values():
        for _ in range(12):
            parser(text[: chance.randrange(len(text) + 1)])
            start = chance.randrange(len(text))
            end = start + chance.randrange(40)
            parser(text[:start] + text[end:])
            parser(text[:end] + text[start:])
            noise = "".join(chance.choices(strange, k=chance.randrange(1, 12)))
            parser(text[:start] + noise + text[end:])
            parser(text.replace("0", "9" * 5000, 1))
    for _ in range(40):
        parser("".join(chance.choices(strange, k=chance.randrange(200))))
        parser(chance.randbytes(200).decode("utf-8", "replace"))
        parser(chance.randbytes(200).decode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)
def test_a_deep_or_endless_text_is_survived(parser: Callable[[str], object]) -> None:
    endless = ("[", "a", "9", " ", "[a]: [", "cpu ", "a: ", "/a:", "device ", "1 ", "\n", "[]\n")
    for part in endless:
        parser(part * 8_000)
        parser("List of devices attached\n" + part * 8_000)
        parser("ApplicationExitInfo #0: pid=1 reason=1 (" + part * 8_000)
        parser("cpu0" + part * 8_000 + "x")


@pytest.mark.parametrize(
    ("text", "value"),
    [("12", 12), (" -3 ", -3), ("", None), ("1.5", None), ("²", None), ("9" * 5000, None)],
)
def test_whole_numbers_are_plain_digits(text: str, value: int | None) -> None:
    assert whole(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("38.1", 38.1), ("-4", -4.0), ("3.0E1", 30.0), ("NaN", None), ("inf", None), ("1e999", None)],
)
def test_decimals_are_finite(text: str, value: float | None) -> None:
    assert decimal(text) == value


def test_words_are_one_printable_line() -> None:
    assert words("Pixel\x1b[31m\n8\udc80") == "Pixel?[31m?8?"


def test_lines_end_at_line_feeds_alone() -> None:
    assert lines_of("a\u2028b\x1cc\r\nd") == ["a\u2028b\x1cc", "d"]


# --- the client -----------------------------------------------------------------------------


def test_devices_with_their_states_and_ways() -> None:
    found = [
        (each.serial, each.state, each.connection) for each in parse_devices(fixture("devices_36"))
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
        (each.serial, each.state.split(" (")[0]) for each in parse_devices(fixture("devices_short"))
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


# --- what the phone is ----------------------------------------------------------------------


def test_a_phone_of_today_by_its_properties() -> None:
    phone = describe(parse_properties(fixture("getprop_pixel")))
    assert (phone.model, phone.manufacturer, phone.soc) == ("Pixel 8", "Google", "Google Tensor G3")
    assert (phone.release, phone.api) == ("14", 34)
    assert (phone.abi, phone.abilist) == ("arm64-v8a", ("arm64-v8a",))
    assert phone.fingerprint == "google/shiba/shiba:14/AP1A.240505.004/11583682:user/release-keys"
    assert phone.serialno == "1A2B3C4D5E"
    assert (phone.emulator, phone.virtual) == (False, False)


def test_an_old_phone_has_fallbacks_and_unknowns() -> None:
    phone = describe(parse_properties(fixture("getprop_old")))
    assert (phone.soc, phone.serialno, phone.api) == ("msm8937", None, 25)
    assert phone.abilist == ("armeabi-v7a", "armeabi")


def test_values_over_lines_and_with_brackets() -> None:
    pixel = parse_properties(fixture("getprop_pixel"))
    assert pixel["persist.sys.boot.reason.history"].endswith("\nshutdown,battery,1716100000")
    assert parse_properties(fixture("getprop_old"))["gsm.sim.operator.alpha"] == "a [b]: c"


def test_a_value_that_is_cut_off_is_unknown_and_does_not_swallow_the_next() -> None:
    assert parse_properties("[a]: [x\n[b]: [y]\n[c]: [z") == {"b": "y"}


@pytest.mark.parametrize("key", ["ro.kernel.qemu", "ro.boot.qemu"])
def test_emulators_and_virtual_phones_are_marked(key: str) -> None:
    assert describe({key: "1"}).emulator
    assert describe({"ro.product.model": "Virtual Pixel"}).virtual
    assert describe({}).abi is None


def test_the_maker_is_not_said_twice() -> None:
    properties = {"ro.soc.manufacturer": "Mediatek", "ro.soc.model": "MediaTek MT6789"}
    assert describe(properties).soc == "MediaTek MT6789"


# --- heat, power, screen --------------------------------------------------------------------


def test_battery_with_lines_in_between() -> None:
    battery = parse_battery(fixture("battery_android15"))
    assert (battery.level, battery.celsius, battery.millivolts) == (0.83, 31.4, 4213)
    assert (battery.charging, battery.powered, battery.faked) == (True, True, False)


def test_battery_before_a_vendors_own_section() -> None:
    battery = parse_battery(fixture("battery_samsung"))
    assert (battery.level, battery.celsius) == (0.57, -2.5)
    assert (battery.charging, battery.powered) == (False, False)


def test_what_android_does_not_say_is_not_taken_from_a_vendor() -> None:
    own = "Current Battery Service state:\n  level: 57\n  level: 72\n"
    for heading in ("BatteryInfoBackUp", "  Vendor section:"):
        battery = parse_battery(f"{own}{heading}\n  temperature: 451\n  status: 2\n")
        assert (battery.level, battery.celsius, battery.charging) == (0.57, None, None)


def test_faked_battery_is_told() -> None:
    battery = parse_battery(fixture("battery_faked"))
    assert battery.faked
    assert (battery.charging, battery.powered) == (False, True)


def test_without_a_battery_its_noughts_are_unknown() -> None:
    battery = parse_battery(fixture("battery_none"))
    assert (battery.level, battery.celsius, battery.millivolts) == (None, None, None)
    assert battery.charging is None
    assert battery.powered is True


def test_current_temperatures_alone_and_degrees_alone() -> None:
    thermal = parse_thermal(fixture("thermal_android15"))
    assert (thermal.status, thermal.overridden) == (1, False)
    assert thermal.sensors == (
        Temperature(name="CPU0", kind="CPU", celsius=57.9),
        Temperature(name="VIRTUAL-SKIN", kind="SKIN", celsius=38.1),
        Temperature(name="battery", kind="BATTERY", celsius=31.4),
        Temperature(name="soc, therm", kind="SOC", celsius=41.5),
        Temperature(name="new", kind="UNKNOWN", celsius=44.0),
    )


def test_a_forced_thermal_status_is_no_status() -> None:
    thermal = parse_thermal(fixture("thermal_forced"))
    assert (thermal.status, thermal.overridden, thermal.sensors) == (None, True, ())


def test_before_android_10_heat_is_unknown() -> None:
    thermal = parse_thermal(fixture("thermal_absent"))
    assert (thermal.status, thermal.overridden, thermal.sensors) == (None, None, ())


@pytest.mark.parametrize(
    ("name", "wakefulness", "screen_on"),
    [("power_on", "Awake", True), ("power_dozing", "Dozing", False), ("power_vendor", None, False)],
)
def test_screen(name: str, wakefulness: str | None, screen_on: bool) -> None:
    power = parse_power(fixture(name))
    assert (power.wakefulness, power.screen_on) == (wakefulness, screen_on)


@pytest.mark.parametrize(
    ("name", "locked", "secure"),
    [
        ("window_locked_14", True, True),
        ("window_unlocked_14", False, False),
        ("window_locked_6", True, None),
        ("window_delegate_only", True, False),
        ("power_on", None, None),
    ],
)
def test_lock_screen(name: str, locked: bool | None, secure: bool | None) -> None:
    keyguard = parse_keyguard(fixture(name))
    assert (keyguard.locked, keyguard.secure) == (locked, secure)


def test_a_plain_key_counts_under_the_keyguards_delegate_alone() -> None:
    delegate = fixture("window_delegate_only").replace("showing=true", "showing=false")
    for stray in ("    showing=true\n", "  other\n      showing=true\n      secure=true\n"):
        for text in (stray + delegate, delegate + stray):
            keyguard = parse_keyguard(text)
            assert (keyguard.locked, keyguard.secure) == (False, False)


@pytest.mark.parametrize(("text", "on"), [("1\n", True), ("0\n", False), ("null\n", None)])
def test_battery_saver(text: str, on: bool | None) -> None:
    assert parse_power_save(text) is on


def test_a_setting_that_is_not_set_is_none() -> None:
    assert parse_setting("null\n") is None
    assert parse_setting("7\r\n") == "7"


# --- cores, load, memory --------------------------------------------------------------------


def test_clusters_by_policies_slowest_first() -> None:
    assert clusters(parse_files(fixture("cpufreq_policies"))) == (
        Cluster(cores=(0, 1, 2, 3), max_khz=1704000),
        Cluster(cores=(4, 5, 6, 7), max_khz=2367000),
        Cluster(cores=(8,), max_khz=2914000),
    )


def test_clusters_are_in_order_of_clock_and_not_of_number() -> None:
    policy = "/sys/devices/system/cpu/cpufreq/policy"
    files = {f"{policy}0/related_cpus": "0 1", f"{policy}0/cpuinfo_max_freq": "3000000"}
    files |= {f"{policy}2/related_cpus": "2 3", f"{policy}2/cpuinfo_max_freq": "2000000"}
    assert [cluster.cores for cluster in clusters(files)] == [(2, 3), (0, 1)]


def test_clusters_by_cores_where_policies_are_hidden() -> None:
    assert clusters(parse_files(fixture("cpufreq_cores"))) == (
        Cluster(cores=(0, 1, 2, 3), max_khz=1500000),
        Cluster(cores=(4, 5), max_khz=2100000),
    )


def test_policies_of_one_core_each_make_one_cluster() -> None:
    policy = "/sys/devices/system/cpu/cpufreq/policy"
    files = {f"{policy}{core}/related_cpus": f"{core}" for core in range(4)}
    files |= {f"{policy}{core}/cpuinfo_max_freq": "1800000" for core in range(4)}
    assert clusters(files) == (Cluster(cores=(0, 1, 2, 3), max_khz=1800000),)


def test_a_file_that_cannot_be_read_is_unknown_for_its_cores_alone() -> None:
    lines = fixture("cpufreq_policies").splitlines()
    text = "\n".join(line for line in lines if "policy8/scaling_cur_freq" not in line)
    assert clocks(parse_files(text))[-2:] == (
        CoreClock(core=7, khz=1836000, allowed_khz=2000000),
        CoreClock(core=8, khz=None, allowed_khz=2400000),
    )


def test_cores_that_are_offline_have_no_clock() -> None:
    found = clocks(parse_files(fixture("cpufreq_cores")))
    assert [clock.khz for clock in found] == [750000, 750000, None, None, 1050000, None]
    assert found[2].allowed_khz is None


def test_a_file_of_several_lines_is_kept_whole() -> None:
    assert parse_files("/proc/a:1\n/proc/a:2:3\ngrep: x: No\n") == {"/proc/a": "1\n2:3"}


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        ("0-3,7", (0, 1, 2, 3, 7)),
        ("0 1 2\n", (0, 1, 2)),
        ("", ()),
        ("0-99999", ()),
        ("0-9999", ()),
        ("5-4", ()),
        ("1,x", ()),
    ],
)
def test_core_lists(text: str, cores: tuple[int, ...]) -> None:
    assert parse_core_list(text) == cores


@pytest.mark.parametrize("cores", [(0,), (4, 5, 6, 7), (0, 2, 3, 9), (1, 3, 5)])
def test_masks_go_both_ways(cores: tuple[int, ...]) -> None:
    assert cores_of(mask_of(cores)) == cores


def test_masks_are_bare() -> None:
    assert mask_of((4, 5, 6, 7)) == "f0"
    assert cores_of("0xF0") == (4, 5, 6, 7)
    assert cores_of("") == cores_of("-1") == cores_of("f" * 5000) == ()


def test_busy_share_of_cores_that_stay() -> None:
    before, after = parse_stat(fixture("stat_before")), parse_stat(fixture("stat_after"))
    # Core 0: 75 of 200 ticks. Core 1: idle grows by 300 and waiting falls by 100, so 0 of 200.
    # Core 7 went offline.
    assert busy_share(before, after) == 75 / 400


def test_busy_share_of_the_whole_where_there_are_no_cores() -> None:
    before, after = parse_stat("cpu  10 0 0 90\n"), parse_stat("cpu  20 0 0 120\n")
    assert busy_share(before, after) == 0.25
    assert busy_share(before, before) is None


def test_memory_of_the_phone() -> None:
    assert parse_meminfo(fixture("meminfo")) == 7812344 * 1024


# --- processes and packages -----------------------------------------------------------------


def test_state_of_a_process() -> None:
    status = parse_status(fixture("status"))
    assert status is not None
    assert (status.peak_bytes, status.resident_bytes) == (51200 * 1024, 40960 * 1024)
    assert (status.threads, status.cores_allowed) == (5, "4-7")


def test_a_process_that_is_gone_has_no_state() -> None:
    assert parse_status("cat: /proc/1/status: No such file or directory\n") is None


@pytest.mark.parametrize(
    ("text", "pids"), [("4242\n", (4242,)), ("12 7\r\n", (12, 7)), ("", ()), ("sh: 1\n", ())]
)
def test_process_numbers(text: str, pids: tuple[int, ...]) -> None:
    assert parse_pidof(text) == pids


def test_exit_records_newest_first() -> None:
    stopped, crashed, killed, starved = parse_exit_info(
        fixture("exit_info").replace("10:02:00.000 realUid", "10:02:00.000 pid=8000 realUid")
    )
    assert (stopped.pid, stopped.reason, stopped.reason_name) == (8297, 10, "USER REQUESTED")
    assert stopped.description == f"stop {APP} due to from pid 8396"
    assert stopped.timestamp == "2024-05-21 10:05:31.375"
    assert (crashed.reason, crashed.reason_name) == (4, "APP CRASH(EXCEPTION)")
    assert (killed.pid, killed.reason, killed.status, killed.description) == (8100, 2, 9, None)
    assert (starved.reason, starved.process) == (3, APP)


def test_an_exit_record_without_its_process_is_left_out() -> None:
    assert [record.pid for record in parse_exit_info(fixture("exit_info"))] == [8297, 8180, 8100]


def test_a_subordinate_reason_is_no_reason() -> None:
    text = "ApplicationExitInfo #0:\n pid=1 subreason=21 (FORCE STOP) reason=4 (CRASH) status=0\n"
    (record,) = parse_exit_info(text)
    assert (record.reason, record.reason_name) == (4, "CRASH")


def test_deaths_in_the_log() -> None:
    deaths = parse_deaths(fixture("logcat_deaths"), APP)
    assert [(death.kind, death.pid) for death in deaths] == [
        ("java-crash", 1200),
        ("native-crash", 1300),
        ("native-crash", 1350),
        ("not-responding", 1400),
        ("low-memory", 1500),
        ("died", 1500),
    ]
    texts = [death.text for death in deaths]
    assert texts[0] == "java.lang.IllegalStateException: no such file"
    assert texts[2].startswith("signal 6 (SIGABRT)")
    assert texts[3] == "Reason: Input dispatching timed out (5000ms)"
    assert deaths[0].time == "05-21 10:00:00.100"


def test_the_installed_package_is_read_and_not_its_neighbours() -> None:
    package = parse_package(fixture("package"), APP)
    assert package is not None
    assert package.version_name == "0.1.0+protocol.1.executorch.1.4.1.onnxruntime.1.22.0"
    assert (package.version_code, package.debuggable) == (1, True)
    assert package.primary_abi == "arm64-v8a"
    other = parse_package(fixture("package"), f"{APP}.other")
    assert other is not None
    assert (other.version_code, other.debuggable, other.primary_abi) == (9, None, None)


def test_a_package_that_is_not_installed() -> None:
    assert parse_package(fixture("package_absent"), APP) is None


def test_version_of_our_app() -> None:
    found = parse_app_version("0.1.0+protocol.1.executorch.1.4.1.onnxruntime.1.22.0")
    assert found is not None
    assert (found.version, found.protocol) == ("0.1.0", 1)
    assert (found.executorch, found.onnxruntime) == ("1.4.1", "1.22.0")


@pytest.mark.parametrize("name", ["", "1.0", "0.1.0+protocol.x.executorch.1.onnxruntime.1"])
def test_versions_of_other_apps(name: str) -> None:
    assert parse_app_version(name) is None


# --- starting, space, runner ----------------------------------------------------------------


def test_an_activity_that_starts() -> None:
    started = parse_started(fixture("am_ok"))
    assert (started.status, started.error) == ("ok", None)
    assert started.activity == f"{APP}/.BenchmarkActivity"
    assert not started.brought_to_front


def test_an_activity_that_was_there_already() -> None:
    started = parse_started(fixture("am_front"))
    assert started.brought_to_front
    assert (started.status, started.activity) == ("timeout", "com.android.launcher/.Launcher")


@pytest.mark.parametrize(
    ("name", "error"), [("am_missing", "does not exist"), ("am_denied", "Permission Denial")]
)
def test_an_activity_that_does_not_start(name: str, error: str) -> None:
    started = parse_started(fixture(name))
    assert started.status == "error"
    assert error in (started.error or "")


@pytest.mark.parametrize(
    ("name", "available"),
    [
        ("df_toybox", 63950228 * 1024),
        ("df_posix", 63950228 * 1024),
        ("df_wrapped", 7200000 * 1024),
        ("df_toolbox", round(9.1 * 2**30)),
    ],
)
def test_space_that_is_left(name: str, available: int) -> None:
    assert parse_available(fixture(name)) == available


def test_space_in_small_blocks_and_none_at_all() -> None:
    header = "Filesystem 512-blocks Used Available Capacity Mounted on\n"
    assert parse_available(f"{header}/dev/x 100 96 4 96% /data\n") == 2048
    assert parse_available("Filesystem 1K-blocks\n/dev/x 100 104 -4 100% /data\n") == 0
    assert parse_available("df: /data/local/tmp: No such file or directory\n") is None
    assert parse_available("/data: 100K total, 40K used, 60K available (block size 4096)") == 61440


def test_times_of_the_runner() -> None:
    log = parse_runner_log(fixture("runner_ok"))
    assert log.load_ns == 12_345_678
    assert log.iterations_ns == (7_500_000, 4_123_456, 4_100_001)
    assert (log.executed, log.total_ns, log.error) == (3, 15_723_457, None)


def test_times_of_the_runner_in_logcat() -> None:
    log = parse_runner_log(fixture("runner_logcat"))
    assert (log.load_ns, log.executed) == (12_345_678, 2)
    assert log.iterations_ns == (7_500_000, 4_123_456)


def test_of_two_runs_in_one_log_the_last_counts() -> None:
    log = parse_runner_log(fixture("runner_ok") + fixture("runner_logcat"))
    assert log.iterations_ns == (7_500_000, 4_123_456)


def test_times_stop_where_one_is_missing_or_impossible() -> None:
    text = fixture("runner_ok")
    assert len(parse_runner_log(text.replace("2 of 3: 4.123456 ms", "")).iterations_ns) == 1
    assert len(parse_runner_log(text.replace("4.123456 ms", "0.000000 ms")).iterations_ns) == 1
    assert len(parse_runner_log(text.replace("4.123456 ms", "-4.1 ms")).iterations_ns) == 1
    assert len(parse_runner_log(text[: text.index("4.123456") + 4]).iterations_ns) == 1


def test_the_first_cause_is_the_runners_error() -> None:
    log = parse_runner_log(fixture("runner_operator"))
    assert log.missing_operator == "quantized_decomposed::add.out"
    assert log.error == "Missing operator: [29] quantized_decomposed::add.out"
    backend = parse_runner_log(fixture("runner_backend"))
    assert backend.missing_backend == "XnnpackBackend"
    assert backend.error == "Backend XnnpackBackend is not registered."


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("runner_no_file", "Failed to open m.pte: No such file or directory (2)"),
        ("runner_old", "ERROR: unknown command line flag 'cpu_threads'"),
        ("runner_link", "CANNOT LINK EXECUTABLE"),
    ],
)
def test_other_errors_of_the_runner(name: str, error: str) -> None:
    log = parse_runner_log(fixture(name))
    assert (log.error or "").startswith(error)
    assert (log.missing_operator, log.missing_backend) == (None, None)


def test_operators_hottest_first() -> None:
    assert parse_profile(fixture("profile")) == (
        OperatorTime(name="conv", operator="QLinearConv", calls=2, total_ns=413_000),
        OperatorTime(name="add one", operator="Add", calls=2, total_ns=134_000),
    )


@pytest.mark.parametrize(
    "text", ["{}", "[1, null, []]", '[{"cat": "Node"}]', '[{"cat": ["Node"], "name": {}}]', "NaN"]
)
def test_json_that_is_no_profile(text: str) -> None:
    assert parse_profile(text) == ()


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
