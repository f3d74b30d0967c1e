"""profile: measure bundles on phones and on this computer, several devices at once."""

from __future__ import annotations

import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import deploy
from deploy.benchmark.plan import Arms, Opened, plan_arms
from deploy.benchmark.session import USUAL, Device, Patience, Session
from deploy.benchmark.staging import stage_bundle
from deploy.bundle.manifest import MANIFEST_FILE, QUANTIZED, Tool
from deploy.bundle.open import check_integrity, open_bundle
from deploy.protocol.faults import fault
from deploy.protocol.messages import encode_logits
from deploy.results.records import (
    RESULTS_VERSION,
    MeasuredArtifact,
    MeasuredBundle,
    Results,
    RunnerName,
    Settings,
)
from deploy.support.cancel import CancelledError
from deploy.support.errors import DeployError, UserError
from deploy.support.hashing import sha256_file
from deploy.support.lacking import lacking
from deploy.support.printable import printable
from deploy.support.reporter import Reporter, Silent

# What a block can run: Core ML is measured by the iOS app, whose export has the same envelope.
RUNNABLE = ("executorch", "onnx")
_LOOK_S = 0.2
_KEEP_S = 30.0


@dataclass(frozen=True, kw_only=True)
class DeviceTarget:
    """A device to be opened by its own worker: what to call it, and how to open it."""

    label: str
    runner: RunnerName
    open: Callable[[], AbstractContextManager[Device]]


@dataclass(frozen=True, kw_only=True)
class Profiled:
    """`failures`, by the target's label, are of those that could not even be opened."""

    results: Results
    failures: dict[str, DeployError]
    interrupted: bool


def open_bundles(
    folders: Sequence[Path], artifacts: Sequence[str] = (), *, native: bool = False
) -> tuple[Opened, ...]:
    """The bundles, whole and unaltered, with the artifacts to measure.

    `artifacts` names those wanted, none all that were verified; with `native` .pte alone. Raises
    UserError where a bundle has nothing to measure, an artifact is unknown or a bundle is named
    twice, and what `open_bundle` and `check_integrity` raise.
    """
    formats = ("executorch",) if native else RUNNABLE
    labels = _labels(folders)
    opened = []
    for folder in folders:
        bundle = open_bundle(folder)
        runnable = [
            artifact for artifact in bundle.manifest.artifacts if artifact.format in formats
        ]
        chosen = [
            artifact
            for artifact in runnable
            if (artifact.name in artifacts if artifacts else artifact.verified)
        ]
        if not chosen:
            names = ", ".join(artifact.name for artifact in runnable) or "another bundle"
            raise UserError(
                f"{printable(str(folder))} has no such artifact that runs there: take {names}"
            )
        check_integrity(bundle)
        manifest = sha256_file(folder / MANIFEST_FILE)
        label = labels[folder]
        opened.append(Opened(bundle=bundle, id=manifest, label=label, artifacts=tuple(chosen)))
    found = {artifact.name for bundle in opened for artifact in bundle.artifacts}
    for name in artifacts:
        if name not in found:
            raise UserError(
                f"no artifact {printable(name)} runs there: take {', '.join(sorted(found))}"
            )
    if len({bundle.id for bundle in opened}) != len(opened):
        raise UserError("a bundle is named twice: give each once")
    return tuple(opened)


def profile(
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
    empty = Results(
        schema_version=RESULTS_VERSION,
        tool=Tool(name="mobile-deploy", version=deploy.__version__),
        session=secrets.token_hex(8),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        settings=settings,
        bundles=tuple(_facts(bundle) for bundle in bundles),
        devices=(),
    )

    def so_far() -> Results:
        devices = tuple(
            sessions[target.label].measured() for target in targets if target.label in sessions
        )
        return empty.model_copy(update={"devices": devices})

    with tempfile.TemporaryDirectory(prefix="mobile-deploy-") as local:
        staged = [
            stage_bundle(opened.bundle, opened.artifacts, _folder(Path(local), index))
            for index, opened in enumerate(bundles)
        ]

        def measure(target: DeviceTarget) -> None:
            with target.open() as device:
                facts = device.facts()
                plans = plan_arms(bundles, staged, replace(arms, runner=target.runner), facts)
                reporter = reporters(target.label)
                session = Session(device, facts, plans, settings, reporter, cancelled, patience)
                sessions[target.label] = session
                session.run()

        with ThreadPoolExecutor(max_workers=len(targets)) as pool:
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
    kept = time.monotonic()
    while True:
        try:
            if not wait(futures, timeout=_LOOK_S).not_done:
                return
            if time.monotonic() - kept > _KEEP_S:
                keep()
                kept = time.monotonic()
        except (KeyboardInterrupt, SystemExit):
            cancelled.set()


def _labels(folders: Sequence[Path]) -> dict[Path, str]:
    """The folder's name, or as much of its path as tells it from the others'."""
    labels: dict[Path, str] = {}
    for folder in folders:
        parts = folder.resolve().parts
        others = [other.resolve().parts for other in folders if other != folder]
        depth = 1
        while depth < len(parts) and any(other[-depth:] == parts[-depth:] for other in others):
            depth += 1
        labels[folder] = printable("/".join(parts[-depth:])) or "bundle"
    return labels


def _folder(parent: Path, index: int) -> Path:
    folder = parent / str(index)
    folder.mkdir()
    return folder


def _facts(opened: Opened) -> MeasuredBundle:
    bundle, network = opened.bundle, opened.bundle.manifest.network
    return MeasuredBundle(
        id=opened.id,
        label=opened.label,
        network=network.name,
        width=f"{network.width:g}" if network.width is not None else "-",
        resolution=network.resolution,
        classes=network.classes,
        golden=bundle.manifest.golden.count,
        float_logits=encode_logits(bundle.golden_logits_float()),
        artifacts=tuple(
            MeasuredArtifact(
                name=artifact.name,
                format=artifact.format,
                precision=artifact.precision,
                backend=artifact.backend,
                bytes=artifact.bytes,
                sha256=artifact.sha256,
                own_logits=encode_logits(bundle.golden_logits(artifact.name))
                if artifact.precision in QUANTIZED
                else None,
            )
            for artifact in opened.artifacts
        ),
    )
