"""benchmark: accuracy, latency and size of a bundle, as `evaluate` and `profile` have them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deploy.benchmark.bundles import ANY_RUNNER, runs
from deploy.bundle.manifest import Artifact
from deploy.bundle.open import open_bundle
from deploy.choosing.latency import Measuring, SessionOutcome, check_device, measure
from deploy.results.judge import ArmReport
from deploy.support.reporter import Reporter, Silent
from deploy.support.temporary import temporary_folder
from deploy.verification.evaluate import Evaluation, check_order, evaluate_bundle
from deploy.verification.tally import ArtifactScore


@dataclass(frozen=True, kw_only=True)
class BenchmarkedArtifact:
    """`arm` is its fastest VALID one, whatever the number of threads, else the fastest; None where
    it was not measured."""

    artifact: Artifact
    score: ArtifactScore
    arm: ArmReport | None


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """`session` is None where nothing of the bundle runs on the device."""

    evaluation: Evaluation
    session: SessionOutcome | None
    artifacts: tuple[BenchmarkedArtifact, ...]


def benchmark_bundle(
    folder: Path,
    photos: Path,
    *,
    measuring: Measuring | None = None,
    reporter: Reporter | None = None,
) -> Benchmark:
    """Evaluate the bundle in `folder` on `photos`, then measure it, alone on the machine.

    Raises what `evaluate_bundle` and `check_device` raise, for a device that is not there before
    anything takes time. What ends a session early is in `session`.
    """
    measuring, reporter = measuring or Measuring(), reporter or Silent()
    check_order(folder, photos)
    made = {artifact.name: artifact for artifact in open_bundle(folder).manifest.artifacts}
    run = any(found.verified and runs(found, *ANY_RUNNER) for found in made.values())
    if run:
        check_device(measuring)
    evaluation = evaluate_bundle(folder, photos, reporter=reporter)
    session = None
    if run:
        with temporary_folder() as scratch:
            session = measure([folder], measuring, scratch, reporter)
    arms = session.arms if session else ()
    return Benchmark(
        evaluation=evaluation,
        session=session,
        artifacts=tuple(
            BenchmarkedArtifact(
                artifact=made[score.name],
                score=score,
                arm=min(
                    (arm for arm in arms if arm.arm.artifact == score.name),
                    key=lambda arm: (not arm.valid, _p50(arm)),
                    default=None,
                ),
            )
            for score in evaluation.scores
        ),
    )


def _p50(arm: ArmReport) -> float:
    return arm.summary.p50.value if arm.summary else float("inf")
