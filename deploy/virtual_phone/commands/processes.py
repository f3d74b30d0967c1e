"""Shells within shells, processes, cores and waiting."""

from __future__ import annotations

import asyncio

from deploy.virtual_phone.commands.call import Call, Command, number
from deploy.virtual_phone.filesystem import APP, SHELL
from deploy.virtual_phone.processes import SIGKILL

_SIGTERM = 15
_USERS = {SHELL: "shell", APP: "u0_a234"}
# A shell has been up for longer than anybody waits.
_LONGEST_SLEEP_S = 10**6


def nothing(call: Call) -> int:
    """true, `:`, and what is silent and changes nothing that can be seen."""
    return 0


def false(call: Call) -> int:
    return 1


async def sh(call: Call) -> int:
    """`sh -c TEXT`, or the text on standard input."""
    match call.args:
        case ["-c", text, *_]:
            pass
        case []:
            text = (await call.read_all()).decode(errors="replace")
        case [path, *_]:
            text = call.files.read(path).decode(errors="replace")
    return await call.shell.child().run(text, call.streams)


def export(call: Call) -> int:
    for word in call.args:
        name, _, value = word.partition("=")
        call.shell.environment[name] = value
    return 0


async def sleep(call: Call) -> int:
    """Seconds of the phone's own time."""
    try:
        seconds = float(call.args[0])
    except (IndexError, ValueError):
        return call.fail("bad number")
    await asyncio.sleep(min(max(seconds, 0.0), _LONGEST_SLEEP_S) / call.phone.clock.speed)
    return 0


async def timeout(call: Call) -> int:
    try:
        seconds = float(call.args[0].removesuffix("s"))
    except (IndexError, ValueError):
        return call.fail("bad number", 125)
    running = call.shell.child().run_words(call.args[1:], call.streams)
    try:
        return await asyncio.wait_for(running, seconds / call.phone.clock.speed)
    except TimeoutError:
        return 124


async def taskset(call: Call) -> int:
    """`taskset MASK COMMAND...` or `taskset -p [MASK] PID`; masks are bare hexadecimal."""
    match call.args:
        case ["-p", pid]:
            return _show_mask(call, pid)
        case [mask, *words] if words:
            cores = _cores(call, mask)
            if cores is None:
                return call.fail(f"bad mask '{mask}'")
            if not cores:
                return call.fail(f"failed to set pid {_OWN_PID}'s affinity: Invalid argument")
            return await call.shell.child(cores=cores).run_words(words, call.streams)
        case _:
            return call.fail("Needs 2 arguments")


_OWN_PID = 4000


def _cores(call: Call, mask: str) -> tuple[int, ...] | None:
    """Those of the mask that the phone has; None for what is no mask."""
    if not mask or set(mask.lower()) - set("0123456789abcdef") or len(mask) > 64:
        return None
    bits = int(mask, 16)
    return tuple(core for core in range(call.phone.profile.cores) if bits >> core & 1)


def _show_mask(call: Call, pid: str) -> int:
    process = call.phone.processes.running.get(number(pid) or 0)
    if process is None:
        return call.fail(f"failed to get pid {pid}'s affinity: No such process")
    mask = sum(1 << core for core in process.cores)
    return call.out(f"pid {pid}'s current affinity mask: {mask:x}\n")


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
        user = _USERS[process.uid]
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
    ":": nothing,
    "export": export,
    "false": false,
    "kill": kill,
    "pidof": pidof,
    "ps": ps,
    "sh": sh,
    "sleep": sleep,
    "sync": nothing,
    "taskset": taskset,
    "timeout": timeout,
    "true": nothing,
    "umask": nothing,
}
