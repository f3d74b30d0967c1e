"""Where the time goes on this computer, operator by operator: by onnxruntime's own profile, or by
the ETDump of the native runner."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from deploy.benchmark.host_runner import WHERE, NativeHostRunner
from deploy.benchmark.native import trace_block
from deploy.benchmark.parsers.etdump import parse_etdump
from deploy.benchmark.parsers.per_op import OperatorTime, parse_profile
from deploy.bundle.manifest import Artifact
from deploy.bundle.open import Bundle
from deploy.support.errors import UserError
from deploy.support.temporary import temporary_folder

# So many inferences are in a profile, on whatever device.
PROFILED_RUNS = 30


@dataclass(frozen=True, kw_only=True)
class OperatorProfile:
    """Operators hottest first; `runs` inferences are in their times."""

    artifact: str
    where: str
    threads: int
    runs: int
    operators: tuple[OperatorTime, ...]


def profile_operators(bundle: Bundle, artifact: Artifact, threads: int) -> OperatorProfile:
    """Run `artifact` on a golden photo and add up the time of each of its nodes.

    Raises UserError for what is neither .onnx nor .pte, and for a .pte where no compiler is; what
    the native runner raises.
    """
    match artifact.format:
        case "onnx":
            operators = parse_profile(_onnx_profile(bundle, artifact, threads))
        case "executorch":
            operators = parse_etdump(_etdump(bundle, artifact, threads), WHERE)
        case _:
            raise UserError(f"{artifact.name} runs on no runtime of this computer: name another")
    return OperatorProfile(
        artifact=artifact.name,
        where=WHERE,
        threads=threads,
        runs=PROFILED_RUNS,
        operators=operators,
    )


def _onnx_profile(bundle: Bundle, artifact: Artifact, threads: int) -> str:
    """The text of onnxruntime's profile of some runs on the first golden photo."""
    import onnxruntime

    from deploy.runtimes.onnx_session import open_session

    image = bundle.golden_inputs(artifact)[:1]
    with temporary_folder() as folder:
        options = onnxruntime.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder, "profile"))
        session = open_session(bundle.path_of(artifact), threads=threads, options=options)
        for _ in range(PROFILED_RUNS):
            session.run(None, {artifact.input.name: image})
        return Path(session.end_profiling()).read_text("utf-8", "replace")


def _etdump(bundle: Bundle, artifact: Artifact, threads: int) -> bytes:
    """Of some runs on the first golden photo."""
    runner = NativeHostRunner(threading.Event())
    try:
        return trace_block(runner, bundle, artifact, threads, runs=PROFILED_RUNS)
    finally:
        runner.stop()
