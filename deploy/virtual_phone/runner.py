"""Our native runner, as the pushed program would behave on this phone.

It answers a request as the program does, with real logits and times of the phone's model. Its
command line is that of deploy/native_runner/src/arguments.h, behind the loader's if that starts it.
"""

from __future__ import annotations

import asyncio
import posixpath
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from deploy.native_runner.build import VERSION
from deploy.native_runner.targets import EXECUTORCH
from deploy.protocol.messages import (
    PLAIN_VERSION,
    Answer,
    RunnerFacts,
)
from deploy.results.cores import parse_core_list
from deploy.virtual_phone.benchmark import infer, read_request, real_seconds
from deploy.virtual_phone.commands.call import Call
from deploy.virtual_phone.device_model import work_of
from deploy.virtual_phone.etdump import etdump_of
from deploy.virtual_phone.processes import Process
from deploy.virtual_phone.runtimes import RuntimeFailureError
from deploy.virtual_phone.state import State

_ELF = b"\x7fELF"
_MACHINE_AT = 18
_AARCH64 = 183
_SEGMENTATION_FAULT = 139
_RSS_KB = 9_800
_LOADER_OPTION = "--library-path"
_USAGE = 2


def refuses_abi(phone: State, data: bytes) -> str:
    """Why the kernel would not execute the file, in mksh's words; empty if it would."""
    if not data.startswith(_ELF) or len(data) < _MACHINE_AT + 2:
        return f"magic {data[:2].hex().upper()}"
    (machine,) = struct.unpack_from("<H", data, _MACHINE_AT)
    other = phone.faults.strike("runner-other-abi")
    return "64-bit ELF file" if other or machine != _AARCH64 else ""


@dataclass(frozen=True, kw_only=True)
class _Arguments:
    block: str
    cores: tuple[int, ...]
    etdump: str | None


class _UsageError(Exception):
    """What is wrong with the command line."""


async def run_runner(call: Call) -> int:
    """Its exit status: 0 where it answered, 1 where it could not, 2 for wrong arguments."""
    name = posixpath.basename(call.argv[0])
    try:
        arguments = _arguments(_behind_loader(call))
        cores = _cores(call, arguments)
    except _UsageError as error:
        call.streams.stderr.write(f"mobile-deploy-runner: {error}\n".encode())
        return _USAGE
    with call.phone.processes.process(
        name, call.shell.uid, cores=cores, threads=1, rss_kb=_RSS_KB
    ) as process:
        status = await _run(call, arguments, process)
    return status if process.killed_by is None else 128 + process.killed_by


def _behind_loader(call: Call) -> Sequence[str]:
    """The runner's own arguments. A loader without the program says so, as glibc's does."""
    args = call.args
    if args[:1] != (_LOADER_OPTION,):
        return args
    program = args[2] if len(args) > 2 else ""
    if not call.files.exists(program):
        raise _UsageError(f"{program}: error while loading shared libraries: cannot open it")
    return args[3:]


def _arguments(words: Sequence[str]) -> _Arguments:
    """Raises _UsageError."""
    options: dict[str, str] = {}
    rest = list(words)
    while rest and rest[0].startswith("--"):
        option, *rest = rest
        if option not in ("--cores", "--etdump") or not rest:
            raise _UsageError(f"there is no option {option}, or it needs a value")
        options[option] = rest.pop(0)
    matched = re.fullmatch(r"([a-z0-9][a-z0-9.-]*)\.request\.json", rest[0]) if rest else None
    if matched is None or len(rest) > 1:
        raise _UsageError("the request is not named ID.request.json in the working folder")
    cores = parse_core_list(options.get("--cores", ""))
    if "--cores" in options and not cores:
        raise _UsageError(f"'{options['--cores']}' names no core")
    return _Arguments(block=matched[1], cores=cores, etdump=options.get("--etdump"))


def _cores(call: Call, arguments: _Arguments) -> tuple[int, ...]:
    """Those that the process is held to."""
    if not arguments.cores:
        return call.shell.cores
    held = tuple(core for core in arguments.cores if core < call.phone.profile.cores)
    if not held:
        raise _UsageError("cannot be held to those cores: Invalid argument")
    return held


async def _run(call: Call, arguments: _Arguments, process: Process) -> int:
    block = arguments.block
    try:
        answer = await _answer(call, arguments, process)
    except RuntimeFailureError as failure:
        try:
            answer = Answer.failed(block, failure.kind, failure.text)
        except ValidationError:
            return 1
    if isinstance(answer, int):
        return answer
    try:
        call.files.write(f"{block}.answer.json.part", answer.to_json().encode())
        call.files.rename(f"{block}.answer.json.part", f"{block}.answer.json")
    except OSError as error:
        text = f"mobile-deploy-runner: cannot write {block}.answer.json: {error.strerror}\n"
        call.streams.stderr.write(text.encode())
        return 1
    cores = ",".join(map(str, process.cores))
    return call.out(
        f"VmHWM:\t{process.peak_kb:8} kB\nVmRSS:\t{process.rss_kb:8} kB\n"
        f"Threads:\t{process.threads}\nCpus_allowed_list:\t{cores}\n"
    )


async def _answer(call: Call, arguments: _Arguments, process: Process) -> Answer | int:
    """The exit status where the process ends without one. Raises RuntimeFailureError."""
    phone, files = call.phone, call.files
    request = read_request(files, arguments.block)
    if request.artifact.format != "executorch":
        what = f"this runner has no runtime for {request.artifact.format}"
        raise RuntimeFailureError("runtime-missing", what)
    artifact, logits = await infer(phone, files, request)
    executions = 1 + request.warmup + request.iterations
    process.threads = request.threads or len(process.cores)
    process.rss_kb += len(artifact) // 1024
    process.peak_kb = process.rss_kb + 2 * len(artifact) // 1024
    await call.streams.flush()
    half = real_seconds(executions) / 2
    if not await process.lives(half):
        return 1
    if phone.faults.strike("runner-crashes"):
        call.streams.stderr.write(b"Segmentation fault \n")
        return _SEGMENTATION_FAULT
    if phone.disturb_run():
        await process.lives(None)
    if not await process.lives(half):
        return 1
    times = phone.model.block(
        work_of(artifact), threads=process.threads, cores=process.cores, executions=executions
    )
    if arguments.etdump is not None:
        files.write(arguments.etdump, await asyncio.to_thread(etdump_of, times.executions_ns))
    phone.end_block()
    return Answer(
        schema_version=PLAIN_VERSION,
        id=request.id,
        status="ok",
        error=None,
        runner=RunnerFacts(
            name="native",
            version=VERSION,
            runtime="ExecuTorch",
            runtime_version=EXECUTORCH,
        ),
        load_ns=times.load_ns,
        first_ns=times.executions_ns[0],
        iterations_ns=times.executions_ns[1 + request.warmup :],
        thermal_before=None,
        thermal_after=None,
        memory_before_bytes=_RSS_KB * 1024,
        memory_peak_bytes=process.peak_kb * 1024,
        logits=logits,
    )
