"""pm and `cmd package`: what is installed, installing and uninstalling."""

from __future__ import annotations

import io
import zipfile

from deploy.virtual_phone.commands.app import code_path
from deploy.virtual_phone.commands.call import Call, Command, number
from deploy.virtual_phone.state import PACKAGE

_OTHERS = ("android", "com.android.settings", "com.android.systemui")
_MOST_BYTES = 2**30


async def pm(call: Call) -> int:
    return await _package(call, call.args)


async def cmd(call: Call) -> int:
    if call.args[:1] == ("package",):
        return await _package(call, call.args[1:])
    return call.fail(f"Can't find service: {' '.join(call.args[:1])}", 20)


async def _package(call: Call, words: tuple[str, ...]) -> int:
    match words:
        case ["path", name]:
            if not call.phone.is_installed(name):
                return 1
            return call.out(f"package:{code_path(name)}/base.apk\n")
        case ["list", "packages"]:
            names = [*_OTHERS, *([PACKAGE] if call.phone.is_installed(PACKAGE) else [])]
            return call.out("".join(f"package:{name}\n" for name in names))
        case ["install", *rest]:
            return await _install(call, rest)
        case ["uninstall", *rest] if rest:
            if not call.phone.is_installed(rest[-1]):
                return _refuse(call, "DELETE_FAILED_INTERNAL_ERROR")
            call.phone.uninstall()
            return call.out("Success\n")
        case _:
            return call.fail("Unknown command", 255)


async def _install(call: Call, words: list[str]) -> int:
    """`-S SIZE` reads so many bytes from standard input, which the client does not close."""
    size = number(words[words.index("-S") + 1]) if "-S" in words[:-1] else None
    if size is None:
        return _refuse(call, "INSTALL_FAILED_INVALID_APK: no size")
    data = bytearray()
    while len(data) < size and (more := await call.streams.stdin.read()):
        data += more
    if call.phone.faults.strike("no-space"):
        return _refuse(call, "INSTALL_FAILED_INSUFFICIENT_STORAGE: Failed to override location")
    manifest = _manifest(bytes(data))
    if manifest is None:
        return _refuse(call, "INSTALL_PARSE_FAILED_NOT_APK: Failed to parse base.apk")
    # A compiled manifest has its texts in UTF-16 or UTF-8.
    if PACKAGE.encode("utf-16-le") not in manifest and PACKAGE.encode() not in manifest:
        return _refuse(call, f"INSTALL_FAILED_INVALID_APK: this virtual phone takes only {PACKAGE}")
    call.phone.install()
    return call.out("Success\n")


def _manifest(apk: bytes) -> bytes | None:
    try:
        with (
            zipfile.ZipFile(io.BytesIO(apk)) as archive,
            archive.open("AndroidManifest.xml") as file,
        ):
            return file.read(_MOST_BYTES)
    except (zipfile.BadZipFile, KeyError, OSError, NotImplementedError, RuntimeError):
        return None


def _refuse(call: Call, reason: str) -> int:
    call.out(f"Failure [{reason}]\n")
    return 1


COMMANDS: dict[str, Command] = {"cmd": cmd, "pm": pm}
