"""am: starting and stopping the demo app."""

from __future__ import annotations

import asyncio

from deploy.virtual_phone.benchmark import run_app
from deploy.virtual_phone.commands.call import Call, Command
from deploy.virtual_phone.processes import SIGKILL
from deploy.virtual_phone.state import ACTIVITY, FILES_PROCESS, PACKAGE, State

_OLDEST_WITH_LAUNCH_STATE = 29
_OLDEST_WITH_EXIT_STATUS = 30
_USER_REQUESTED = 10


def am(call: Call) -> int:
    match call.args:
        case ["start", *words]:
            return _start(call, words)
        case ["force-stop", package]:
            _stop(call.phone, package)
            return 0
        case ["get-started-user-state", "0"]:
            locked = call.phone.faults.expects("never-unlocked")
            return call.out(f"RUNNING_{'LOCKED' if locked else 'UNLOCKED'}\n")
        case _:
            return call.fail("unknown command", 255)


def _start(call: Call, words: list[str]) -> int:
    phone = call.phone
    component = _after(words, "-n")
    block = _after(words, "id") if "--es" in words else ""
    if "-S" in words:
        _stop(phone, component.partition("/")[0])
        call.out(f"Stopping: {component.partition('/')[0]}\n")
    has_extras = " (has extras)" if block else ""
    call.out(f"Starting: Intent {{ cmp={component}{has_extras} }}\n")
    if component not in (ACTIVITY, f"{PACKAGE}/{PACKAGE}.BenchmarkActivity") or not (
        phone.is_installed(PACKAGE)
    ):
        text = f"Error: Activity class {{{component}}} does not exist.\n"
        call.out(f"Error type 3\n{text}")
        return int(phone.profile.api >= _OLDEST_WITH_EXIT_STATUS)
    if phone.processes.named(PACKAGE):
        text = "its current task has been brought to the front"
        return call.out(f"Warning: Activity not started, {text}\n")
    # Kept by the phone: an app outlives the shell that started it.
    job = asyncio.create_task(run_app(phone, block))
    phone.jobs.add(job)
    job.add_done_callback(phone.jobs.discard)
    if "-W" in words:
        call.out(_started(phone))
    return 0


def _started(phone: State) -> str:
    if phone.profile.api < _OLDEST_WITH_LAUNCH_STATE:
        lines = f"Activity: {ACTIVITY}\nThisTime: 402\nTotalTime: 402"
    else:
        lines = f"LaunchState: COLD\nActivity: {ACTIVITY}\nTotalTime: 402"
    return f"Status: ok\n{lines}\nWaitTime: 411\nComplete\n"


def _stop(phone: State, package: str) -> None:
    names = (package, FILES_PROCESS) if package == PACKAGE else (package,)
    for process in [one for name in names for one in phone.processes.named(name)]:
        process.kill(SIGKILL)
        # Gone at once for whoever asks next, as the system does it.
        phone.processes.running.pop(process.pid, None)
        phone.record_exit(process, _USER_REQUESTED, "USER REQUESTED", 0, "force stop")


def _after(words: list[str], option: str) -> str:
    return words[words.index(option) + 1] if option in words[:-1] else ""


COMMANDS: dict[str, Command] = {"am": am}
