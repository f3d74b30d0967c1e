"""Which devices to measure on, from what the user named and what adb sees."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from deploy.android.adb import LOCAL, Adb, default_port, find_adb
from deploy.android.app_runner import AppRunner, app_version, has_app
from deploy.android.device import AndroidDevice
from deploy.android.identity import SeenPhone, one_each
from deploy.android.lock import alone
from deploy.android.native_runner import PHONE_TARGET, NativeRunner, PhoneProgram
from deploy.android.parsers.devices import AttachedDevice
from deploy.android.parsers.properties import Description
from deploy.android.phone import Phone
from deploy.backends import RunnerName
from deploy.benchmark.bundles import Opened, runs
from deploy.benchmark.device import Device
from deploy.benchmark.host_device import HOST, HostDevice
from deploy.benchmark.profile import DeviceTarget
from deploy.benchmark.runner import Runner
from deploy.native_runner.build import build
from deploy.protocol.faults import fault
from deploy.protocol.messages import PIXELS_VERSION
from deploy.support.errors import PhoneError, UserError
from deploy.support.printable import printable

ALL = "all"


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where adb listens, and phones to connect to over the network."""

    host: str = LOCAL
    port: int | None = None
    connect: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PhoneRunner:
    """How blocks are run: `name` None is by the app where the phone has it, else by the native
    runner. `binary` is the latter where it is not to be compiled here, `executorch` the version of
    the runtime that the .pte artifacts need, if there are any, `pixels` the artifacts that take
    pixels."""

    name: RunnerName | None = None
    binary: Path | None = None
    executorch: str | None = None
    pixels: tuple[str, ...] = ()

    def on(self, phone: Phone) -> Callable[[Phone, Description], Runner]:
        """What makes the runner that is right for this phone.

        Raises PhoneError: runner-missing where it would have to be compiled and cannot be;
        UserError where the app there knows no pixels, and they are to be measured.
        """
        if self.name == "app" or (self.name is None and has_app(phone)):
            self._check_pixels(phone)
            return lambda phone, about: AppRunner(phone, about.abilist, self.executorch)
        program = self._program(phone)
        return lambda phone, about: NativeRunner(phone, program, about.abilist)

    def _check_pixels(self, phone: Phone) -> None:
        version = app_version(phone)
        if self.pixels and version is not None and version.protocol < PIXELS_VERSION:
            raise UserError(
                f"the app on {printable(phone.serial)} speaks protocol {version.protocol} and "
                f"cannot be given pixels, which {', '.join(self.pixels)} take: install it again "
                "from this version's android_demo, or build the bundle with --input tensor"
            )

    def _program(self, phone: Phone) -> PhoneProgram:
        if self.binary is not None:
            return PhoneProgram.of_file(self.binary)
        try:
            return PhoneProgram.of_folder(build(PHONE_TARGET))
        except UserError as error:
            raise fault(
                "runner-missing", f"{phone.serial} needs the native runner: {error}"
            ) from error


def choose_runner(
    name: RunnerName | None, binary: Path | None, bundles: Sequence[Opened]
) -> PhoneRunner:
    """What runs the blocks of `bundles`.

    Raises UserError where the .pte artifacts are of different versions of ExecuTorch, and where
    `binary` is no file.
    """
    if binary is not None and not binary.is_file():
        raise UserError(f"{binary} is no file: name a native runner, built for android-arm64")
    versions = {
        artifact.runtime.version
        for opened in bundles
        for artifact in opened.artifacts
        if artifact.format == "executorch"
    }
    if len(versions) > 1:
        raise UserError(
            f"the bundles are of ExecuTorch {' and '.join(sorted(versions))}, and an app has one: "
            "build them with one version"
        )
    pixels = {
        artifact.name
        for opened in bundles
        for artifact in opened.artifacts
        if artifact.input.form == "pixels" and runs(artifact, "app")
    }
    return PhoneRunner(
        name=name,
        binary=binary,
        executorch=next(iter(versions), None),
        pixels=tuple(sorted(pixels)),
    )


def open_server(server: Server, cancelled: threading.Event | None = None) -> Adb:
    """adb, connected to the phones that `server` names. Raises PhoneError."""
    port = server.port or default_port()
    adb = Adb(binary=find_adb(), host=server.host, port=port, cancelled=cancelled)
    for address in server.connect:
        adb.connect(address)
    return adb


