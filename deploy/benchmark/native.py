"""What the native runner is asked and tells beside the protocol, on phones and on this computer."""

from __future__ import annotations

from typing import Protocol

from deploy.benchmark.parsers.process import parse_status
from deploy.benchmark.runner import Ran, Runner
from deploy.benchmark.session import default_block_timeout
from deploy.benchmark.staging import StagedBundle, stage_bundle
from deploy.bundle.manifest import Artifact
from deploy.bundle.open import Bundle
from deploy.protocol.faults import fault
from deploy.protocol.messages import Answer, Request, TimedInput, request_version
from deploy.results.cores import cores_of
from deploy.support.temporary import temporary_folder


class TracingRunner(Runner, Protocol):
    """A runner that tells where the time of a block goes."""

    def trace(self, request: Request, timeout: float) -> bytes:
        """The ETDump of a block, whose times are not to be used otherwise.

        Raises PhoneError, also for a block that the runner refuses.
        """


def core_options(mask: str | None) -> tuple[str, ...]:
    """What holds it to the cores of the hexadecimal `mask`."""
    return ("--cores", ",".join(map(str, cores_of(mask)))) if mask else ()


def ran(answer: Answer, printed: str) -> Ran:
    """The answer, with what the runner tells of its own process: lines of /proc/self/status."""
    seen = parse_status(printed)
    return Ran(
        answer=answer,
        threads_seen=seen.threads if seen else None,
        cores_seen=seen.cores_allowed if seen else None,
    )


def check_traced(answer: Answer) -> None:
    """Raise PhoneError for a block that the runner refused: there is no trace of it."""
    if answer.error is not None:
        raise fault(answer.error.kind, f"the runner says {answer.error.text}")


def trace_block(
    runner: TracingRunner, bundle: Bundle, artifact: Artifact, threads: int, *, runs: int
) -> bytes:
    """The ETDump of `runs` inferences on the first golden photo. `runner` is left started."""
    with temporary_folder() as folder:
        staged = stage_bundle(bundle, [artifact], folder)
        request = _traced(staged, artifact, threads, runs)
        runner.start()
        for name, file in staged.files_for(artifact).items():
            runner.put(name, file)
        return runner.trace(request, default_block_timeout(request.warmup, request.iterations))


def _traced(staged: StagedBundle, artifact: Artifact, threads: int, runs: int) -> Request:
    """The first inference and the last, for the answer, are among the runs."""
    return Request(
        schema_version=request_version(artifact.input.pixels),
        id="trace",
        artifact=staged.artifacts[artifact.name],
        threads=threads,
        warmup=0,
        iterations=runs - 2,
        shape=artifact.input.shape,
        pixels=artifact.input.pixels,
        input=TimedInput(golden=0, seed=None),
        golden=staged.golden[artifact.name][:1],
        sustained=False,
    )
