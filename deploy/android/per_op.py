"""Where the time goes on a phone, operator by operator, by the ETDump of a native runner."""

from __future__ import annotations

from pathlib import Path

from deploy.android.device import AndroidDevice
from deploy.android.devices import PhoneRunner
from deploy.android.native_runner import NativeRunner
from deploy.android.phone import Phone
from deploy.benchmark.bundles import Opened
from deploy.benchmark.parsers.etdump import parse_etdump
from deploy.benchmark.per_op import PROFILED_RUNS, OperatorProfile, traced_block
from deploy.benchmark.session import default_block_timeout
from deploy.benchmark.staging import stage_bundle
from deploy.bundle.manifest import Artifact
from deploy.support.temporary import temporary_folder


def trace_operators(
    opened: Opened, artifact: Artifact, threads: int, phone: Phone, chosen: PhoneRunner
) -> OperatorProfile:
    """Run a .pte on `phone` in the native runner with its event tracer, and read its ETDump.

    Raises PhoneError.
    """
    device = AndroidDevice(phone, chosen.on(phone))
    runner = device.runner
    assert isinstance(runner, NativeRunner)
    with temporary_folder() as folder:
        staged = stage_bundle(opened.bundle, [artifact], Path(folder))
        request = traced_block(staged, artifact, threads)
        try:
            runner.start()
            for name, file in staged.files_for(artifact).items():
                runner.put(name, file)
            timeout = default_block_timeout(request.warmup, request.iterations)
            dump = runner.trace(request, timeout)
        finally:
            device.abandon()
    return OperatorProfile(
        artifact=artifact.name,
        where=device.facts().model,
        threads=threads,
        runs=PROFILED_RUNS,
        operators=parse_etdump(dump, phone.serial),
    )
