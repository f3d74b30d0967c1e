"""profile: measure bundles on phones and on this computer, several devices at once."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import deploy
from deploy.benchmark.bundles import Opened, facts_of
from deploy.benchmark.device import Device
from deploy.benchmark.plan import Arms, check_mode, left_out, plan_arms, untested
from deploy.benchmark.session import USUAL, Patience, Session
from deploy.benchmark.staging import stage_bundle
from deploy.bundle.manifest import Tool
from deploy.protocol.faults import fault
from deploy.results.records import (
    RESULTS_VERSION,
    SUSTAINED_VERSION,
    Results,
    Settings,
)
from deploy.support.cancel import CancelledError
from deploy.support.errors import DeployError
from deploy.support.lacking import lacking
from deploy.support.reporter import Reporter, Silent
from deploy.support.temporary import temporary_folder

_LOOK_S = 0.2
# Nobody sees that from outside: its blocks are as long as they say.
_VIRTUAL_PAUSES = (
    "unless it was started with --speed 1, a virtual phone's time runs faster than ours in each "
    "pause between two blocks, and it cools"
)
_KEEP_S = 30.0
_KEEP_SHARE = 20.0


@dataclass(frozen=True, kw_only=True)
class DeviceTarget:
    """A device to be opened by its own worker: what to call it, and how to open it."""

    label: str
    open: Callable[[], AbstractContextManager[Device]]


@dataclass(frozen=True, kw_only=True)
class Profiled:
    """`failures`, by the target's label, are of those that could not even be opened."""

    results: Results
    failures: dict[str, DeployError]
    interrupted: bool


def profile_targets(
    bundles: Sequence[Opened],
    targets: Sequence[DeviceTarget],
    arms: Arms,
    settings: Settings,
    *,
    reporters: Callable[[str], Reporter] = lambda label: Silent(),
    cancelled: threading.Event | None = None,
    keep: Callable[[Results], None] | None = None,
    patience: Patience = USUAL,
) -> Profiled:
    """Measure every arm on every target, one worker a target; a target that fails harms no other.

    Ctrl-C, or setting `cancelled`, ends all soon, cleans the phones and gives what there is, marked
    interrupted. `keep` is given what there is so far now and then, in case all else is lost.
    """
    cancelled = cancelled or threading.Event()
    sessions: dict[str, Session] = {}
    empty = _without_devices(bundles, settings)

    def so_far() -> Results:
        devices = tuple(
            sessions[target.label].measured() for target in targets if target.label in sessions
        )
        return empty.with_devices(devices)

    with temporary_folder() as local:
        staged = [
            stage_bundle(opened.bundle, opened.artifacts, _folder(Path(local), index))
            for index, opened in enumerate(bundles)
        ]

        def measure(target: DeviceTarget) -> None:
            with target.open() as device:
                if settings.sustained and settings.sustained.mode:
                    check_mode(device.runner.name)
                facts = device.facts()
                plans = plan_arms(bundles, staged, arms, device.runner.name, facts)
                reporter = reporters(target.label)
                session = Session(device, facts, plans, settings, reporter, cancelled, patience)
                if facts.virtual and settings.sustained:
                    session.warn(_VIRTUAL_PAUSES)
                if left := left_out(bundles, device.runner.name):
                    session.warn(left)
                if other := untested(bundles, device.runner.name):
                    session.warn(other)
                sessions[target.label] = session
                session.run()

        with ThreadPoolExecutor(max_workers=max(1, len(targets))) as pool:
            try:
                futures = [pool.submit(measure, target) for target in targets]
                _wait(futures, cancelled, lambda: keep(so_far()) if keep else None)
            except BaseException:  # The pool waits for its workers: they must know to end.
                cancelled.set()
                raise
    failures = {
        target.label: error
        for target, future in zip(targets, futures, strict=True)
        if (error := _error(future)) is not None
    }
    return Profiled(results=so_far(), failures=failures, interrupted=cancelled.is_set())


def _without_devices(bundles: Sequence[Opened], settings: Settings) -> Results:
    """The results of a session that begins now."""
    return Results(
        schema_version=SUSTAINED_VERSION if settings.sustained else RESULTS_VERSION,
        tool=Tool(name="mobile-deploy", version=deploy.__version__),
        session=secrets.token_hex(8),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        settings=settings,
        bundles=tuple(facts_of(bundle) for bundle in bundles),
        devices=(),
    )


def _error(future: Future[None]) -> DeployError | None:
    """Why a target gave nothing; None where it gave something, or was interrupted."""
    error = future.exception()
    if error is None or isinstance(error, CancelledError):
        return None
    if isinstance(error, DeployError):
        return error
    if lack := lacking(error):
        lack.__cause__ = error
        return lack
    # One device's accident must not lose the others' results.
    unexpected = fault("unexpected", f"{type(error).__name__}: {error}")
    unexpected.__cause__ = error
    return unexpected


def _wait(
    futures: Sequence[Future[None]], cancelled: threading.Event, keep: Callable[[], None]
) -> None:
    """Until all are done, keeping what there is now and then.

    Ctrl-C, and being told to terminate, ask them to end, and wait for the phones to be clean.
    """
    keep_at = time.monotonic() + _KEEP_S
    while True:
        try:
            if not wait(futures, timeout=_LOOK_S).not_done:
                return
            if time.monotonic() > keep_at:
                began = time.monotonic()
                keep()
                # A long session's file takes its time, which is not to be most of it.
                took = time.monotonic() - began
                keep_at = time.monotonic() + max(_KEEP_S, _KEEP_SHARE * took)
        except (KeyboardInterrupt, SystemExit):
            cancelled.set()


def _folder(parent: Path, index: int) -> Path:
    folder = parent / str(index)
    folder.mkdir()
    return folder
