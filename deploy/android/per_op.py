"""Where the time goes on a phone, operator by operator, by the ETDump of a native runner."""

from __future__ import annotations

import tempfile
from pathlib import Path

from deploy.android.device import AndroidDevice
from deploy.android.etdump import parse_etdump
from deploy.android.native_runner import NativeRunner
from deploy.android.phone import Phone
from deploy.benchmark.bundles import Opened
from deploy.benchmark.per_op import PROFILED_RUNS, OperatorProfile
from deploy.benchmark.session import default_block_timeout
from deploy.benchmark.staging import StagedBundle, stage_bundle
from deploy.bundle.manifest import Artifact
from deploy.protocol.messages import PROTOCOL_VERSION, Request, TimedInput


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
        staged = stage_bundle(opened.bundle, [artifact], Path(folder))
        request = _request(staged, artifact, threads)
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
        runs=PROFILED_RUNS,
        operators=parse_etdump(dump, phone.serial),
    )


def _request(staged: StagedBundle, artifact: Artifact, threads: int) -> Request:
    """One block on the first golden photo; its first inference is among the runs."""
    return Request(
        schema_version=PROTOCOL_VERSION,
        id="trace",
        artifact=staged.artifacts[artifact.name],
        threads=threads,
        warmup=0,
        iterations=PROFILED_RUNS - 1,
        shape=staged.bundle.manifest.input.shape,
        input=TimedInput(golden=0, seed=None),
        golden=staged.golden[:1],
        sustained=False,
    )
