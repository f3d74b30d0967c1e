"""dumpsys of the demo app, and run-as, which makes a debuggable one's data readable."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from deploy.virtual_phone.commands.call import Call, Command
from deploy.virtual_phone.filesystem import APP
from deploy.virtual_phone.state import APP_DATA, PACKAGE, State

_OLDEST_WITH_EXIT_INFO = 30


async def run_as(call: Call) -> int:
    package, *words = call.args or ("",)
    if not words:
        return call.fail("usage: run-as <package-name> <command> [<args>]")
    if not call.phone.is_installed(package):
        return call.fail(f"unknown package: {package}")
    if not call.phone.is_debuggable:
        return call.fail(f"package not debuggable: {package}")
    shell = call.shell.child(uid=APP, cwd=APP_DATA)
    return await shell.run_words(words, call.streams)


def package(phone: State, arguments: Sequence[str]) -> str:
    name = arguments[0] if arguments else ""
    if not phone.is_installed(name):
        return f"Unable to find package: {name}\n"
    debuggable = "DEBUGGABLE " if phone.is_debuggable else ""
    return (
        f"Packages:\n  Package [{name}] (3f1c2ab):\n    userId={APP}\n"
        f"    codePath={code_path(name)}\n    primaryCpuAbi={phone.profile.abi}\n"
        "    versionCode=1 minSdk=26 targetSdk=35\n"
        f"    versionName={phone.app_version()}\n"
        f"    flags=[ {debuggable}HAS_CODE ALLOW_CLEAR_USER_DATA ]\n"
        f"    firstInstallTime={phone.now():%Y-%m-%d %H:%M:%S}\n"
    )


def code_path(package: str) -> str:
    """Where Android keeps the app; the letters are made up by the installer."""
    return f"/data/app/~~dmlydHVhbA==/{package}-cGhvbmU=="


def activity(phone: State, arguments: Sequence[str]) -> str:
    if list(arguments[:1]) != ["exit-info"] or phone.profile.api < _OLDEST_WITH_EXIT_INFO:
        what = " ".join(arguments)
        return f"Bad activity command, or no activities match: {what}\n"
    if PACKAGE not in arguments:
        return "ACTIVITY MANAGER PROCESS EXIT INFO (dumpsys activity exit-info)\n"
    lines = [
        "ACTIVITY MANAGER PROCESS EXIT INFO (dumpsys activity exit-info)",
        f"  package: {PACKAGE}",
        f"    Historical Process Exit for uid={APP}",
    ]
    for index, record in enumerate(phone.exits[:16]):
        stamp = f"{record.at:%Y-%m-%d %H:%M:%S}.{record.at.microsecond // 1000:03}"
        lines += [
            f"        ApplicationExitInfo #{index}:",
            f"          timestamp={stamp} pid={record.pid} realUid={APP} packageUid={APP} "
            f"definingUid={APP} user=0",
            f"          process={record.process} reason={record.reason} ({record.title}) "
            f"subreason=0 (UNKNOWN) status={record.status}",
            "          importance=100 pss=0.00 rss=34MB "
            f"description={record.description} state=empty trace=null",
        ]
    return "\n".join(lines) + "\n"


SERVICES: dict[str, Callable[[State, Sequence[str]], str]] = {
    "activity": activity,
    "package": package,
}

COMMANDS: dict[str, Command] = {"run-as": run_as}
