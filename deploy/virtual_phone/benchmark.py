"""The demo app's benchmark activity: one block, asked for and answered by files.

It reads files/bench/ID.request.json, runs the network on its golden inputs in this computer's
runtimes for real logits, takes the times from the phone's model, and writes ID.answer.json.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import re
from collections.abc import Callable

import numpy as np
from pydantic import ValidationError

from deploy.protocol.messages import (
    PLAIN_VERSION,
    PREPARATION_VERSION,
    PROTOCOL_VERSION,
    Answer,
    GoldenAnswer,
    Preparation,
    PreparationTimes,
    Request,
    RunnerFacts,
    ThermalReading,
)
from deploy.virtual_phone.device_model import work_of
from deploy.virtual_phone.filesystem import APP, UserFiles
from deploy.virtual_phone.heat import SUSTAINED_CLOCK
from deploy.virtual_phone.processes import Process
from deploy.virtual_phone.runtimes import SHARED, RuntimeFailureError
from deploy.virtual_phone.state import (
    ACTIVITY,
    APP_DATA,
    APP_ONNXRUNTIME,
    PACKAGE,
    State,
    executorch_version,
)

FOLDER = f"{APP_DATA}/files/bench"

# Our own time: long enough for a harness to look at the process, short enough for a test.
_STARTING_S = 0.04
_S_PER_INFERENCE = 0.003
_LONGEST_S = 0.3
_NS_PER_BYTE = 4.0
_RSS_KB = 92_000
_OLDEST_WITH_STATUS, _OLDEST_WITH_HEADROOM = 29, 30

_EXIT_SELF, _LOW_MEMORY, _CRASH_NATIVE = 1, 3, 5
_SIGKILL, _SIGSEGV = 9, 11


def real_seconds(inferences: int) -> float:
    """How long a block of so many takes in our own time."""
    return min(_LONGEST_S, _S_PER_INFERENCE * inferences)


async def run_app(phone: State, block: str) -> None:
    """The whole life of one process of the app, started for the block with that id."""
    cores = tuple(range(phone.profile.cores))
    with phone.processes.process(PACKAGE, APP, cores=cores, threads=18, rss_kb=_RSS_KB) as process:
        phone.say(process.pid, "I", "ActivityTaskManager", f"Displayed {ACTIVITY}: +402ms")
        if phone.faults.strike("app-ends") or not await process.lives(_STARTING_S):
            return
        files = UserFiles(phone.filesystem, APP, FOLDER)
        try:
            answer = await _answer(phone, process, files, block)
        except RuntimeFailureError as failure:
            try:
                answer = Answer.failed(block, failure.kind, failure.text)
            except ValidationError:
                # The id is none that a file may have.
                return
        if answer is None:
            return
        _write(phone, files, block, answer)
        if phone.faults.strike("app-lingers"):
            await process.lives(None)
            return
        phone.record_exit(process, _EXIT_SELF, "EXIT_SELF", 0)


async def _answer(phone: State, process: Process, files: UserFiles, block: str) -> Answer | None:
    """None where the process ends without one. Raises RuntimeFailureError."""
    request = read_request(files, block, phone.app_protocol)
    artifact, logits = await infer(phone, files, request)
    executions = 1 + request.warmup + request.iterations
    process.threads += request.threads
    process.rss_kb += len(artifact) // 1024
    process.peak_kb = process.rss_kb + 3 * len(artifact) // 1024
    before = _thermal(phone)
    half = real_seconds(executions) / 2
    if not await process.lives(half):
        return None
    if _dies(phone, process):
        return None
    if phone.faults.strike("app-hangs"):
        await process.lives(None)
        return None
    phone.disturb_run()
    if not await process.lives(half):
        return None
    times = phone.model.block(
        work_of(artifact),
        threads=request.threads,
        cores=process.cores,
        executions=executions,
        clock=SUSTAINED_CLOCK if request.sustained else 1.0,
    )
    asked = request.preparation
    preparation = None if asked is None else _preparation(phone, request, asked)
    phone.end_block()
    return Answer(
        schema_version=PLAIN_VERSION if preparation is None else PREPARATION_VERSION,
        id=request.id,
        status="ok",
        error=None,
        runner=_runner(phone, request),
        load_ns=times.load_ns,
        first_ns=times.executions_ns[0],
        iterations_ns=times.executions_ns[1 + request.warmup :],
        thermal_before=before,
        thermal_after=_thermal(phone),
        memory_before_bytes=_RSS_KB * 1024,
        memory_peak_bytes=process.peak_kb * 1024,
        logits=logits,
        preparation=preparation,
    )


def _preparation(phone: State, request: Request, asked: Preparation) -> PreparationTimes:
    """Made up, as all times here: by the bytes that each step writes and a phone's fast core."""
    height, width = asked.resize
    elements = math.prod(request.shape)
    crop, taken = (
        tuple(phone.model.pace(_NS_PER_BYTE * written) for _ in range(asked.iterations))
        for written in (3 * (height * width + asked.picture[0] * width), elements)
    )
    return PreparationTimes(picture=asked.picture, crop_ns=crop, input_ns=taken)


