"""profile: measure bundles on phones and on this computer, several devices at once."""

from __future__ import annotations

import base64
import secrets
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

import deploy
from deploy.bundle.manifest import MANIFEST_FILE, QUANTIZED, Tool
from deploy.bundle.open import check_integrity, open_bundle
from deploy.bundle.parse import printable
from deploy.errors import PhoneError, UserError
from deploy.hashing import sha256_file
from deploy.phone.plan import Arms, Opened, plan_arms
from deploy.phone.results import (
    RESULTS_VERSION,
    MeasuredArtifact,
    MeasuredBundle,
    MeasuredDevice,
    Results,
    RunnerName,
    Settings,
)
from deploy.phone.session import Device, Session
from deploy.phone.staging import stage
from deploy.reporter import Reporter, Silent

# What a block can run: Core ML is measured by the iOS app, whose export has the same envelope.
RUNNABLE = ("executorch", "onnx")
_LOOK_S = 0.2


@dataclass(frozen=True, kw_only=True)
class Target:
    """A device to be opened by its own worker: what to call it, and how to open it."""

    label: str
    runner: RunnerName
    open: Callable[[], AbstractContextManager[Device]]


@dataclass(frozen=True, kw_only=True)
class Profiled:
    """`failures`, by the target's label, are of those that could not even be opened."""

    results: Results
    failures: dict[str, PhoneError]
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
    opened = []
    for folder in folders:
        bundle = open_bundle(folder)
        runnable = [each for each in bundle.manifest.artifacts if each.format in formats]
        chosen = [
            each for each in runnable if (each.name in artifacts if artifacts else each.verified)
        ]
        if not chosen:
            names = ", ".join(each.name for each in runnable) or "another bundle"
            raise UserError(
                f"{printable(str(folder))} has no such artifact that runs there: take {names}"
            )
        check_integrity(bundle)
        manifest = sha256_file(folder / MANIFEST_FILE)
        opened.append(Opened(bundle=bundle, id=manifest, artifacts=tuple(chosen)))
    found = {each.name for one in opened for each in one.artifacts}
    for name in artifacts:
        if name not in found:
            raise UserError(
                f"no artifact {printable(name)} runs there: take {', '.join(sorted(found))}"
            )
    if len({each.id for each in opened}) != len(opened):
        raise UserError("a bundle is named twice: give each once")
    return tuple(opened)


def profile(
    bundles: Sequence[Opened],
    targets: Sequence[Target],
    arms: Arms,
    settings: Settings,
    *,
    reporters: Callable[[str], Reporter] = lambda label: Silent(),
    cancelled: threading.Event | None = None,
) -> Profiled:
    """Measure every arm on every target, one worker a target; a target that fails harms no other.

    Ctrl-C, or setting `cancelled`, ends all soon, cleans the phones and gives what there is, marked
    interrupted. Raises UserError where `arms` cannot be had on a device.
    """
    cancelled = cancelled or threading.Event()
    started = datetime.now(UTC)
    with tempfile.TemporaryDirectory(prefix="mobile-deploy-") as local:
        staged = [
            stage(each.bundle, each.artifacts, _folder(Path(local), index))
            for index, each in enumerate(bundles)
        ]

        def measure(target: Target) -> MeasuredDevice:
            with target.open() as device:
                facts = device.facts()
                plans = plan_arms(bundles, staged, replace(arms, runner=target.runner), facts)
                session = Session(device, plans, settings, reporters(target.label), cancelled)
                return session.run(facts)

        with ThreadPoolExecutor(max_workers=len(targets)) as pool:
            futures = [pool.submit(measure, target) for target in targets]
            _wait(futures, cancelled)
    devices: list[MeasuredDevice] = []
    failures: dict[str, PhoneError] = {}
    for target, future in zip(targets, futures, strict=True):
        try:
            devices.append(future.result())
        except PhoneError as error:
            failures[target.label] = error
    return Profiled(
        results=Results(
            schema_version=RESULTS_VERSION,
            tool=Tool(name="mobile-deploy", version=deploy.__version__),
            session=secrets.token_hex(8),
            started=started.isoformat(timespec="seconds"),
            settings=settings,
            bundles=tuple(_facts(each) for each in bundles),
            devices=tuple(devices),
        ),
        failures=failures,
        interrupted=cancelled.is_set(),
    )


def _wait(futures: Sequence[Future[MeasuredDevice]], cancelled: threading.Event) -> None:
    """Until all are done; Ctrl-C asks them to end, and waits for the phones to be clean."""
    while True:
        try:
            if not wait(futures, timeout=_LOOK_S).not_done:
                return
        except KeyboardInterrupt:
            cancelled.set()


def _folder(parent: Path, index: int) -> Path:
    folder = parent / str(index)
    folder.mkdir()
    return folder


def _facts(opened: Opened) -> MeasuredBundle:
    bundle, network = opened.bundle, opened.bundle.manifest.network
    return MeasuredBundle(
        id=opened.id,
        label=printable(bundle.folder.resolve().name) or "bundle",
        network=network.name,
        width=f"{network.width:g}" if network.width is not None else "-",
        resolution=network.resolution,
        classes=network.classes,
        golden=bundle.manifest.golden.count,
        float_logits=_base64(bundle.golden_logits_float()),
        artifacts=tuple(
            MeasuredArtifact(
                name=artifact.name,
                format=artifact.format,
                precision=artifact.precision,
                backend=artifact.backend,
                bytes=artifact.bytes,
                sha256=artifact.sha256,
                own_logits=_base64(bundle.golden_logits(artifact.name))
                if artifact.precision in QUANTIZED
                else None,
            )
            for artifact in opened.artifacts
        ),
    )


def _base64(logits: npt.NDArray[np.float32]) -> str:
    return base64.b64encode(logits.astype("<f4").tobytes()).decode()
