"""Every parser of what phones, adb and runtimes print, each a function of one text."""

from __future__ import annotations

from collections.abc import Callable

from phone_output import APP

from deploy.android.parsers.am import parse_started
from deploy.android.parsers.battery import parse_battery
from deploy.android.parsers.content import parse_provided, parse_refusal
from deploy.android.parsers.deaths import parse_deaths
from deploy.android.parsers.devices import parse_devices, parse_version
from deploy.android.parsers.disk import parse_available
from deploy.android.parsers.failures import failure_kind
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
from deploy.android.parsers.thermal import parse_thermal
from deploy.benchmark.parsers.cpu import clocks, clusters, parse_files
from deploy.benchmark.parsers.per_op import parse_profile
from deploy.benchmark.parsers.process import parse_status
from deploy.results.cores import cores_of, parse_core_list

PARSERS: dict[str, Callable[[str], object]] = {
    "am": parse_started,
    "battery": parse_battery,
    "content": parse_provided,
    "content refusal": parse_refusal,
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
    "setting": parse_setting,
    "stat": lambda text: busy_share(parse_stat(text), parse_stat(text)),
    "status": parse_status,
    "thermal": parse_thermal,
    "version": parse_version,
}
