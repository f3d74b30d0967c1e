"""Which arms to measure on a device: artifact, threads, cores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deploy.backends import RunnerName, loads_pte
from deploy.benchmark.bundles import Opened, runs
from deploy.benchmark.session import ArmPlan
from deploy.benchmark.staging import StagedBundle
from deploy.bundle.open import Bundle
from deploy.native_runner.targets import EXECUTORCH
from deploy.results.cores import mask_for
from deploy.results.records import ArmKey, DeviceFacts
from deploy.support.errors import UserError

DEFAULT_THREADS = (1, 2, 4)


@dataclass(frozen=True, kw_only=True)
class Arms:
    """What was asked for: `threads` None for 1, 2 and 4 as far as there are cores; `cores` in their
    normal spelling, None to leave the process free."""

    threads: tuple[int, ...] | None
    cores: str | None


def plan_arms(
    bundles: Sequence[Opened],
    staged: Sequence[StagedBundle],
    arms: Arms,
    runner: RunnerName,
    device: DeviceFacts,
) -> list[ArmPlan]:
    """Every artifact that `runner` runs with every number of threads, in that order.

    Raises UserError where there is none, for threads or cores that the device does not have, and
    for cores where the runner cannot be held to any.
    """
    if not any(runs(artifact, runner) for opened in bundles for artifact in opened.artifacts):
        raise UserError(
            f"the {runner} runner runs none of these artifacts: name another, or install the app "
            "on the phone"
        )
    mask = _mask(arms.cores, runner, device)
    threads = _threads(arms, device)
    return [
        ArmPlan(
            key=ArmKey(
                network=network_text(opened.bundle),
                format=artifact.format,
                precision=artifact.precision,
                backend=artifact.backend,
                runner=runner,
                threads=count,
                cores=arms.cores,
                input=artifact.input.form,
            ),
            staged=files,
            bundle_id=opened.id,
            artifact=artifact,
            mask=mask,
        )
        for opened, files in zip(bundles, staged, strict=True)
        for artifact in opened.artifacts
        if runs(artifact, runner)
        for count in threads
    ]


def check_mode(runner: RunnerName) -> None:
    """Raise UserError for a runner that cannot ask for sustained-performance mode."""
    if runner != "app":
        raise UserError(
            f"--sustained-mode: only an Android app can ask for it, not the {runner} runner: "
            "measure with --runner app, or leave it out"
        )


def left_out(bundles: Sequence[Opened], runner: RunnerName) -> str | None:
    """What is to be said of artifacts that `runner` does not run; None where there is none."""
    names = dict.fromkeys(
        artifact.name
        for opened in bundles
        for artifact in opened.artifacts
        if not runs(artifact, runner)
    )
    return f"measured by the {runner} runner, without {', '.join(names)}" if names else None


def untested(bundles: Sequence[Opened], runner: RunnerName) -> str | None:
    """What is to be said of artifacts of a version that the native runner is not known to load;
    None where there is none."""
    other = {
        artifact.runtime.version
        for opened in bundles
        for artifact in opened.artifacts
        if artifact.format == "executorch" and not loads_pte(EXECUTORCH, artifact.runtime.version)
    }
    if runner != "native" or not other:
        return None
    return (
        f"written by ExecuTorch {', '.join(sorted(other))}, which the native runner's {EXECUTORCH} "
        "is not known to load"
    )


def network_text(bundle: Bundle) -> str:
    """Such as "mobilenet_v2 0.75 224x224": what makes two bundles' networks comparable."""
    network = bundle.manifest.network
    width = "" if network.width is None else f" {network.width:g}"
    return f"{network.name}{width} {network.resolution[0]}x{network.resolution[1]}"


def _mask(cores: str | None, runner: RunnerName, device: DeviceFacts) -> str | None:
    if cores is None:
        return None
    if runner != "native":
        raise UserError(
            "--cores needs --runner native: the shell cannot pin an app's process, nor are the "
            "runtimes of this Python held to any"
        )
    return mask_for(cores, device)


def _threads(arms: Arms, device: DeviceFacts) -> tuple[int, ...]:
    cores = _count(device)
    if arms.threads is None:
        return tuple(count for count in DEFAULT_THREADS if not cores or count <= cores)
    if cores and max(arms.threads) > cores:
        raise UserError(
            f"--threads {max(arms.threads)}: {device.model} has {cores} cores, and more threads "
            "than cores only slow it down"
        )
    return arms.threads


def _count(device: DeviceFacts) -> int:
    """Number of cores; 0 where it is not known."""
    return sum(len(cluster.cores) for cluster in device.clusters)
