"""What ExecuTorch's executor_runner logs, on stderr or (Android's build) to logcat.

The lines are those of version 1.3 and later: earlier ones tell no iteration's time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from deploy.benchmark.parsers.text import lines_of, whole, words

# `E 00:00:00.000123 executorch:method.cpp:819] `, the time not always there; or logcat's.
_PREFIX = re.compile(
    r"(?P<level>[DIEF]) (?:[0-9:.]+ )?(?:\[?executorch:)[^\]]*\] "
    r"|[0-9-]{5,10} [0-9:.]+ +[0-9]+ +[0-9]+ (?P<logcat>[VDIWEFA]) \S+ *: "
)
_MS = r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ms"
_LOADED = re.compile(rf"Model loaded in {_MS}\.")
_ITERATION = re.compile(rf"Iteration ([0-9]+) of ([0-9]+): {_MS}")
_EXECUTED = re.compile(rf"Model executed successfully ([0-9]+) time\(s\) in {_MS}\.")
_OPERATOR = re.compile(r"Missing operator: \[-?[0-9]+\] (\S+)")
_BACKEND = re.compile(r"Backend (\S+) is not (?:registered|available)")

# Without a level of their own: gflags, the phone's linker and its shell.
_OTHERS = re.compile(
    r"ERROR: |CANNOT LINK EXECUTABLE|terminate called|In function .*, assert failed|"
    r".*(?:not executable:|Exec format error|inaccessible or not found)"
)
# Longer than any load or inference: an hour, as in the protocol.
_LONGEST_NS = 3_600 * 10**9


@dataclass(frozen=True, kw_only=True)
class RunnerLog:
    """Times in ns. `iterations_ns` goes up to the first that is missing; `executed` is how many
    the runner says it ran, in `total_ns`. `error` is what went wrong, in its words.
    """

    load_ns: int | None
    iterations_ns: tuple[int, ...]
    executed: int | None
    total_ns: int | None
    missing_operator: str | None
    missing_backend: str | None
    error: str | None


def parse_runner_log(text: str) -> RunnerLog:
    """The log of one run; of several, the times of the last."""
    load_ns = executed = total_ns = None
    operator = backend = None
    iterations: dict[int, int | None] = {}
    causes: list[str] = []
    errors: list[str] = []
    for line in lines_of(text):
        level, message = _level_and_message(line.rstrip())
        if (found := _LOADED.fullmatch(message)) is not None:
            load_ns, executed, total_ns, iterations = _ns(found[1]), None, None, {}
        elif (found := _ITERATION.fullmatch(message)) is not None:
            iterations[whole(found[1]) or 0] = _ns(found[3])
        elif (found := _EXECUTED.fullmatch(message)) is not None:
            executed, total_ns = whole(found[1]), _ns(found[2])
        elif (found := _OPERATOR.match(message)) is not None:
            operator = operator or words(found[1])
            causes.append(message)
        elif (found := _BACKEND.match(message)) is not None:
            backend = backend or words(found[1])
            causes.append(message)
        elif level in ("E", "F") or _OTHERS.match(message):
            errors.append(message)
    return RunnerLog(
        load_ns=load_ns,
        iterations_ns=_in_order(iterations),
        executed=executed,
        total_ns=total_ns,
        missing_operator=operator,
        missing_backend=backend,
        # What follows the first only tells who had to give up for it.
        error=words(next(iter(causes + errors), None)),
    )


def _level_and_message(line: str) -> tuple[str | None, str]:
    prefix = _PREFIX.match(line)
    if prefix is None:
        return None, line
    return prefix["level"] or prefix["logcat"], line[prefix.end() :]


def _in_order(iterations: dict[int, int | None]) -> tuple[int, ...]:
    times: list[int] = []
    while (time := iterations.get(len(times) + 1)) is not None:
        times.append(time)
    return tuple(times)


def _ns(milliseconds: str) -> int | None:
    """Exact, as a double would not be; None for no time at all and for more than an hour."""
    nanoseconds = int(Decimal(milliseconds) * 10**6)
    return nanoseconds if 0 < nanoseconds <= _LONGEST_NS else None
