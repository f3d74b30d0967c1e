"""One block in this process: host_child REQUEST ANSWER.

The same steps as in the app: load, first inference, warm-up, timed iterations, then the golden
logits. The answer is written beside its place and renamed.
"""

from __future__ import annotations

import gc
import math
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np
import psutil

import deploy
from deploy.benchmark.parsers.process import parse_status
from deploy.bundle.feeding import from_memory
from deploy.protocol.messages import (
    PLAIN_VERSION,
    Answer,
    GoldenAnswer,
    Request,
    RunnerErrorKind,
    RunnerFacts,
)
from deploy.runtimes import Inference, Photo, module_of
from deploy.support.hashing import sha256_file


class RefusedError(Exception):
    """Why there is no figure, with the protocol's kind."""

    def __init__(self, kind: RunnerErrorKind, text: str) -> None:
        super().__init__(text)
        self.kind: RunnerErrorKind = kind


def main() -> None:
    asked, answered = map(Path, sys.argv[1:])
    request = Request.model_validate_json(asked.read_bytes())
    try:
        answer = run_block(request, asked.parent)
    except RefusedError as refused:
        answer = Answer.failed(request.id, refused.kind, str(refused))
    part = answered.with_suffix(".part")
    part.write_text(answer.to_json(), encoding="utf-8")
    os.replace(part, answered)


def run_block(request: Request, folder: Path) -> Answer:
    """The block. Raises RefusedError."""
    file = folder / request.artifact.file
    if sha256_file(file) != request.artifact.sha256:
        raise RefusedError("file-differs", f"{request.artifact.file} has another hash")
    golden = {
        photo.index: from_memory((folder / photo.file).read_bytes(), request.shape, request.pixels)
        for photo in request.golden
    }
    image = golden[request.input.golden] if request.input.golden is not None else _seeded(request)
    runtime = module_of(request.artifact.format).timed()
    memory_before = psutil.Process().memory_info().rss
    try:
        begin = time.perf_counter_ns()
        call = runtime.open(
            file,
            threads=request.threads,
            input=request.artifact.input,
            output=request.artifact.output,
        )
        load_ns = time.perf_counter_ns() - begin
    except Exception as error:  # Runtimes raise what they like; its words go into the answer.
        kind: RunnerErrorKind = "operator-missing" if "perator" in str(error) else "load-failed"
        raise RefusedError(kind, str(error)) from error
    try:
        first_ns = timed(call, image)
        for _ in range(request.warmup):
            call(image)
        # A collection in the middle of an inference would be timed with it.
        gc.collect()
        gc.disable()
        iterations = tuple(timed(call, image) for _ in range(request.iterations))
        logits = tuple(GoldenAnswer.of(index, call(photo)) for index, photo in golden.items())
    except Exception as error:  # As above.
        raise RefusedError("run-failed", str(error)) from error
    return Answer(
        schema_version=PLAIN_VERSION,
        id=request.id,
        status="ok",
        error=None,
        runner=RunnerFacts(
            name="host",
            version=deploy.__version__,
            runtime=runtime.runtime,
            runtime_version=runtime.version,
        ),
        load_ns=load_ns,
        first_ns=first_ns,
        iterations_ns=iterations,
        thermal_before=None,
        thermal_after=None,
        memory_before_bytes=memory_before,
        # The kernel notes its high-water mark only now and then: it can be below what was read.
        memory_peak_bytes=max(_peak_bytes(), memory_before),
        logits=logits,
    )


def timed(call: Inference, image: Photo) -> int:
    """Nanoseconds of one inference."""
    begin = time.perf_counter_ns()
    call(image)
    return time.perf_counter_ns() - begin


def _seeded(request: Request) -> Photo:
    generator = np.random.default_rng(request.input.seed)
    if request.pixels is not None:
        data = generator.bytes(math.prod(request.shape))
        return from_memory(data, request.shape, request.pixels)
    return generator.uniform(-1, 1, request.shape).astype(np.float32)


def _peak_bytes() -> int:
    """Highest resident memory of this process. Linux's getrusage counts the parent's with it."""
    status = Path("/proc/self/status")
    seen = parse_status(status.read_text("utf-8", "replace")) if status.exists() else None
    if seen is not None and seen.peak_bytes is not None:
        return seen.peak_bytes
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    main()
