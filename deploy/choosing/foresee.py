"""About how long a sweep takes, of what is still to be made."""

from __future__ import annotations

from collections.abc import Sequence

from deploy.backends import BACKENDS
from deploy.choosing.job import found, needs_scores
from deploy.choosing.latency import Measuring, seconds_of
from deploy.choosing.plan import Planned
from deploy.pipeline.recipe import efforts
from deploy.support.cores import cores_here
from deploy.support.durations import answer_seconds, build_seconds
from deploy.support.reporter import Reporter, foretell

# Of the labelled photos, which are not looked at for this.
_PHOTO_BYTES = 150e3


def foretell_sweep(
    planned: Sequence[Planned], jobs: int | None, measuring: Measuring | None, reporter: Reporter
) -> None:
    """Say it, unless there is nothing to build: measuring then tells for itself.

    `jobs` bundles are built at a time, None on a cluster, whose workers are not counted;
    `measuring` is None where nothing is measured.
    """
    seconds, missing = 0.0, 0
    for plan in planned:
        if plan.job is None:
            continue
        record, targets, macs = found(plan.job), plan.targets, plan.cost.macs
        if record is None:
            missing += 1
            high = plan.job.recipe.int8_effort == "high"
            seconds += build_seconds(efforts(targets), macs, at_once=1, high=high)
        if plan.job.labelled is not None and (record is None or needs_scores(plan.job, record)):
            seconds += answer_seconds(
                [target.format for target in targets],
                macs,
                photos=plan.job.labelled.photos,
                photo_bytes=_PHOTO_BYTES,
            )
    if not seconds:
        return
    what = f"building {missing} bundle{'s' * (missing != 1)}" if missing else "evaluating"
    if jobs is None:
        foretell(reporter, f"{what}, by one worker,", seconds)
        return
    seconds /= max(1, min(jobs, cores_here(), missing))
    if measuring is not None:
        what += " and measuring"
        arms = [
            (target.format, plan.cost.macs)
            for plan in planned
            if plan.job is not None
            for target in plan.targets
            if BACKENDS[target.format].runners
        ]
        seconds += seconds_of(arms, measuring)
    foretell(reporter, what, seconds)
