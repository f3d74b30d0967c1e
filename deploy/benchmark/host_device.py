"""This computer as a device: for a first figure, and to compare builds without a phone."""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Sequence
from pathlib import Path

import psutil

from deploy.backends import RunnerName
from deploy.benchmark.host_runner import HostRunner, NativeHostRunner
from deploy.benchmark.parsers.cpu import clocks, clusters
from deploy.benchmark.parsers.text import plausible_celsius
from deploy.results.records import Conditions, DeviceFacts, Temperature

HOST = "host"
_CPUFREQ = Path("/sys/devices/system/cpu/cpufreq")
_BUSY_S = 0.2


class HostDevice:
    def __init__(self, cancelled: threading.Event, runner: RunnerName = "host") -> None:
        """`runner` native is our program in C++, any other the runtimes of this Python."""
        made = NativeHostRunner if runner == "native" else HostRunner
        self.runner = made(cancelled)

    def facts(self) -> DeviceFacts:
        system = platform.uname()
        return DeviceFacts(
            kind="host",
            virtual=False,
            id=f"host-{platform.node() or 'unnamed'}",
            serial=None,
            connection="local",
            manufacturer=None,
            model=_processor(),
            soc=None,
            os=f"{system.system} {system.release}",
            api=None,
            build=None,
            abi=system.machine or "unknown",
            ram_bytes=psutil.virtual_memory().total,
            clusters=clusters(_cpufreq(), range(os.cpu_count() or 1)),
        )

    def conditions(self, at_s: float, *, whole: bool = True) -> Conditions:
        battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
        return Conditions(
            at_s=at_s,
            thermal_status=None,
            temperatures=_temperatures(),
            battery_celsius=None,
            battery_level=battery.percent / 100 if battery else None,
            charging=battery.power_plugged if battery else None,
            screen_on=None,
            locked=None,
            power_save=None,
            busy=min(1.0, psutil.cpu_percent(_BUSY_S) / 100) if whole else None,
            clocks=clocks(_cpufreq()),
        )

    def warnings(self) -> Sequence[str]:
        return ["measured on this computer: it says nothing of how fast a phone is"]

    def recover(self) -> str | None:
        return None

    def abandon(self) -> None:
        self.runner.stop()


def _processor() -> str:
    """The processor's name where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or "this computer"


def _cpufreq() -> dict[str, str]:
    """Path to content, as the parsers of a phone's files take them."""
    found = {}
    for file in _CPUFREQ.glob("policy*/*"):
        try:
            found[str(file)] = file.read_text("utf-8", "replace").strip()
        except OSError:
            continue
    return found


def _temperatures() -> tuple[Temperature, ...]:
    if not hasattr(psutil, "sensors_temperatures"):
        return ()
    return tuple(
        Temperature(name=f"{name} {index}", kind="CPU", celsius=celsius)
        for name, readings in sorted(psutil.sensors_temperatures().items())
        for index, reading in enumerate(readings)
        if (celsius := plausible_celsius(reading.current)) is not None
    )
