"""ExecuTorch's executor_runner, as a pushed binary would behave on this phone.

Its flags, log lines and output files are those of examples/portable/executor_runner in the
ExecuTorch repository; the time stamps count from its start. It prints no output, whatever
`--print_output` says.
"""

from __future__ import annotations

import asyncio
import posixpath
import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from deploy.virtual_phone.benchmark import real_seconds
from deploy.virtual_phone.commands.call import Call, number
from deploy.virtual_phone.device_model import work_of
from deploy.virtual_phone.etdump import etdump_of
from deploy.virtual_phone.processes import Process
from deploy.virtual_phone.runtimes import SHARED, RuntimeFailureError
from deploy.virtual_phone.state import State

_ELF = b"\x7fELF"
_MACHINE_AT = 18
_AARCH64 = 183
_ABORTED, _SEGMENTATION_FAULT = 134, 139
_RSS_KB = 9_800
# A binary that holds these words was built with the event tracer, as far as this phone knows.
_TRACER = b"event_tracer"

_DEFAULTS = {
    "model_path": "model.pte",
    "inputs": "",
    "output_file": "",
    "print_output": "summary",
    "num_executions": "1",
    "method_name": "",
    "cpu_threads": "-1",
    "data_path": "",
    "etdump_path": "",
}
_MOST_EXECUTIONS = 10**6
_MOST_THREADS = 64


def refuses_abi(phone: State, data: bytes) -> str:
    """Why the kernel would not execute the file, in mksh's words; empty if it would."""
    if not data.startswith(_ELF) or len(data) < _MACHINE_AT + 2:
        return f"magic {data[:2].hex().upper()}"
    (machine,) = struct.unpack_from("<H", data, _MACHINE_AT)
    other = phone.faults.strike("runner-other-abi")
    return "64-bit ELF file" if other or machine != _AARCH64 else ""


async def run_runner(call: Call) -> int:
    """Its exit status: 1 for bad flags, 134 where it gives up, as its own checks do."""
    flags = _flags(call.args)
    if isinstance(flags, str):
        call.streams.stderr.write(f"ERROR: {flags}\n".encode())
        return 1
    name = posixpath.basename(call.argv[0])
    with call.phone.processes.process(
        name,
        call.shell.uid,
        cores=call.shell.cores,
        threads=_threads(call.phone, int(flags["cpu_threads"])),
        rss_kb=_RSS_KB,
    ) as process:
        status = await _Run(call, flags, process).run()
    return status if process.killed_by is None else 128 + process.killed_by


def _threads(phone: State, wanted: int) -> int:
    """-1 is the number of cores that are not of the slowest kind, 0 that of all."""
    if wanted > 0:
        return wanted
    clusters = phone.profile.clusters
    counted = clusters[1:] if wanted < 0 and len(clusters) > 1 else clusters
    return sum(cluster.cores for cluster in counted)


def _flags(words: tuple[str, ...]) -> dict[str, str] | str:
    """`--name=value`, as gflags reads it; a text where it would not."""
    flags = dict(_DEFAULTS)
    for word in words:
        name, equals, value = word.lstrip("-").partition("=")
        if name not in flags:
            return f"unknown command line flag '{name}'"
        if not equals:
            return f"flag '--{name}' is missing its argument"
        flags[name] = value
    for name, least, most in (
        ("num_executions", 0, _MOST_EXECUTIONS),
        ("cpu_threads", -1, _MOST_THREADS),
    ):
        value = flags[name]
        if number(value.removeprefix("-")) is None or not least <= int(value) <= most:
            return f"illegal value '{value}' specified for flag '{name}'"
    return flags