def choose_phones(
    attached: Sequence[AttachedDevice], wanted: Sequence[str]
) -> tuple[AttachedDevice, ...]:
    """The phones to use: those named, every usable one for "all", the only one for nothing.

    Raises PhoneError: no-phone, not-found, or what keeps the phone from being used; UserError
    where there are several and none is named, and where adb itself cannot tell two apart.
    """
    _refuse_twins(attached)
    if ALL in wanted:
        usable = tuple(entry for entry in attached if entry.state == "device")
        if not usable:
            raise unusable(attached[0]) if attached else fault("no-phone", "adb sees no phone")
        return usable
    if wanted:
        by_serial = {entry.serial: entry for entry in attached}
        for serial in wanted:
            twins = [entry.serial for entry in attached if entry.shared_serial == serial]
            if twins:
                raise UserError(
                    f"{len(twins)} phones have the serial number {printable(serial)}: give "
                    f"--device one of {', '.join(map(printable, twins))}"
                )
            if serial not in by_serial:
                raise fault("not-found", f"adb sees no phone {printable(serial)}")
            if by_serial[serial].state != "device":
                raise unusable(by_serial[serial])
        return tuple(by_serial[serial] for serial in dict.fromkeys(wanted))
    if not attached:
        raise fault("no-phone", "adb sees no phone")
    if len(attached) > 1:
        serials = ", ".join(printable(entry.serial) for entry in attached)
        raise UserError(f"adb sees {len(attached)} phones: give --device {ALL} or one of {serials}")
    if attached[0].state != "device":
        raise unusable(attached[0])
    return tuple(attached)


def _refuse_twins(attached: Sequence[AttachedDevice]) -> None:
    """What is asked of one of them either may answer, or adb refuses."""
    for serial, count in Counter(entry.serial for entry in attached).items():
        if count > 1:
            raise UserError(
                f"adb lists {printable(serial)} {count} times and cannot tell them apart: unplug "
                "all but one, or upgrade adb"
            )


def seen_phones(
    adb: Adb, attached: Sequence[AttachedDevice], wanted: Sequence[str]
) -> tuple[SeenPhone, ...]:
    """As `choose_phones`, and each phone once, though adb may list it by cable and by network."""
    _refuse_twins(attached)
    if wanted and ALL not in wanted:
        return one_each(adb, choose_phones(attached, wanted))
    by_serial = {seen.attached.serial: seen for seen in one_each(adb, attached)}
    chosen = choose_phones([seen.attached for seen in by_serial.values()], wanted)
    return tuple(by_serial[entry.serial] for entry in chosen)


def the_phone(wanted: Sequence[str], server: Server) -> Phone:
    """The one phone that is meant. Raises as `choose_phones`, and UserError for several."""
    adb = open_server(server)
    chosen = seen_phones(adb, adb.devices(), wanted or server.connect)
    if len(chosen) > 1:
        raise UserError("this is for one phone at a time: name it with --device")
    return chosen[0].open(adb)


def targets(
    wanted: Sequence[str], server: Server, runner: PhoneRunner, cancelled: threading.Event
) -> list[DeviceTarget]:
    """The devices that the user named, to be opened each by its worker. Raises as above."""
    found: list[DeviceTarget] = []
    phones = [name for name in wanted if name != HOST]
    if HOST in wanted:
        found.append(
            DeviceTarget(
                label=HOST,
                open=lambda: nullcontext(HostDevice(cancelled, runner.name or "host")),
            )
        )
    if phones or not wanted:
        adb = open_server(server, cancelled)
        attached = adb.devices()
        for seen in seen_phones(adb, attached, phones or server.connect):
            found.append(_phone_target(seen.open(adb), runner, seen.also))
        if ALL in phones:
            left = [entry for entry in attached if entry.state != "device"]
            found += [_refused_target(entry) for entry in left]
    return found


def _phone_target(phone: Phone, runner: PhoneRunner, also: Sequence[str] = ()) -> DeviceTarget:
    @contextmanager
    def opened() -> Iterator[Device]:
        with alone(phone):
            yield AndroidDevice(phone, runner.on(phone), also=also)

    return DeviceTarget(label=printable(phone.serial), open=opened)


def _refused_target(attached: AttachedDevice) -> DeviceTarget:
    """A phone that is there and cannot be used: it is told like one that fails."""

    def refuse() -> AbstractContextManager[Device]:
        raise unusable(attached)

    return DeviceTarget(label=printable(attached.serial), open=refuse)


def unusable(attached: AttachedDevice) -> PhoneError:
    """Why a phone in its state, which is not "device", cannot be used."""
    name = printable(attached.serial)
    match attached.state:
        case "unauthorized" | "authorizing":
            return fault("unauthorized", f"{name} has not accepted this computer's key")
        case "offline" | "connecting":
            return fault("offline", f"{name} is offline")
        case state if state.startswith("no permissions"):
            return fault("no-permissions", f"{name} may not be opened by this user")
        case state:
            return fault("not-booted", f"{name} is in the state {state}")
