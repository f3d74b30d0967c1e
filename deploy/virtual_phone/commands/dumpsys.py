"""dumpsys of what the whole phone is like: battery, heat, power, window. `app` has the rest."""

from __future__ import annotations

from collections.abc import Callable

from deploy.virtual_phone.commands import app
from deploy.virtual_phone.commands.call import Call, Command
from deploy.virtual_phone.state import State

_OLDEST_WITH_THERMAL = 29
_OLDEST_WITH_CHARGING_STATE = 34
_CHARGING, _DISCHARGING = 2, 3
_GOOD = 2
_CPU, _BATTERY, _SKIN = 0, 2, 3


def dumpsys(call: Call) -> int:
    words = list(call.args)
    while words and words[0] in ("-t", "-T"):
        del words[:2]
    if not words:
        return call.fail("no service given")
    service, *arguments = words
    if service in _SERVICES and not (service == "thermalservice" and not _has_thermal(call.phone)):
        return call.out(_SERVICES[service](call.phone))
    if service in app.SERVICES:
        return call.out(app.SERVICES[service](call.phone, arguments))
    call.streams.stderr.write(f"Can't find service: {service}\n".encode())
    return 0


def battery(phone: State) -> str:
    charging = phone.faults.strike("charging")
    level = 4 if phone.faults.strike("low-battery") else 83
    lines = [
        "Current Battery Service state:",
        "  AC powered: false",
        f"  USB powered: {_boolean(charging)}",
        "  Wireless powered: false",
        "  Max charging current: " + ("500000" if charging else "0"),
        "  Max charging voltage: " + ("5000000" if charging else "0"),
        "  Charge counter: 3254000",
        f"  status: {_CHARGING if charging else _DISCHARGING}",
        f"  health: {_GOOD}",
        "  present: true",
        f"  level: {level}",
        "  scale: 100",
        "  voltage: 4021",
        f"  temperature: {round(phone.model.battery_celsius() * 10)}",
        "  technology: Li-ion",
    ]
    if phone.profile.api >= _OLDEST_WITH_CHARGING_STATE:
        lines += ["  Charging state: 0", "  Charging policy: 0", "  Capacity level: 3"]
    return "\n".join(lines) + "\n"


def thermal(phone: State) -> str:
    forced = phone.faults.strike("forced-thermal")
    if phone.faults.strike("heat-not-ready"):
        return (
            "IsStatusOverride: false\nThermal Status: 0\nCached temperatures:\nHAL Ready: false\n"
        )
    status = 0 if forced else phone.model.thermal_status()
    now = [
        _temperature(phone.model.chip_celsius(), _CPU, "CPU0", status),
        _temperature(phone.model.battery_celsius() + 3, _SKIN, "skin", status),
        _temperature(phone.model.battery_celsius(), _BATTERY, "battery", 0),
        # A sensor that nothing is wired to.
        _temperature(0.0, _CPU, "CPU7", 0),
    ]
    cached = [_temperature(84.2, _CPU, "CPU0", 0)]
    return "\n".join(
        [
            f"IsStatusOverride: {_boolean(forced)}",
            "ThermalEventListeners:",
            "\tcallbacks: 1",
            f"Thermal Status: {status}",
            "Cached temperatures:",
            *cached,
            "HAL Ready: true",
            "HAL connection:",
            "\tThermalHAL AIDL 2  connected: yes",
            "Current temperatures from HAL:",
            *now,
            "Current cooling devices from HAL:",
            f"\tCoolingDevice{{mValue={status}, mType=2, mName=cpu-cluster-1}}",
            "Temperature static thresholds from HAL:",
            "\tTemperatureThreshold{mType=3, mName=skin, mHotThrottlingThresholds="
            "[NaN, 39.0, 43.0, 45.0, 46.5, 52.0, 55.0], mColdThrottlingThresholds="
            "[NaN, NaN, NaN, NaN, NaN, NaN, NaN]}",
            "",
        ]
    )


def _temperature(celsius: float, kind: int, name: str, status: int) -> str:
    return f"\tTemperature{{mValue={celsius:.1f}, mType={kind}, mName={name}, mStatus={status}}}"


def power(phone: State) -> str:
    is_on = phone.screen.is_on
    return (
        "POWER MANAGER (dumpsys power)\n\nPower Manager State:\n"
        f"  mWakefulness={'Awake' if is_on else 'Asleep'}\n"
        f"  mIsPowered={_boolean(phone.faults.expects('charging'))}\n"
        "  mStayOn=false\n"
        f"  mHoldingDisplaySuspendBlocker={_boolean(is_on)}\n"
        f"Display Power: state={'ON' if is_on else 'OFF'}\n"
    )


def window(phone: State) -> str:
    locked = _boolean(phone.screen.locked)
    return (
        "WINDOW MANAGER POLICY STATE (dumpsys window policy)\n"
        f"    mDreamingLockscreen={locked}\n"
        f"    isKeyguardShowing={locked}\n"
        "    KeyguardServiceDelegate\n"
        f"      showing={locked}\n"
        f"      secure={_boolean(phone.screen.secured)}\n"
        "  mCurrentFocus=Window{4f1d2c5 u0 NotificationShade}\n"
    )


def _has_thermal(phone: State) -> bool:
    unknown = phone.faults.strike("thermal-unknown")
    return phone.profile.api >= _OLDEST_WITH_THERMAL and not unknown


def _boolean(value: bool) -> str:
    return "true" if value else "false"


_SERVICES: dict[str, Callable[[State], str]] = {
    "battery": battery,
    "power": power,
    "thermalservice": thermal,
    "window": window,
}

COMMANDS: dict[str, Command] = {"dumpsys": dumpsys}
