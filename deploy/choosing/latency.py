"""All bundles of a sweep measured in one session on one device, or the session there was before."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from deploy.android.devices import PhoneRunner, Server, open_server, targets
from deploy.android.measure import profile_bundles
from deploy.benchmark.defaults import ITERATIONS, ROUNDS, WARMUP
from deploy.benchmark.host_device import HOST
from deploy.bundle.manifest import MANIFEST_FILE
from deploy.choosing.keys import digest
from deploy.results.file import read_results, write_results
from deploy.results.judge import ArmReport, judge
from deploy.results.records import DeviceFacts, Results
from deploy.support.durations import measure_seconds
from deploy.support.errors import DeployError, PhoneError, StorageError, UserError
from deploy.support.hashing import sha256_file
from deploy.support.reporter import Reporter
from deploy.virtual_phone.phone import VirtualPhone

NONE = "none"
VIRTUAL = "virtual"
RESULTS_FILE = "results.json"


@dataclass(frozen=True, kw_only=True)
class Measuring:
    """How to measure: `device` is "host", "virtual", "none" or a serial; `threads` an arm each;
    `again` although a whole session of the same is there."""

    device: str = HOST
    threads: tuple[int, ...] = (1,)
    rounds: int = ROUNDS
    iterations: int = ITERATIONS
    again: bool = False
    server: Server = field(default_factory=Server)

    @property
    def wanted(self) -> bool:
        return self.device != NONE


@dataclass(frozen=True, kw_only=True)
class SessionOutcome:
    """What there is of a session: `path` None where not one block was measured. `failure` is what
    ended it early, or kept it from beginning; `reused` tells that it was measured before."""

    path: Path | None = None
    device: DeviceFacts | None = None
    arms: tuple[ArmReport, ...] = ()
    failure: str | None = None
    interrupted: bool = False
    reused: bool = False


def check_device(measuring: Measuring) -> None:
    """Raise PhoneError or UserError for a device that is not there, before anything is built."""
    if measuring.device == VIRTUAL:
        open_server(replace(measuring.server, connect=()))
    elif measuring.wanted:
        cancelled = threading.Event()
        found = targets([measuring.device], measuring.server, PhoneRunner(), cancelled)
        if len(found) > 1:
            raise UserError(f"--device {measuring.device}: a choice is for one device: name one")


def measure(
    bundles: Sequence[Path], measuring: Measuring, folder: Path, reporter: Reporter
) -> SessionOutcome:
    """Measure what can be measured of `bundles`, one session in one queue; below `folder` each
    session has its own, by what was measured and how.

    A whole session that is there already is taken as it is. Of one that ends early what was
    measured is kept, and the next call begins a new one.
    """
    hashes = sorted(sha256_file(bundle / MANIFEST_FILE) for bundle in bundles)
    said = (measuring.device, measuring.threads, measuring.rounds, measuring.iterations)
    path = folder / digest([hashes, said]) / RESULTS_FILE
    if path.exists() and not measuring.again:
        before = _outcome(read_results(path), path)
        if before.failure is None and not before.interrupted:
            return replace(before, reused=True)
    path.parent.mkdir(parents=True, exist_ok=True)

    def keep(results: Results) -> None:
        if _blocks(results):
            with suppress(StorageError):
                write_results(results, path)

    try:
        with _named(measuring) as (device, server):
            profiled = profile_bundles(
                bundles,
                [device],
                threads=measuring.threads,
                rounds=measuring.rounds,
                iterations=measuring.iterations,
                server=server,
                reporters=lambda label: reporter,
                keep=keep,
            )
    except PhoneError as error:
        return SessionOutcome(failure=str(error))
    if not _blocks(profiled.results):
        failures: list[DeployError] = list(profiled.failures.values())
        failure = str(failures[0]) if failures else None
        return SessionOutcome(failure=failure, interrupted=profiled.interrupted)
    write_results(profiled.results, path)
    return _outcome(profiled.results, path)


def seconds_of(arms: Sequence[tuple[str, float]], measuring: Measuring) -> float:
    """About how long a session takes, of artifacts in a format, each with its network's MACs."""
    each = [arm for arm in arms for _ in measuring.threads]
    return measure_seconds(
        each, rounds=measuring.rounds, inferences=measuring.iterations + WARMUP + 1
    )


@contextmanager
def _named(measuring: Measuring) -> Iterator[tuple[str, Server]]:
    """What adb calls the device, and the server that knows it."""
    if measuring.device != VIRTUAL:
        yield measuring.device, measuring.server
        return
    with VirtualPhone() as phone:
        server = replace(measuring.server, connect=(phone.serial,))
        try:
            yield phone.serial, server
        finally:
            with suppress(DeployError):
                open_server(replace(server, connect=())).run(["disconnect", phone.serial])


def _outcome(results: Results, path: Path) -> SessionOutcome:
    """Of the one device."""
    (report,) = judge(results)
    return SessionOutcome(
        path=path,
        device=report.device,
        arms=report.arms,
        failure=report.failure,
        interrupted=report.interrupted,
    )


def _blocks(results: Results) -> bool:
    return any(arm.blocks for device in results.devices for arm in device.arms)
