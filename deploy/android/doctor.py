"""doctor: what keeps phones from being measured, and what to do about it. One line each."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from deploy.android.adb import Adb
from deploy.android.app_folders import app_folder
from deploy.android.app_runner import AppRunner, check_app
from deploy.android.device import AndroidDevice
from deploy.android.devices import Server, open_server, unusable
from deploy.android.identity import SeenPhone, one_each
from deploy.android.parsers.disk import parse_available
from deploy.android.parsers.power import parse_setting
from deploy.android.phone import Phone
from deploy.backends import packages
from deploy.bundle.manifest import TOOL_NAME
from deploy.bundle.open import Bundle
from deploy.native_runner.targets import TARGETS
from deploy.native_runner.toolchain import find_compiler
from deploy.protocol.faults import REMEDIES
from deploy.results.clocks import caps_unknown, describe_caps
from deploy.results.judge import LOW_BATTERY
from deploy.results.records import Conditions, DeviceFacts
from deploy.runtimes.processor import describe_int8, int8_saturates
from deploy.support.errors import DeployError, PhoneError
from deploy.support.printable import printable

Severity = Literal["ok", "warning", "blocks"]

_FEWEST_BYTES = 300_000_000
_WARM_C = 38.0


@dataclass(frozen=True, kw_only=True)
class Finding:
    """`what` was looked at, and what was found; of something amiss also what to do."""

    about: str
    state: Severity
    what: str


def examine(server: Server, executorch: str | None = None) -> Iterator[Finding]:
    """Findings as they are made: Python's packages, adb, then each phone.

    `executorch` is the version that a bundle's .pte artifacts need; None for what is installed.
    """
    executorch = executorch or _installed("executorch")
    yield from _packages()
    yield Finding(about="processor", state="ok", what=_processor())
    yield _compiler()
    try:
        adb = open_server(server)
        attached = adb.devices()
    except PhoneError as error:
        yield Finding(about="adb", state="blocks", what=str(error))
        return
    version = adb.version() or "of unknown version"
    yield Finding(about="adb", state="ok", what=f"{version}, {adb.binary}, port {adb.port}")
    if not attached:
        what = f"none attached: {REMEDIES['no-phone'].text}"
        yield Finding(about="phones", state="blocks", what=what)
    for phone in one_each(adb, attached):
        yield from _phone(adb, phone, executorch)


def executorch_of(bundle: Bundle) -> str | None:
    """The version of ExecuTorch that the bundle's .pte artifacts need; None without any."""
    of_pte = [artifact for artifact in bundle.manifest.artifacts if artifact.format == "executorch"]
    return of_pte[0].runtime.version if of_pte else None


def _compiler() -> Finding:
    """What compiles the native runner, which measures on phones that have not the app."""
    try:
        found = find_compiler(TARGETS["linux-arm64"])
    except DeployError as error:
        what = f"{error} (for phones without the app; for verify --cpu and profile --device arm64)"
        return Finding(about="compiler", state="warning", what=what)
    return Finding(about="compiler", state="ok", what=found.version)


def _packages() -> Iterator[Finding]:
    """Each with the version that is installed, against the one that ours asks for."""
    asked = _asked_for()
    for name in (*packages(), "adbutils"):
        version, wanted = _installed(name), asked.get(name, SpecifierSet())
        if version is None:
            what = f"not installed: pip install '{name}{wanted}'"
            yield Finding(about=name, state="blocks", what=what)
        elif version not in wanted:
            what = f"{version}, tested with {wanted}: pip install '{name}{wanted}'"
            yield Finding(about=name, state="warning", what=what)
        else:
            yield Finding(about=name, state="ok", what=version)


def _processor() -> str:
    exact = "; onnxruntime's exact int8 is taken, which is slower" if int8_saturates() else ""
    return f"{describe_int8()}{exact}"


def _asked_for() -> dict[str, SpecifierSet]:
    """By our own installed package; nothing where we run from a checkout without one."""
    try:
        listed = importlib.metadata.requires(TOOL_NAME) or []
    except importlib.metadata.PackageNotFoundError:
        return {}
    requirements = [Requirement(text) for text in listed]
    return {
        requirement.name: requirement.specifier
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    }


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _phone(adb: Adb, seen: SeenPhone, executorch: str | None) -> Iterator[Finding]:
    attached, name = seen.attached, printable(seen.attached.serial)
    if attached.state != "device":
        yield Finding(about=name, state="blocks", what=str(unusable(attached)))
        return
    phone = seen.open(adb)
    try:
        device = AndroidDevice(phone, lambda phone, about: AppRunner(phone, about.abilist))
        facts, now = device.facts(), device.conditions(0)
        yield Finding(about=name, state="ok", what=_facts(facts))
        for other in seen.also:
            yield Finding(about=name, state="ok", what=f"adb sees it as {printable(other)} too")
        yield _app(name, phone, executorch)
        yield _space(name, phone)
        yield _developer_settings(name, phone)
        yield from _conditions(name, now)
        yield from _clocks(name, facts, now)
    except PhoneError as error:
        yield Finding(about=name, state="blocks", what=str(error))


