"""Properties, settings, screen and date."""

from __future__ import annotations

from deploy.virtual_phone.commands.call import Call, Command
from deploy.virtual_phone.state import MANUFACTURER, State

_OLDEST_WITH_SOC = 31


def properties(phone: State) -> dict[str, str]:
    """What getprop tells, by key."""
    profile = phone.profile
    device = f"virtual_{profile.name}"
    values = {
        "ro.product.manufacturer": MANUFACTURER,
        "ro.product.brand": MANUFACTURER,
        "ro.product.model": phone.model_name,
        "ro.product.device": device,
        "ro.product.name": device,
        "ro.product.cpu.abi": profile.abi,
        "ro.product.cpu.abilist": f"{profile.abi},armeabi-v7a,armeabi",
        "ro.build.version.release": profile.android,
        "ro.build.version.sdk": str(profile.api),
        "ro.build.fingerprint": (
            f"{MANUFACTURER}/{device}/{device}:{profile.android}/VIRTUAL/{phone.seed}:user/test-keys"
        ),
        "ro.board.platform": "virtual",
        "ro.hardware": "virtual",
        "ro.debuggable": "0",
        "ro.serialno": phone.serial,
        "sys.boot_completed": "1",
    }
    if profile.api >= _OLDEST_WITH_SOC:
        values |= {"ro.soc.manufacturer": MANUFACTURER, "ro.soc.model": phone.soc_name}
    else:
        values["ro.hardware.chipname"] = phone.soc_name
    return values


def getprop(call: Call) -> int:
    values = properties(call.phone)
    if call.args:
        default = call.args[1] if len(call.args) > 1 else ""
        return call.out(f"{values.get(call.args[0], default)}\n")
    return call.out("".join(f"[{key}]: [{value}]\n" for key, value in sorted(values.items())))


def settings(call: Call) -> int:
    known = call.phone.settings
    match call.args:
        case ["get", namespace, key]:
            return call.out(f"{known.get((namespace, key), 'null')}\n")
        case ["put", namespace, key, value]:
            known[namespace, key] = value
        case _:
            return call.fail("Invalid command", 255)
    return 0


def input_events(call: Call) -> int:
    """Waking alone."""
    match call.args:
        case ["keyevent", "KEYCODE_WAKEUP" | "224"]:
            call.phone.screen.is_on = True
        case _:
            return call.fail("Error: Unknown command", 255)
    return 0


def wm(call: Call) -> int:
    screen = call.phone.screen
    if call.args[:1] == ("dismiss-keyguard",) and screen.is_on and not screen.secured:
        screen.locked = False
    return 0


def date(call: Call) -> int:
    now = call.phone.now()
    if not call.args:
        return call.out(f"{now:%a %b %e %H:%M:%S UTC %Y}\n")
    if not call.args[-1].startswith("+"):
        return call.fail(f"bad date '{call.args[-1]}'")
    try:
        return call.out(f"{now.strftime(call.args[-1][1:])}\n")
    except ValueError:
        return call.fail(f"bad date '{call.args[-1]}'")


COMMANDS: dict[str, Command] = {
    "date": date,
    "getprop": getprop,
    "input": input_events,
    "settings": settings,
    "wm": wm,
}
