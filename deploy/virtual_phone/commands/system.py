"""Properties, settings, screen, date and who is asking."""

from __future__ import annotations

from deploy.virtual_phone.commands.call import Call, Command
from deploy.virtual_phone.filesystem import APP
from deploy.virtual_phone.state import MANUFACTURER, State

_USERS = {2000: ("shell", "u:r:shell:s0"), APP: ("u0_a234", "u:r:runas_app:s0")}
_OLDEST_WITH_SOC = 31
_STAY_ON = {"true": 7, "false": 0, "ac": 1, "usb": 2, "wireless": 4, "dock": 8}


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
        case ["delete", namespace, key]:
            deleted = known.pop((namespace, key), None) is not None
            return call.out(f"Deleted {int(deleted)} rows\n")
        case _:
            return call.fail("Invalid command", 255)
    return 0


def svc(call: Call) -> int:
    match call.args:
        case ["power", "stayon", value] if value in _STAY_ON:
            key = ("global", "stay_on_while_plugged_in")
            call.phone.settings[key] = str(_STAY_ON[value])
            return 0
        case _:
            return call.out("Available commands:\n    help\n    power\n")


def input_events(call: Call) -> int:
    match call.args:
        case ["keyevent", "KEYCODE_WAKEUP" | "224"]:
            call.phone.screen.is_on = True
        case ["keyevent", "KEYCODE_SLEEP" | "223"]:
            call.phone.screen.is_on = False
            call.phone.screen.locked = True
        case ["keyevent" | "tap" | "swipe" | "text", *_]:
            pass
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
    pattern = call.args[-1][1:].replace("%s", str(int(now.timestamp())))
    pattern = pattern.replace("%N", f"{now.microsecond * 1000:09}")
    try:
        return call.out(f"{now.strftime(pattern)}\n")
    except ValueError:
        return call.fail(f"bad date '{call.args[-1]}'")


def identity(call: Call) -> int:
    name, context = _USERS[call.shell.uid]
    uid = call.shell.uid
    if call.args[:1] == ("-u",):
        return call.out(f"{uid}\n")
    return call.out(f"uid={uid}({name}) gid={uid}({name}) groups={uid}({name}) context={context}\n")


def whoami(call: Call) -> int:
    return call.out(f"{_USERS[call.shell.uid][0]}\n")


def uname(call: Call) -> int:
    fields = {"s": "Linux", "n": "localhost", "r": "5.10.157-virtual", "m": "aarch64"}
    letters, _ = call.options()
    wanted = fields if "a" in letters else {letter: fields.get(letter, "") for letter in letters}
    return call.out(" ".join((wanted or {"s": "Linux"}).values()) + "\n")


def uptime(call: Call) -> int:
    return call.out(f" up {call.phone.clock.uptime() / 60:.0f} min\n")


def nproc(call: Call) -> int:
    return call.out(f"{len(call.shell.cores)}\n")


COMMANDS: dict[str, Command] = {
    "date": date,
    "getprop": getprop,
    "id": identity,
    "input": input_events,
    "nproc": nproc,
    "settings": settings,
    "svc": svc,
    "uname": uname,
    "uptime": uptime,
    "whoami": whoami,
    "wm": wm,
}
