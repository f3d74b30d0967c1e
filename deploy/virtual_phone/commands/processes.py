"""Shells within shells, processes, cores and waiting."""

from __future__ import annotations

import asyncio

from deploy.virtual_phone.commands.call import Call, Command, number
from deploy.virtual_phone.filesystem import USERS
from deploy.virtual_phone.processes import SIGKILL

_SIGTERM = 15
# A shell has been up for longer than anybody waits.
_LONGEST_SLEEP_S = 10**6
# Of the shell that complains.
_OWN_PID = 4000


async def sh(call: Call) -> int:
    """`sh -c TEXT`."""
    match call.args:
        case ["-c", text]:
            return await call.shell.child().run(text, call.streams)
        case _:
            return call.fail("only -c TEXT", 2)


def export(call: Call) -> int:
    """`adb logcat` begins with it; nothing here reads a variable."""
    return 0


async def execute(call: Call) -> int:
    """`exec COMMAND...`, the end of the line that `adb logcat` sends."""
    return await call.shell.child().run_words(call.args, call.streams) if call.args else 0


async def sleep(call: Call) -> int:
    """Seconds of the phone's own time."""
    try:
        seconds = float(call.args[0])
    except (IndexError, ValueError):
        return call.fail("bad number")
    await asyncio.sleep(min(max(seconds, 0.0), _LONGEST_SLEEP_S) / call.phone.clock.speed)
    return 0


async def taskset(call: Call) -> int:
    """`taskset MASK COMMAND...`; masks are bare hexadecimal."""
    mask, *words = call.args or ("",)
    if not words:
        return call.fail("Needs 2 arguments")
    cores = _cores(call, mask)
    if cores is None:
        return call.fail(f"bad mask '{mask}'")
    if not cores:
        return call.fail(f"failed to set pid {_OWN_PID}'s affinity: Invalid argument")
    return await call.shell.child(cores=cores).run_words(words, call.streams)


def _cores(call: Call, mask: str) -> tuple[int, ...] | None:
    """Those of the mask that the phone has; None for what is no mask."""
    if not mask or set(mask.lower()) - set("0123456789abcdef") or len(mask) > 64:
        return None
    bits = int(mask, 16)
    return tuple(core for core in range(call.phone.profile.cores) if bits >> core & 1)


def pidof(call: Call) -> int:
    _, names = call.options()
    pids = [process.pid for name in names for process in call.phone.processes.named(name)]
    if not pids:
        return 1
    return call.out(" ".join(map(str, reversed(pids))) + "\n")


def ps(call: Call) -> int:
    call.out("USER           PID  PPID     VSZ    RSS WCHAN            ADDR S NAME\n")
    call.out("root             1     0 10893784 9612 0                   0 S init\n")
    for process in call.phone.processes.running.values():
        user = USERS[process.uid]
        size = f"{process.rss_kb * 6:8} {process.rss_kb:6}"
        call.out(f"{user:<10} {process.pid:7} {1:5} {size} 0 {0:16} R {process.name}\n")
    return 0


def kill(call: Call) -> int:
    signal, pids = _SIGTERM, list(call.args)
    if pids and pids[0].startswith("-"):
        name = pids.pop(0)[1:]
        signal = SIGKILL if name in ("9", "KILL", "SIGKILL") else _SIGTERM
    status = 0
    for pid in pids:
        process = call.phone.processes.running.get(number(pid) or 0)
        if process is None:
            status = call.fail(f"{pid}: No such process")
        elif process.uid != call.shell.uid:
            status = call.fail(f"{pid}: Operation not permitted")
        else:
            process.kill(signal)
    return status


COMMANDS: dict[str, Command] = {
    "exec": execute,
    "export": export,
    "kill": kill,
    "pidof": pidof,
    "ps": ps,
    "sh": sh,
    "sleep": sleep,
    "taskset": taskset,
}
