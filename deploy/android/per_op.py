"""Where the time goes on a phone, operator by operator, by the ETDump of a native runner."""

from __future__ import annotations

from deploy.android.device import AndroidDevice
from deploy.android.devices import PhoneRunner
from deploy.android.native_runner import NativeRunner
from deploy.android.phone import Phone
from deploy.benchmark.bundles import Opened
from deploy.benchmark.native import trace_block
from deploy.benchmark.parsers.etdump import parse_etdump
from deploy.benchmark.per_op import PROFILED_RUNS, OperatorProfile
from deploy.bundle.manifest import Artifact


def trace_operators(
    opened: Opened, artifact: Artifact, threads: int, phone: Phone, chosen: PhoneRunner
) -> OperatorProfile:
    """Run a .pte on `phone` in the native runner with its event tracer, and read its ETDump.

    Raises PhoneError.
    """
    device = AndroidDevice(phone, chosen.on(phone))
    runner = device.runner
    assert isinstance(runner, NativeRunner)
    try:
        dump = trace_block(runner, opened.bundle, artifact, threads, runs=PROFILED_RUNS)
    finally:
        device.abandon()
    return OperatorProfile(
        artifact=artifact.name,
        where=device.facts().model,
        threads=threads,
        runs=PROFILED_RUNS,
        operators=parse_etdump(dump, phone.serial),
    )