class _Run:
    """One run of it, which logs as it goes."""

    def __init__(self, call: Call, flags: dict[str, str], process: Process) -> None:
        self._call = call
        self._phone = call.phone
        self._flags = flags
        self._process = process
        self._microseconds = 123

    async def run(self) -> int:
        model_path = self._flags["model_path"]
        executions = int(self._flags["num_executions"])
        self._log("I", f"Resetting threadpool with num threads = {self._process.threads}")
        inputs = []
        for path in filter(None, self._flags["inputs"].split(",")):
            if not self._call.files.exists(path):
                self._log("E", f"Failed to open input file: {path}")
                return self._give_up("Could not load inputs: 0x22")
            inputs.append(self._call.files.read(path))
        try:
            artifact = self._call.files.read(model_path)
        except OSError as error:
            self._log("E", f"Failed to open {model_path}: {error.strerror} ({error.errno})")
            return self._give_up("FileDataLoader::from() failed: 0x22")
        if self._phone.faults.strike("operator-missing"):
            self._log("I", f"Model file {model_path} is loaded.")
            self._log("E", "Missing operator: [7] demo::hard_swish.out", "method.cpp:730")
            return self._give_up("Loading of method forward failed with status 0x14")
        try:
            logits = await self._logits(artifact, inputs)
        except RuntimeFailureError as failure:
            if failure.kind == "wrong-shape":
                return self._give_up("Could not prepare inputs: 0x12")
            self._log("E", f"Failed to parse model file {model_path}")
            return 1
        return await self._execute(artifact, logits, executions)

    async def _execute(
        self, artifact: bytes, logits: npt.NDArray[np.float32], executions: int
    ) -> int:
        phone, process = self._phone, self._process
        process.rss_kb += len(artifact) // 1024
        process.peak_kb = process.rss_kb + 2 * len(artifact) // 1024
        self._log("I", f"Model file {self._flags['model_path']} is loaded.")
        self._log("I", "Using method forward")
        await self._call.streams.flush()
        half = real_seconds(executions) / 2
        if not await process.lives(half):
            return 1
        if phone.faults.strike("runner-crashes"):
            self._call.streams.stderr.write(b"Segmentation fault \n")
            return _SEGMENTATION_FAULT
        if phone.disturb_run():
            await process.lives(None)
        if not await process.lives(half):
            return 1
        times = phone.model.block(
            work_of(artifact), threads=process.threads, cores=process.cores, executions=executions
        )
        self._log("I", f"Model loaded in {times.load_ns / 1e6:.6f} ms.", after_ns=times.load_ns)
        for index, took in enumerate(times.executions_ns, start=1):
            text = f"Iteration {index} of {executions}: {took / 1e6:.6f} ms"
            self._log("I", text, after_ns=took)
        total = sum(times.executions_ns) / 1e6
        self._log("I", f"Model executed successfully {executions} time(s) in {total:.6f} ms.")
        self._log("I", "1 outputs: ")
        self._write(logits)
        await self._trace(times.executions_ns)
        phone.end_block()
        return 0

    async def _logits(self, artifact: bytes, inputs: list[bytes]) -> npt.NDArray[np.float32]:
        """Of the first input; without one it is all ones."""
        data = inputs[0] if inputs else None
        values = await asyncio.to_thread(SHARED.logits, "executorch", artifact, data)
        return np.roll(values, 1) * -1 if self._phone.faults.strike("wrong-answers") else values

    def _write(self, logits: npt.NDArray[np.float32]) -> None:
        if self._flags["output_file"]:
            name = f"{self._flags['output_file']}-0.bin"
            self._log("I", f"Writing output to file: {name}")
            self._call.files.write(name, logits.astype("<f4").tobytes())

    async def _trace(self, executions_ns: Sequence[int]) -> None:
        """An ETDump, from a runner that has the event tracer; others write none."""
        path = self._flags["etdump_path"]
        if path and _TRACER in self._call.files.read(self._call.argv[0]):
            self._call.files.write(path, await asyncio.to_thread(etdump_of, executions_ns))

    def _give_up(self, text: str) -> int:
        self._log("F", f"In function main(), assert failed: {text}")
        self._call.streams.stderr.write(b"Aborted \n")
        return _ABORTED

    def _log(
        self, level: str, text: str, place: str = "executor_runner.cpp:409", after_ns: int = 0
    ) -> None:
        self._microseconds += 40 + after_ns // 1000
        seconds, microseconds = divmod(self._microseconds, 10**6)
        stamp = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{microseconds:06}"
        self._call.streams.stderr.write(f"{level} {stamp} executorch:{place}] {text}\n".encode())