async def infer(
    phone: State, files: UserFiles, request: Request
) -> tuple[bytes, tuple[GoldenAnswer, ...]]:
    """The artifact of a block, and what it gives for the golden inputs. Raises
    RuntimeFailureError."""
    artifact = read_file(files, request.artifact.file, request.artifact.sha256)
    inputs = {
        golden.index: read_file(files, golden.file, golden.sha256) for golden in request.golden
    }
    if phone.faults.strike("operator-missing"):
        raise RuntimeFailureError("operator-missing", "Missing operator: [7] demo::hard_swish.out")
    form, shape, pixels = request.artifact.format, request.shape, request.pixels
    logits = {
        index: await asyncio.to_thread(SHARED.logits, form, artifact, data, shape, pixels)
        for index, data in inputs.items()
    }
    if phone.faults.strike("wrong-answers"):
        logits = {index: np.roll(values, 1) * -1 for index, values in logits.items()}
    return artifact, tuple(GoldenAnswer.of(index, values) for index, values in logits.items())


def read_request(files: UserFiles, block: str, knows: int = PROTOCOL_VERSION) -> Request:
    """The request of a block, of a protocol that the runner `knows`. Raises RuntimeFailureError."""
    text = read_file(files, f"{block}.request.json", None)
    try:
        # A newer request may have fields that we do not know: its version alone is looked at.
        newer = json.loads(text)["schema_version"] > knows
    except (ValueError, KeyError, TypeError, RecursionError):
        newer = False
    if newer:
        raise RuntimeFailureError("newer-protocol", f"this runner knows {knows}")
    try:
        return Request.model_validate_json(text)
    except ValidationError as error:
        raise RuntimeFailureError("bad-request", str(error)) from error


def read_file(files: UserFiles, name: str, sha256: str | None) -> bytes:
    """A file beside the request, with the hash that was said. Raises RuntimeFailureError."""
    try:
        data = files.read(name)
    except OSError as error:
        raise RuntimeFailureError("file-missing", f"{name}: {error.strerror}") from error
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise RuntimeFailureError("file-differs", f"{name} is not what was asked for")
    return data


def _runner(phone: State, request: Request) -> RunnerFacts:
    is_onnx = request.artifact.format == "onnx"
    return RunnerFacts(
        name="app",
        version=phone.app_version(),
        runtime="ONNX Runtime" if is_onnx else "ExecuTorch",
        runtime_version=APP_ONNXRUNTIME if is_onnx else executorch_version(),
    )


def _thermal(phone: State) -> ThermalReading | None:
    api = phone.profile.api
    if api < _OLDEST_WITH_STATUS or phone.faults.strike("thermal-unknown"):
        return None
    return ThermalReading(
        status=phone.model.thermal_status(),
        headroom=phone.model.headroom() if api >= _OLDEST_WITH_HEADROOM else None,
    )


def _dies(phone: State, process: Process) -> bool:
    """Whether a fault ends the process; the log and the exit record then say how."""
    pid = process.pid
    if phone.faults.strike("app-crashes"):
        text = f"Fatal signal 11 (SIGSEGV), code 1 (SEGV_MAPERR), fault addr 0x0 in tid {pid}"
        phone.say(pid, "F", "libc", f"{text} (bench), pid {pid} (biledeploy.demo)")
        phone.say(pid, "F", "DEBUG", f"pid: {pid}, tid: {pid}, name: bench  >>> {PACKAGE} <<<")
        phone.record_exit(process, _CRASH_NATIVE, "APP CRASH(NATIVE)", _SIGSEGV, "crash")
    elif phone.faults.strike("app-killed"):
        text = f"Kill '{PACKAGE}' ({pid}), uid {APP}, oom_score_adj 0 to free 912345kB rss"
        phone.say(620, "I", "lowmemorykiller", f"{text}, 0kB swap; reason: low watermark breached")
        phone.record_exit(process, _LOW_MEMORY, "LOW_MEMORY", _SIGKILL)
    else:
        return False
    text = f"Process {PACKAGE} (pid {pid}) has died: fg  TOP"
    phone.say(1420, "I", "ActivityManager", text)
    return True


def _write(phone: State, files: UserFiles, block: str, answer: Answer) -> None:
    """Beside its place and then renamed: whoever sees it sees all of it."""
    text = answer.to_json()
    for fault, distort in _DISTORTIONS.items():
        if phone.faults.strike(fault):
            text = distort(text)
    part = f"{block}.answer.json.part"
    try:
        files.write(part, text.encode())
        files.rename(part, f"{block}.answer.json")
    except OSError as error:
        phone.say(0, "E", "Benchmark", f"cannot write the answer: {error.strerror}")


def _with(**fields: object) -> Callable[[str], str]:
    return lambda text: json.dumps(json.loads(text) | fields)


_DISTORTIONS: dict[str, Callable[[str], str]] = {
    "answer-truncated": lambda text: text[: len(text) // 2],
    "answer-not-json": lambda text: "<html>no answer</html>",
    "answer-other-id": _with(id="another-block"),
    "answer-newer-schema": _with(schema_version=PROTOCOL_VERSION + 98, novelty=True),
    "answer-nan": _with(iterations_ns=[float("nan")] * 3),
    "answer-negative": lambda text: re.sub(r'("first_ns": )', r"\1-", text),
}
