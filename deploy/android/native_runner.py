"""Blocks in ExecuTorch's executor_runner, under the shell's user: .pte alone, cores as asked."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import numpy as np

from deploy.android.elf import abi_of
from deploy.android.folders import ShellFolder
from deploy.android.parsers.processes import parse_pidof
from deploy.android.parsers.runner_log import RunnerLog, parse_runner_log
from deploy.android.phone import Phone, ShellResult
from deploy.benchmark.parsers.process import ProcessStatus, parse_status
from deploy.benchmark.runner import Ran
from deploy.protocol.faults import fault
from deploy.protocol.messages import (
    PROTOCOL_VERSION,
    Answer,
    GoldenAnswer,
    GoldenInput,
    Request,
    RunnerFacts,
)
from deploy.support.errors import PhoneError
from deploy.support.hashing import sha256_file
from deploy.support.printable import last_line

_TRACING = "build it with -DEXECUTORCH_BUILD_DEVTOOLS=ON -DEXECUTORCH_ENABLE_EVENT_TRACER=ON"
_LOGCAT = "logcat -d -v threadtime -s ExecuTorch:I"
_TIME = re.compile(r"\d\d-\d\d \d\d:\d\d:\d\d\.000")
_PROBE_S = 0.03
# So many that even a small network is still at work when it is looked at.
_WATCHED = 50
_NOT_EXECUTABLE, _NOT_FOUND = 126, 127
_SIGNALS = 128
_KILLED = 9


class NativeRunner:
    """A copy of executor_runner on one phone."""

    def __init__(self, phone: Phone, binary: Path, abis: tuple[str, ...]) -> None:
        """`abis` are those that the phone runs."""
        self._phone, self._binary, self._abis = phone, binary, abis
        self._folder = ShellFolder(phone)
        self._name = f"runner-{sha256_file(binary)[:12]}"

    def start(self) -> None:
        abi = abi_of(self._binary)
        if abi not in self._abis:
            what = f"{self._binary.name} is for {abi or 'no Android'}"
            raise fault("runner-abi", f"{what}, {self._phone.serial} runs {', '.join(self._abis)}")
        self._folder.make()
        self.put(self._name, self._binary)
        self._phone.shell(f"chmod 755 {self._folder.path}/{self._name}")

    def put(self, name: str, file: Path) -> None:
        self._folder.put(name, file)

    def run(self, request: Request, mask: str | None, timeout: float) -> Ran:
        timed = next(photo for photo in request.golden if photo.index == request.input.golden)
        # The runner counts its first inference and the warm-up among the executions.
        executions = 1 + request.warmup + request.iterations
        log, output = self._execute(request, timed, executions, mask, timeout)
        logits = [GoldenAnswer.of(timed.index, output)]
        seen: ProcessStatus | None = None
        others = [photo for photo in request.golden if photo.index != timed.index]
        if others:
            # Looking into /proc disturbs, so it is done while nothing is timed.
            seen = self._watched(request, timed, mask, timeout)
            logits += [
                GoldenAnswer.of(photo.index, self._execute(request, photo, 1, mask, timeout)[1])
                for photo in others
            ]
        return Ran(
            answer=Answer(
                schema_version=PROTOCOL_VERSION,
                id=request.id,
                status="ok",
                error=None,
                runner=RunnerFacts(
                    name="native",
                    version=self._name,
                    runtime="ExecuTorch",
                    runtime_version=None,
                ),
                load_ns=log.load_ns,
                first_ns=log.iterations_ns[0],
                iterations_ns=log.iterations_ns[1 + request.warmup :],
                thermal_before=None,
                thermal_after=None,
                memory_before_bytes=None,
                memory_peak_bytes=seen.peak_bytes if seen else None,
                logits=tuple(logits),
            ),
            threads_seen=seen.threads if seen else None,
            cores_seen=seen.cores_allowed if seen else None,
        )

    def trace(self, request: Request, mask: str | None, timeout: float) -> bytes:
        """The ETDump of a block, not to be timed otherwise. Raises PhoneError (runner-missing)
        where the runner was built without the event tracer, and so writes none."""
        timed = next(photo for photo in request.golden if photo.index == request.input.golden)
        name = f"{request.id}.etdump"
        executions = 1 + request.warmup + request.iterations
        self._execute(request, timed, executions, mask, timeout, f" --etdump_path={name}")
        there = self._phone.shell(f"test -s {self._folder.path}/{name}")
        if there.code != 0:
            raise fault("runner-missing", f"{self._binary.name} writes no ETDump: {_TRACING}")
        return self._folder.get(name)

    def stop(self) -> None:
        self._folder.remove()

    def _execute(
        self,
        request: Request,
        image: GoldenInput,
        executions: int,
        mask: str | None,
        timeout: float,
        more: str = "",
    ) -> tuple[RunnerLog, np.typing.NDArray[np.float32]]:
        """Its log with `executions` times, and the logits, float32 (classes,)."""
        output = f"{request.id}.out"
        done = self._shell(request, image, executions, mask, timeout, output, more)
        text = done.out + "\n" + done.err
        log = parse_runner_log(text)
        began = _TIME.search(done.out)
        if began and not log.iterations_ns and not log.error:
            # The Android build of the runner speaks to logcat.
            log = parse_runner_log(self._phone.shell(f"{_LOGCAT} -T '{began[0]}'").out)
        self._check(done, log, executions)
        data = self._folder.get(f"{output}-0.bin")
        self._phone.shell(f"rm -f {self._folder.path}/{output}-0.bin")
        if len(data) % 4:
            raise fault("bad-answer", f"the logits of {self._phone.serial} are cut off")
        return log, np.frombuffer(data, "<f4").astype(np.float32)

    def _shell(
        self,
        request: Request,
        image: GoldenInput,
        executions: int,
        mask: str | None,
        timeout: float,
        output: str,
        more: str = "",
    ) -> ShellResult:
        pinned = f"taskset {mask} " if mask else ""
        # 0 leaves the number of threads to the runner, which is what leaving the option out does.
        threads = f" --cpu_threads={request.threads}" if request.threads else ""
        return self._phone.shell(
            f"date '+%m-%d %H:%M:%S.000'; cd {self._folder.path} && {pinned}./{self._name}"
            f" --model_path={request.artifact.file} --inputs={image.file}"
            f" --num_executions={executions}{threads} --print_output=none"
            f" --output_file={output}{more}",
            timeout=timeout,
        )

    def _watched(
        self, request: Request, image: GoldenInput, mask: str | None, timeout: float
    ) -> ProcessStatus | None:
        """The last state of a process that runs as the timed one did; None if it was too quick."""
        output = f"{request.id}.watched"
        executions = max(_WATCHED, 1 + request.warmup + request.iterations)
        ended: list[PhoneError | ShellResult] = []

        def execute() -> None:
            try:
                ended.append(self._shell(request, image, executions, mask, timeout, output))
            except PhoneError as error:
                ended.append(error)

        thread = threading.Thread(target=execute, daemon=True)
        thread.start()
        status = None
        while thread.is_alive():
            pids = parse_pidof(self._phone.shell(f"pidof {self._name}").out)
            if pids:
                text = self._phone.shell(f"grep -s '' /proc/{pids[0]}/status").out
                status = parse_status(text) or status
            time.sleep(_PROBE_S)
        if ended and isinstance(ended[0], PhoneError):
            raise ended[0]
        self._phone.shell(f"rm -f {self._folder.path}/{output}-0.bin")
        return status

    def _check(self, done: ShellResult, log: RunnerLog, executions: int) -> None:
        """Raise what its exit code and its log say went wrong."""
        serial = self._phone.serial
        said = log.error or last_line(done.err) or f"exit code {done.code}"
        if done.code in (_NOT_EXECUTABLE, _NOT_FOUND):
            raise fault("runner-abi", f"{serial} cannot run {self._binary.name} ({said})")
        # A missing operator ends the runner by abort: the log knows better than the exit code.
        if missing := log.missing_operator or log.missing_backend:
            raise fault("operator-missing", f"the runner on {serial} lacks {missing}")
        if done.code == _SIGNALS + _KILLED:
            raise fault("killed-for-memory", f"{serial} killed the runner ({said})")
        if done.code > _SIGNALS:
            raise fault("runner-failed", f"the runner on {serial} crashed ({said})")
        if log.error or done.code:
            raise fault("runner-failed", f"the runner on {serial} failed ({said})")
        if log.load_ns is None or len(log.iterations_ns) != executions:
            times = f"{len(log.iterations_ns)} times of {executions}"
            raise fault("bad-answer", f"the runner's log on {serial} has {times}")
