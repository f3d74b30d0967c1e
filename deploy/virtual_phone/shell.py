"""Android's shell, as far as a measuring harness uses it. Nothing leaves the virtual phone."""

from __future__ import annotations

import errno
import stat
from collections.abc import Awaitable, Sequence
from dataclasses import replace

from deploy.virtual_phone.commands import COMMANDS
from deploy.virtual_phone.commands.call import Call
from deploy.virtual_phone.filesystem import SHELL, UserFiles, refusal
from deploy.virtual_phone.lexer import ShellSyntaxError, Simple, Word, parse
from deploy.virtual_phone.runner import refuses_abi, run_runner
from deploy.virtual_phone.state import State
from deploy.virtual_phone.streams import Buffer, Streams

NOT_FOUND, NOT_EXECUTABLE, USAGE = 127, 126, 2
_PROMPT = "/system/bin/sh"
# Of shells within shells: more than anybody writes, and too few to end our stack.
_DEEPEST = 20


class _FileSink:
    """What `>` writes to. Raises OSError where it may not."""

    def __init__(self, files: UserFiles, path: str) -> None:
        self._files = files
        self._path = path
        self._data = bytearray()
        self._kept = 0
        files.write(path, b"")

    def write(self, data: bytes) -> None:
        self._data += data

    async def flush(self) -> None:
        if len(self._data) > self._kept:
            self._kept = len(self._data)
            self._files.write(self._path, bytes(self._data))


class ShellProcess:
    """One shell: a user, a folder, the cores that it may use."""

    def __init__(
        self,
        phone: State,
        *,
        uid: int = SHELL,
        cwd: str = "/",
        cores: tuple[int, ...] = (),
        depth: int = 0,
    ) -> None:
        """`cores` empty is all of them."""
        self.phone = phone
        self.uid = uid
        self.files = UserFiles(phone.filesystem, uid, cwd)
        self.cores = cores or tuple(range(phone.profile.cores))
        self.status = 0
        self._depth = depth

    def child(
        self, *, uid: int | None = None, cwd: str | None = None, cores: tuple[int, ...] = ()
    ) -> ShellProcess:
        """A process of its own: the folder that it changes to stays its own."""
        return ShellProcess(
            self.phone,
            uid=self.uid if uid is None else uid,
            cwd=self.files.cwd if cwd is None else cwd,
            cores=cores or self.cores,
            depth=self._depth + 1,
        )

    async def run(self, text: str, streams: Streams) -> int:
        """Run a command line and return its exit status."""
        try:
            await self._run_list(parse(text), streams)
        except ShellSyntaxError as error:
            self.status = _complain(streams, str(error), USAGE)
        await streams.flush()
        return self.status

    async def _run_list(self, commands: Sequence[Simple], streams: Streams) -> None:
        skipped = False
        piped: Buffer | None = None
        for index, command in enumerate(commands):
            if command.connector != "|":
                piped = None
                skipped = command.connector == "&&" and self.status != 0
            if skipped:
                continue
            own = streams if piped is None else streams.with_input(piped)
            following = commands[index + 1 : index + 2]
            if following and following[0].connector == "|":
                piped = Buffer()
                own = own.with_output(piped)
            self.status = await self._run_simple(command, own)

    async def _run_simple(self, command: Simple, streams: Streams) -> int:
        words = [text for word in command.words for text in self._expand(word)]
        if command.is_silenced:
            streams = replace(streams, stderr=Buffer())
        if command.output:
            path = " ".join(self._expand(command.output))
            try:
                streams = streams.with_output(_FileSink(self.files, path))
            except OSError as error:
                return _complain(streams, f"can't create {path}: {error.strerror}", 1)
        status = await self.run_words(words, streams) if words else 0
        await streams.flush()
        return status

    async def run_words(self, words: Sequence[str], streams: Streams) -> int:
        """Run one command of words that mean what they say; returns its exit status."""
        name = words[0]
        if self._depth > _DEEPEST:
            return _complain(streams, f"{name}: too deeply nested", USAGE)
        call = Call(phone=self.phone, shell=self, argv=tuple(words), streams=streams)
        try:
            if "/" in name:
                return await self._execute(call)
            command = COMMANDS.get(name)
            if command is None:
                return _complain(streams, f"{name}: inaccessible or not found", NOT_FOUND)
            result = command(call)
            status = await result if isinstance(result, Awaitable) else result
            await streams.flush()
            return status
        except ConnectionError:
            raise
        except OSError as error:
            return call.fail(f"{error.filename}: {error.strerror}")

    async def _execute(self, call: Call) -> int:
        """A file that somebody brought: our native runner is all that is known to run."""
        path = call.argv[0]
        if not self.files.exists(path):
            return _complain(call.streams, f"{path}: inaccessible or not found", NOT_FOUND)
        node = self.files.stat(path)
        if node.data is None or not node.mode & stat.S_IXUSR:
            reason = refusal(errno.EACCES, path).strerror
            return _complain(call.streams, f"{path}: can't execute: {reason}", NOT_EXECUTABLE)
        if reason := refuses_abi(self.phone, node.data):
            return _complain(call.streams, f"{path}: not executable: {reason}", NOT_EXECUTABLE)
        return await run_runner(call)

    def _expand(self, word: Word) -> list[str]:
        """The word's text, or the files that it matches: a quoted `*` matches itself alone."""
        pieces = [
            (str(self.status) if piece.text is None else piece.text, piece.quoted) for piece in word
        ]
        text = "".join(piece for piece, _ in pieces)
        if not any(sign in piece for piece, quoted in pieces if not quoted for sign in "*?["):
            return [text]
        return self.files.glob(text) or [text]


def _complain(streams: Streams, text: str, status: int) -> int:
    streams.stderr.write(f"{_PROMPT}: {text}\n".encode())
    return status
