"""Bundles side by side: what is there is taken, what is missing made, what fails told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, as_completed
from contextlib import suppress

from deploy.choosing.file import write_record
from deploy.choosing.job import RECORD_FILE, VariantJob, failed, found, needs_scores
from deploy.choosing.plan import Planned
from deploy.choosing.records import VariantRecord
from deploy.support.errors import StorageError, UserError
from deploy.support.reporter import Reporter
from deploy.support.workers import Pool

# What a process makes of one job; tests put another in its place.
Work = Callable[[VariantJob], VariantRecord]


class Building:
    """`records` are of all jobs so far, by their keys; those that fail have one too."""

    def __init__(self, pool: Pool, work: Work, reporter: Reporter) -> None:
        self.records: dict[str, VariantRecord] = {}
        self._pool, self._work, self._reporter = pool, work, reporter

    def build(self, planned: Sequence[Planned]) -> None:
        """Build what has no record yet; what fails stops nothing."""
        self._reporter.stage("building")
        wanted = [
            plan for plan in planned if plan.job is not None and plan.job.key not in self.records
        ]
        missing = []
        for plan in wanted:
            assert plan.job is not None
            record = found(plan.job)
            if record is None or needs_scores(plan.job, record):
                missing.append(plan)
            else:
                self.records[plan.job.key] = record
        there = len(wanted) - len(missing)
        self._reporter.progress("bundles", there, len(wanted))
        # The longest first: none of those begins when the others are done already.
        missing.sort(key=lambda plan: -plan.cost.macs)
        futures = {
            self._pool.submit(self._work, plan.job.absolute()): plan.job
            for plan in missing
            if plan.job is not None
        }
        for done, future in enumerate(as_completed(futures), start=there + 1):
            job = futures[future]
            record = self.records[job.key] = _record_of(future, job)
            for error in filter(None, (record.error, record.scores_error)):
                self._reporter.warn(f"{job.name} failed: {error}")
            self._reporter.progress("bundles", done, len(wanted))

    def common_warnings(self) -> list[str]:
        """Those of every build: of the photos and the like. The others are in the choice."""
        built = [record.warnings for record in self.records.values() if record.error is None]
        first = built[0] if built else ()
        return [text for text in first if all(text in others for others in built)]


def _record_of(future: Future[VariantRecord], job: VariantJob) -> VariantRecord:
    try:
        return future.result()
    except Exception as error:  # Its process died, or the disk is full: of this variant alone.
        with suppress(UserError):
            # It died after all was done, or a cluster gave it up though it worked on.
            record = found(job)
            if record is not None and not needs_scores(job, record):
                return record
        record = failed(job, error)
        with suppress(OSError, StorageError):
            job.folder.mkdir(parents=True, exist_ok=True)
            write_record(record, job.folder / RECORD_FILE)
        return record
