"""An Android phone as a device to measure: its facts, its condition, and getting it back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from pydantic import ValidationError

from deploy.android.identity import read_identity
from deploy.android.parsers.battery import parse_battery
from deploy.android.parsers.disk import parse_available
from deploy.android.parsers.load import busy_share, parse_meminfo, parse_stat
from deploy.android.parsers.power import parse_keyguard, parse_power, parse_power_save
from deploy.android.parsers.properties import Description, describe, parse_properties
from deploy.android.parsers.thermal import parse_thermal
from deploy.android.phone import Phone
from deploy.benchmark.parsers.cpu import clocks, clusters, parse_files
from deploy.benchmark.parsers.text import words
from deploy.benchmark.runner import Runner
from deploy.protocol.faults import fault
from deploy.results.cores import parse_core_list
from deploy.results.records import Conditions, DeviceFacts
from deploy.support.errors import PhoneError
from deploy.support.printable import last_line, printable

_CPU = "/sys/devices/system/cpu"
_BOOT_ID = "cat /proc/sys/kernel/random/boot_id"
# Of one file each with its path, however many cannot be read.
_CLUSTER_FILES = f"grep -s -H '' {_CPU}/cpufreq/policy*/* {_CPU}/cpu*/cpufreq/cpuinfo_max_freq"
_CLOCK_FILES = " ".join(
    [
        f"{_CPU}/online",
        f"{_CPU}/cpufreq/policy*/related_cpus",
        *(f"{_CPU}/cpufreq/policy*/scaling_{name}_freq" for name in ("cur", "max")),
        *(f"{_CPU}/cpu*/cpufreq/scaling_{name}_freq" for name in ("cur", "max")),
    ]
)
# Over a fifth of a second: long enough to see a download, short beside a block.
_BUSY_SECONDS = "0.2"
_DUMP = "dumpsys -t 5"

_LAST_COMMAND_S, _LAST_BACK_S = 5.0, 10.0
_LITTLE_SPACE = 200_000_000


class AndroidDevice:
    """One phone, with the runner that is to be used on it."""

    def __init__(
        self,
        phone: Phone,
        runner: Callable[[Phone, Description], Runner],
        *,
        also: Sequence[str] = (),
    ) -> None:
        """`runner` makes it, once the phone is known; `also` is what else adb calls it.

        Raises PhoneError.
        """
        self._phone, self._also = phone, also
        self._description = read_description(phone)
        self.runner = runner(phone, self._description)
        # Cleaning up goes on after Ctrl-C has ended everything else, but not for long.
        calm = replace(
            phone,
            adb=replace(phone.adb, cancelled=None),
            command_s=min(phone.command_s, _LAST_COMMAND_S),
            back_s=min(phone.back_s, _LAST_BACK_S),
        )
        self._last_phone = calm
        self._last_runner = runner(calm, self._description)
        self._boot_id = last_line(phone.shell(_BOOT_ID).out)

    def facts(self) -> DeviceFacts:
        with _believed(self._phone):
            return self._facts()

    def conditions(self, at_s: float, *, whole: bool = True) -> Conditions:
        with _believed(self._phone):
            return self._conditions(at_s, whole=whole)

    def _facts(self) -> DeviceFacts:
        seen = self._phone.shell_each(
            {
                "clusters": _CLUSTER_FILES,
                "present": f"cat {_CPU}/present",
                "mem": "cat /proc/meminfo",
            }
        )
        about = self._description
        itself = replace(read_identity(self._phone), serialno=about.serialno or "")
        return DeviceFacts(
            kind="android",
            virtual=about.virtual,
            id=words(itself.name) or self._phone.serial,
            serial=self._phone.serial,
            connection=self._phone.connection,
            manufacturer=about.manufacturer,
            model=about.model or "unknown",
            soc=about.soc,
            os=f"Android {about.release or '?'}",
            api=about.api,
            build=about.fingerprint,
            abi=about.abi or "unknown",
            ram_bytes=parse_meminfo(seen["mem"]),
            clusters=clusters(
                parse_files(seen["clusters"]), parse_core_list(last_line(seen["present"]))
            ),
        )

    def _conditions(self, at_s: float, *, whole: bool) -> Conditions:
        commands = {
            "thermal": f"{_DUMP} thermalservice",
            "battery": f"{_DUMP} battery",
            "clocks": f"grep -s -H '' {_CLOCK_FILES}",
        }
        if whole:
            # The screen's two are the slow ones on a real phone.
            commands |= {
                "power": f"{_DUMP} power",
                "window": f"{_DUMP} window policy",
                "saver": "settings get global low_power",
                "stat": "cat /proc/stat",
                "later": f"sleep {_BUSY_SECONDS}; cat /proc/stat",
            }
        seen = defaultdict(str, self._phone.shell_each(commands, timeout=60))
        thermal, battery = parse_thermal(seen["thermal"]), parse_battery(seen["battery"])
        return Conditions(
            at_s=at_s,
            # A status that somebody forced says nothing of the heat.
            thermal_status=None if thermal.overridden else thermal.status,
            temperatures=thermal.sensors,
            battery_celsius=None if battery.faked else battery.celsius,
            battery_level=None if battery.faked else battery.level,
            charging=None if battery.faked else _first_known(battery.charging, battery.powered),
            screen_on=parse_power(seen["power"]).screen_on,
            locked=parse_keyguard(seen["window"]).locked,
            power_save=parse_power_save(seen["saver"]),
            busy=busy_share(parse_stat(seen["stat"]), parse_stat(seen["later"])),
            clocks=clocks(parse_files(seen["clocks"])),
        )

    def warnings(self) -> Sequence[str]:
        thermal = parse_thermal(self._phone.shell(f"{_DUMP} thermalservice").out)
        room = parse_available(self._phone.shell("df -k /data/local/tmp").out)
        also = printable(", ".join(self._also))
        told = {
            f"adb sees it as {also} too, and is asked for it as {self._phone.serial}": bool(also),
            "it is a virtual phone: nothing here is of a real one": self._description.virtual,
            "it is an emulator: nothing here is of a real phone": self._description.emulator,
            "thermal status is forced: adb shell cmd thermalservice reset": thermal.overridden,
            "it has little space left": room is not None and room < _LITTLE_SPACE,
        }
        return [text for text, holds in told.items() if holds]

    def recover(self) -> str | None:
        self._phone.wait_back()
        boot_id = last_line(self._phone.shell(_BOOT_ID).out)
        rebooted, self._boot_id = boot_id != self._boot_id, boot_id
        return str(fault("rebooted", f"{self._phone.serial} restarted")) if rebooted else None

    def abandon(self) -> None:
        try:
            self._last_runner.stop()
        except PhoneError:
            self._last_phone.wait_back()
            self._last_runner.stop()


@contextmanager
def _believed(phone: Phone) -> Iterator[None]:
    """Parsers give what a record takes; what slips through is an answer that cannot be.

    Raises PhoneError (bad-answer).
    """
    try:
        yield
    except ValidationError as error:
        field = ".".join(map(str, error.errors(include_url=False)[0]["loc"]))
        raise fault("bad-answer", f"{phone.serial} tells of its {field} what cannot be") from error


def read_description(phone: Phone) -> Description:
    """What its properties say. Raises PhoneError: not-booted, lost, unauthorized and the rest."""
    properties = parse_properties(phone.shell("getprop").out)
    if properties.get("sys.boot_completed") != "1":
        raise fault("not-booted", f"{phone.serial} has not finished booting")
    return describe(properties)


def _first_known(*values: bool | None) -> bool | None:
    return next((value for value in values if value is not None), None)
