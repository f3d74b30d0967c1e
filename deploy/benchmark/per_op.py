"""Where the time goes on this computer, operator by operator, by onnxruntime's own profile."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from deploy.benchmark.parsers.per_op import OperatorTime, parse_profile
from deploy.bundle.manifest import Artifact
from deploy.bundle.open import Bundle
from deploy.photos.images import normalize
from deploy.support.errors import UserError

# So many inferences are in a profile, on whatever device.
PROFILED_RUNS = 30

WITHOUT_EVENTS = (
    "ExecuTorch tells no times by operator unless its runtime has the event tracer, which the "
    "Python wheel's lacks: name an ONNX artifact with --artifact onnx-int8, or a phone and "
    "--runner native"
)


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

    Raises UserError for what is not an .onnx.
    """
    if artifact.format != "onnx":
        raise UserError(WITHOUT_EVENTS)
    return OperatorProfile(
        artifact=artifact.name,
        where="this computer",
        threads=threads,
        runs=PROFILED_RUNS,
        operators=parse_profile(_onnx_profile(bundle, artifact, threads)),
    )


def _onnx_profile(bundle: Bundle, artifact: Artifact, threads: int) -> str:
    """The text of onnxruntime's profile of some runs on the first golden photo."""
    import onnxruntime

    from deploy.runtimes.onnx_session import open_session

    image = normalize(bundle.golden_crops()[:1], bundle.manifest.input.preprocessing())
    with tempfile.TemporaryDirectory(prefix="mobile-deploy-") as folder:
        options = onnxruntime.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder, "profile"))
        session = open_session(bundle.path_of(artifact), threads=threads, options=options)
        for _ in range(PROFILED_RUNS):
            session.run(None, {artifact.input.name: image})
        return Path(session.end_profiling()).read_text("utf-8", "replace")
