"""Blocks in our native runner, under the shell's user: .pte alone, cores as asked.

Its folder, with a C library and a loader of its own, is copied to the phone; the loader starts it.
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path

from deploy.android.elf import abi_of
from deploy.android.folders import ShellFolder
from deploy.android.phone import Phone, ShellResult
from deploy.backends import RunnerName
from deploy.benchmark.native import check_traced, core_options, ran
from deploy.benchmark.runner import Ran
from deploy.native_runner.build import FACTS_FILE, command, files_of
from deploy.native_runner.targets import TARGETS, TargetName
from deploy.protocol.answers import parse_answer
from deploy.protocol.faults import fault
from deploy.protocol.messages import Request
from deploy.support.errors import PhoneError
from deploy.support.hashing import sha256_file
from deploy.support.printable import last_line
from deploy.support.temporary import temporary_folder

PHONE_TARGET: TargetName = "linux-arm64"
_NOT_EXECUTABLE, _NOT_FOUND = 126, 127
_SIGNALS = 128
_KILLED = 9


@dataclass(frozen=True, kw_only=True)
class PhoneProgram:
    """The runner as it lies on a phone: local files by their names there, and the words that start
    it in their folder. `started` is the file that the kernel executes."""

    files: dict[str, Path]
    started: str
    words: tuple[str, ...]

    @classmethod
    def of_folder(cls, folder: Path) -> PhoneProgram:
        """What was compiled for phones, with its loader."""
        files = {name: folder / name for name in files_of(folder)}
        loader = TARGETS[PHONE_TARGET].loader
        assert loader is not None
        # The process bears the name of what the kernel executes: by it a sweep finds the process.
        started = _process_name((folder / FACTS_FILE).read_bytes())
        files[started] = files.pop(loader)
        _, *words = command(PHONE_TARGET, ".")
        return cls(files=files, started=started, words=(f"./{started}", *words))

    @classmethod
    def of_file(cls, binary: Path) -> PhoneProgram:
        """One that was linked statically, by Android's own compiler."""
        started = _process_name(sha256_file(binary).encode())
        return cls(files={started: binary}, started=started, words=(f"./{started}",))


class NativeRunner:
    """Our runner on one phone."""

    name: RunnerName = "native"

    def __init__(self, phone: Phone, program: PhoneProgram, abis: tuple[str, ...]) -> None:
        """`abis` are those that the phone runs."""
        self._phone, self._program, self._abis = phone, program, abis
        self._folder = ShellFolder(phone)

    def start(self) -> None:
        program = self._program
        abi = abi_of(program.files[program.started])
        if abi not in self._abis:
            what = f"the native runner is for {abi or 'no Android'}"
            raise fault("runner-abi", f"{what}, {self._phone.serial} runs {', '.join(self._abis)}")
        self._folder.make()
        for name, file in program.files.items():
            self.put(name, file)
        self._phone.shell(f"chmod 755 {self._folder.path}/*")

    def put(self, name: str, file: Path) -> None:
        self._folder.put(name, file)

    def run(self, request: Request, mask: str | None, timeout: float) -> Ran:
        done = self._execute(request, core_options(mask), timeout)
        answer = self._folder.get(f"{request.id}.answer.json")
        self._tidy(request)
        return ran(parse_answer(answer, request, self._phone.serial), done.out)

    def trace(self, request: Request, timeout: float) -> bytes:
        """The ETDump of a block, whose times are not to be used otherwise.

        Raises PhoneError, also for a block that the runner refuses.
        """
        name = f"{request.id}.etdump"
        self._execute(request, ("--etdump", name), timeout)
        answer = self._folder.get(f"{request.id}.answer.json")
        check_traced(parse_answer(answer, request, self._phone.serial))
        return self._folder.get(name)

    def stop(self) -> None:
        self._folder.remove()

    def _execute(self, request: Request, options: tuple[str, ...], timeout: float) -> ShellResult:
        """Run the block until it has answered. Raises what its end says went wrong."""
        name = f"{request.id}.request.json"
        with temporary_folder() as local:
            file = Path(local, name)
            file.write_text(request.to_json(), encoding="utf-8")
            self._folder.put(name, file)
        words = " ".join((*self._program.words, *options, name))
        done = self._phone.shell(f"cd {self._folder.path} && {words}", timeout=timeout)
        if done.code != 0:
            raise self._failure(done)
        return done

    def _tidy(self, request: Request) -> None:
        files = " ".join(
            f"{self._folder.path}/{request.id}.{kind}.json" for kind in ("request", "answer")
        )
        # The answer is here; `stop` and the next run sweep the folder.
        with contextlib.suppress(PhoneError):
            self._phone.shell(f"rm -f {files}")

    def _failure(self, done: ShellResult) -> PhoneError:
        serial = self._phone.serial
        said = last_line(done.err) or last_line(done.out) or f"exit code {done.code}"
        if done.code in (_NOT_EXECUTABLE, _NOT_FOUND):
            return fault("runner-abi", f"{serial} cannot run the native runner ({said})")
        if done.code == _SIGNALS + _KILLED:
            return fault("killed-for-memory", f"{serial} killed the runner ({said})")
        if done.code > _SIGNALS:
            return fault("runner-failed", f"the runner on {serial} crashed ({said})")
        if "No space left" in said:
            return fault("no-space", f"{serial} has no space left for the answer")
        return fault("runner-failed", f"the runner on {serial} failed ({said})")


def _process_name(facts: bytes) -> str:
    """As `sweep_phone` knows it."""
    return f"runner-{hashlib.sha256(facts).hexdigest()[:12]}"