def _facts(facts: DeviceFacts) -> str:
    cores = " + ".join(str(len(cluster.cores)) for cluster in facts.clusters) or "unknown"
    virtual = ", virtual: nothing measured on it is of a phone" if facts.virtual else ""
    return f"{facts.model}, {facts.soc or 'SoC unknown'}, {facts.os}, cores {cores}{virtual}"


def _app(name: str, phone: Phone, executorch: str | None) -> Finding:
    try:
        app = check_app(phone, executorch)
    except PhoneError as error:
        # --runner native does without it.
        return Finding(about=f"{name} app", state="warning", what=str(error))
    runtimes = f"ExecuTorch {app.executorch}, ONNX Runtime {app.onnxruntime}"
    what = f"{app.version}, {runtimes}"
    if app_folder(phone).debuggable:
        what += "; debuggable, so Android checks its calls (CheckJNI): install its benchmark build"
        return Finding(about=f"{name} app", state="warning", what=what)
    return Finding(about=f"{name} app", state="ok", what=what)


def _space(name: str, phone: Phone) -> Finding:
    free = parse_available(phone.shell("df -k /data/local/tmp").out)
    about = f"{name} space"
    if free is None:
        return Finding(about=about, state="warning", what="unknown: see the phone's settings")
    text = f"{free / 1e9:.1f} GB free"
    if free < _FEWEST_BYTES:
        return Finding(about=about, state="blocks", what=f"{text}: free some on the phone")
    return Finding(about=about, state="ok", what=text)


def _developer_settings(name: str, phone: Phone) -> Finding:
    """Options that a developer may have left on, and that spoil a measurement."""
    about = f"{name} developer settings"
    said = phone.shell("settings get global always_finish_activities").out
    if parse_setting(said) == "1":
        what = '"Don\'t keep activities" ends the benchmark when it is covered: turn it off'
        return Finding(about=about, state="warning", what=what)
    return Finding(about=about, state="ok", what="nothing that spoils a measurement")


def _conditions(name: str, now: Conditions) -> Iterator[Finding]:
    yield _battery(f"{name} battery", now)
    thermal = now.thermal_status
    if thermal is None:
        why = "before Android 10, forced, or not ready"
        what = f"status unknown ({why}): throttling shows in the times alone"
        yield Finding(about=f"{name} heat", state="warning", what=what)
    else:
        state: Severity = "ok" if thermal == 0 else "warning"
        what = f"thermal status {thermal}" + ("" if thermal == 0 else ": let it cool")
        yield Finding(about=f"{name} heat", state=state, what=what)
    locked = now.locked
    what = "locked: unlock it and keep the screen on" if locked else "unlocked"
    yield Finding(about=f"{name} screen", state="warning" if locked else "ok", what=what)


def _clocks(name: str, facts: DeviceFacts, now: Conditions) -> Iterator[Finding]:
    caps = describe_caps(facts, [now])
    if not now.clocks or caps_unknown(now.clocks):
        what = "unreadable: throttling shows in the times alone"
    elif caps:
        what = f"capped, {caps}: let it cool and charge, and end its battery saver"
    else:
        return
    yield Finding(about=f"{name} clocks", state="warning", what=what)


def _battery(about: str, now: Conditions) -> Finding:
    amiss = [
        text
        for text, holds in {
            "low, charge it": now.battery_level is not None and now.battery_level < LOW_BATTERY,
            "warm, let it cool": now.battery_celsius is not None and now.battery_celsius > _WARM_C,
            "charging heats it, unplug it and connect by network": now.charging,
            "battery saver slows it, turn it off": now.power_save,
        }.items()
        if holds
    ]
    level = "level unknown" if now.battery_level is None else f"{100 * now.battery_level:.0f} %"
    heat = "" if now.battery_celsius is None else f", {now.battery_celsius:.1f} C"
    what = f"{level}{heat}" + (f": {'; '.join(amiss)}" if amiss else "")
    return Finding(about=about, state="warning" if amiss else "ok", what=what)


def blocking(findings: Sequence[Finding]) -> list[Finding]:
    """Those that keep something from working at all."""
    return [finding for finding in findings if finding.state == "blocks"]
