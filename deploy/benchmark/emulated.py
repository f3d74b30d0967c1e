"""Emulated processors as a device: what the .pte artifacts of bundles execute, not how fast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from deploy.benchmark.bundles import Opened
from deploy.benchmark.plan import network_text
from deploy.bundle.manifest import Artifact
from deploy.emulation.block import open_emulation, why_not_run
from deploy.emulation.emulator import PROGRAM
from deploy.emulation.instructions import build_plugin, count_instructions
from deploy.emulation.processors import DEFAULT_PROCESSOR, processors_named
from deploy.native_runner.targets import EXECUTORCH
from deploy.results.records import CountedArm, EmulatedProcessor, InstructionCounts
from deploy.support.errors import UserError
from deploy.support.reporter import Reporter

ARM64 = "arm64"


def count_bundles(
    bundles: Sequence[Opened], cpus: Sequence[str], reporter: Reporter
) -> tuple[EmulatedProcessor, ...]:
    """The instructions of one inference of each .pte artifact, on the first golden photo, on each
    of `cpus` (none: DEFAULT_PROCESSOR).

    Raises UserError for a processor that is unknown or cannot be emulated here, where a compiler
    is missing, and where no artifact can be run; what `count_instructions` raises.
    """
    processors = processors_named("--cpu", cpus or (DEFAULT_PROCESSOR,))
    chosen = _runnable(bundles, reporter)
    reporter.stage("compiling")
    emulation = open_emulation(processors, progress=reporter.progress)
    build_plugin()
    reporter.stage("counting")
    total, done = len(processors) * len(chosen), 0
    counted = []
    for processor in processors:
        arms = []
        for opened, artifact in chosen:
            bundle = opened.bundle
            photo = bundle.golden_inputs(artifact)[:1]
            found, _ = count_instructions(emulation, processor, bundle.path_of(artifact), photo)
            arms.append(
                CountedArm(
                    network=network_text(bundle),
                    precision=artifact.precision,
                    input=artifact.input.form,
                    bundle=opened.id,
                    artifact=artifact.name,
                    instructions=InstructionCounts(**asdict(found)),
                )
            )
            done += 1
            reporter.progress("artifacts", done, total)
        counted.append(
            EmulatedProcessor(
                processor=processor.name,
                emulator=f"{PROGRAM} {emulation.emulator.version}",
                runtime=f"ExecuTorch {EXECUTORCH}",
                arms=tuple(arms),
            )
        )
    return tuple(counted)


def _runnable(bundles: Sequence[Opened], reporter: Reporter) -> list[tuple[Opened, Artifact]]:
    chosen = []
    for opened in bundles:
        for artifact in opened.artifacts:
            reason = why_not_run(artifact.format, artifact.runtime.version)
            if reason is None:
                chosen.append((opened, artifact))
            else:
                reporter.warn(f"{opened.label} {artifact.name} is left out: {reason}")
    if not chosen:
        raise UserError(
            f"--device {ARM64} counts what .pte files of ExecuTorch execute, and there is none to "
            "run: build the bundle with --formats executorch"
        )
    return chosen
