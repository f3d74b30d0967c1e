"""Where the time of an .onnx goes on this computer, by onnxruntime's own profile."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deploy.bundle.manifest import Artifact
from deploy.bundle.open import Bundle
from deploy.errors import UserError
from deploy.images import normalize
from deploy.phone.parsers.per_op import OperatorTime, parse_profile

_WARM_UP, _RUNS = 5, 30

WITHOUT_EVENTS = (
    "ExecuTorch tells no times by operator unless its runtime is built with the event tracer "
    "(-DEXECUTORCH_BUILD_DEVTOOLS=ON -DEXECUTORCH_ENABLE_EVENT_TRACER=ON), and the Python wheel's "
    "is not: name an ONNX artifact with --artifact onnx-int8"
)


@dataclass(frozen=True, kw_only=True)
class OperatorProfile:
    """Operators hottest first; `runs` inferences are in their times."""

    artifact: str
    threads: int
    runs: int
    operators: tuple[OperatorTime, ...]


def profile_operators(bundle: Bundle, artifact: Artifact, threads: int) -> OperatorProfile:
    """Run `artifact` on a golden photo and add up the time of each of its nodes.

    Raises UserError for what is not an .onnx.
    """
    if artifact.format != "onnx":
        raise UserError(WITHOUT_EVENTS)
    import onnxruntime

    image = normalize(bundle.golden_crops()[:1], bundle.manifest.input.preprocessing())
    with tempfile.TemporaryDirectory(prefix="mobile-deploy-") as folder:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder, "profile"))
        session = onnxruntime.InferenceSession(
            str(bundle.path_of(artifact)), options, providers=["CPUExecutionProvider"]
        )
        inputs: dict[str, np.typing.NDArray[np.float32]] = {artifact.input.name: image}
        for _ in range(_WARM_UP + _RUNS):
            session.run(None, inputs)
        text = Path(session.end_profiling()).read_text("utf-8", "replace")
    return OperatorProfile(
        artifact=artifact.name,
        threads=threads,
        runs=_WARM_UP + _RUNS,
        operators=parse_profile(text),
    )
