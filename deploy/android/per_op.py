"""Where the time goes, operator by operator: by onnxruntime's own profile on this computer, or by
the ETDump of a native runner on a phone."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deploy.android.device import AndroidDevice
from deploy.android.etdump import parse_etdump
from deploy.android.native_runner import NativeRunner
from deploy.android.phone import Phone
from deploy.benchmark.parsers.per_op import OperatorTime, parse_profile
from deploy.benchmark.plan import Opened
from deploy.benchmark.session import default_block_timeout
from deploy.benchmark.staging import stage
from deploy.bundle.manifest import Artifact
from deploy.bundle.open import Bundle
from deploy.photos.images import normalize
from deploy.protocol.messages import PROTOCOL_VERSION, Request, TimedInput
from deploy.support.errors import UserError

_RUNS = 30

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
    import onnxruntime

    from deploy.runtimes.onnx_session import open_session

    image = normalize(bundle.golden_crops()[:1], bundle.manifest.input.preprocessing())
    with tempfile.TemporaryDirectory(prefix="mobile-deploy-") as folder:
        options = onnxruntime.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder, "profile"))
        session = open_session(bundle.path_of(artifact), threads=threads, options=options)
        inputs: dict[str, np.typing.NDArray[np.float32]] = {artifact.input.name: image}
        for _ in range(_RUNS):
            session.run(None, inputs)
        text = Path(session.end_profiling()).read_text("utf-8", "replace")
    return OperatorProfile(
        artifact=artifact.name,
        where="this computer",
        threads=threads,
        runs=_RUNS,
        operators=parse_profile(text),
    )


def trace_operators(
    opened: Opened, artifact: Artifact, threads: int, phone: Phone, binary: Path
) -> OperatorProfile:
    """Run a .pte on `phone` in a runner built with the event tracer, and read its ETDump.

    Raises PhoneError: runner-missing where the runner has no event tracer, and the rest.
    """
    device = AndroidDevice(phone, lambda phone, about: NativeRunner(phone, binary, about.abilist))
    runner = device.runner
    assert isinstance(runner, NativeRunner)
    with tempfile.TemporaryDirectory(prefix="mobile-deploy-") as folder:
        staged = stage(opened.bundle, [artifact], Path(folder))
        request = Request(
            schema_version=PROTOCOL_VERSION,
            id="trace",
            artifact=staged.artifacts[artifact.name],
            threads=threads,
            warmup=0,
            iterations=_RUNS - 1,
            shape=opened.bundle.manifest.input.shape,
            input=TimedInput(golden=0, seed=None),
            golden=staged.golden[:1],
            sustained=False,
        )
        try:
            runner.start()
            for name, file in staged.files_for(artifact).items():
                runner.put(name, file)
            timeout = default_block_timeout(request.warmup, request.iterations)
            dump = runner.trace(request, None, timeout)
        finally:
            device.abandon()
    return OperatorProfile(
        artifact=artifact.name,
        where=device.facts().model,
        threads=threads,
        runs=_RUNS,
        operators=parse_etdump(dump, phone.serial),
    )
