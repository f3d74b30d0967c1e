"""Builds that take no toolkit and tell when they began and ended: for workers of a cluster."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from bundle_factory import make_bundle

from deploy.choosing.job import VariantJob, complete
from deploy.choosing.records import VariantRecord
from deploy.pipeline.recipe import Recipe

SECONDS = 2.0


def work(job: VariantJob) -> VariantRecord:
    """Build `job` in no time."""
    return complete(job, build)


def slow_work(job: VariantJob) -> VariantRecord:
    """Take some seconds to build `job`, and write begin and end into the sweep's diary."""
    return complete(job, slow_build)


def build(recipe: Recipe) -> tuple[str, ...]:
    shutil.rmtree(recipe.output, ignore_errors=True)
    make_bundle(recipe.output)
    return ()


def slow_build(recipe: Recipe) -> tuple[str, ...]:
    key = recipe.output.parent.name
    diary = recipe.output.parents[2] / "diary"
    note(diary, f"{key} begin {os.getppid()}")
    time.sleep(SECONDS)
    build(recipe)
    note(diary, f"{key} end {os.getppid()}")
    return ()


def note(diary: Path, line: str) -> None:
    """One write, which no other process comes between."""
    with diary.open("a") as stream:
        stream.write(f"{line}\n")


def sleep_and_tell(pid: Path, seconds: float) -> None:
    pid.write_text(str(os.getpid()))
    time.sleep(seconds)
