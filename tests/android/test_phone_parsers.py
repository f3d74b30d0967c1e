"""What phones print of themselves, read as it was captured."""

from __future__ import annotations

import pytest
from phone_output import APP, fixture

from deploy.android.parsers.am import parse_started
from deploy.android.parsers.battery import parse_battery
from deploy.android.parsers.deaths import parse_deaths
from deploy.android.parsers.disk import parse_available
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
from deploy.android.parsers.thermal import Thermal, parse_thermal
from deploy.results.records import Temperature


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


@pytest.mark.parametrize(
    ("temperature", "voltage", "celsius"),
    [
        ("261", "4213", 26.1),
        ("-25", "3890", -2.5),
        ("100", "3890", 10.0),
        # Whole degrees, by their size or by a voltage in volts.
        ("61", "4213", None),
        ("26", "13", None),
        ("261", "13", None),
        # A battery that nothing is wired to.
        ("0", "4213", None),
        ("-999", "4213", None),
        ("2550", "4213", None),
    ],
)
def test_a_battery_in_units_of_its_own_is_of_unknown_heat(
    temperature: str, voltage: str, celsius: float | None
) -> None:
    text = f"  present: true\n  level: 5\n  temperature: {temperature}\n  voltage: {voltage}\n"
    battery = parse_battery(f"Current Battery Service state:\n{text}")
    assert battery.celsius == celsius
    assert battery.level == 0.05


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


def thermal_of(*sensors: str, head: str = "Thermal Status: 0\nHAL Ready: true\n") -> Thermal:
    lines = "".join(f"\tTemperature{{{sensor}, mStatus=0}}\n" for sensor in sensors)
    return parse_thermal(f"{head}Current temperatures from HAL:\n{lines}")


@pytest.mark.parametrize(
    ("said", "status"), [("0", None), ("2", 2), ("0\nHAL Ready: true", 0), ("0\nx: y", None)]
)
def test_a_service_without_its_hal_has_heard_of_no_heat(said: str, status: int | None) -> None:
    assert parse_thermal(f"Thermal Status: {said}\nHAL Ready: false\n").status == status


def test_where_a_number_belies_a_name_the_name_is_right_and_no_number_is_believed() -> None:
    thermal = thermal_of(
        "mValue=38.2, mType=1, mName=CPU",
        "mValue=30.1, mType=3, mName=BATTERY",
        "mValue=33.9, mType=4, mName=SKIN",
        "mValue=3.9, mType=7, mName=vbat",
        "mValue=84.0, mType=9, mName=soc",
        "mValue=35.0, mType=6, mName=pa",
        "mValue=31.0, mType=15, mName=rear",
    )
    assert [(sensor.kind, sensor.celsius) for sensor in thermal.sensors] == [
        ("CPU", 38.2),
        ("BATTERY", 30.1),
        ("SKIN", 33.9),
        ("UNKNOWN", 31.0),
    ]


@pytest.mark.parametrize("value", ["-99.9", "-40.1", "150.1", "0.0", "NaN"])
def test_what_no_sensor_reads_is_no_reading(value: str) -> None:
    assert thermal_of(f"mValue={value}, mType=0, mName=CPU").sensors == ()


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
