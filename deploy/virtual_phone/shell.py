"""Android's shell, as far as a measuring harness uses it. Nothing leaves the virtual phone."""

from __future__ import annotations

import errno
import stat
from collections.abc import Awaitable, Mapping, Sequence

from deploy.virtual_phone.commands import COMMANDS
from deploy.virtual_phone.commands.call import Call, number
from deploy.virtual_phone.filesystem import SDCARD, SHELL, UserFiles, refusal
from deploy.virtual_phone.lexer import Part, Redirect, ShellSyntaxError, Simple, Word, parse
from deploy.virtual_phone.runner import refuses_abi, run_runner
from deploy.virtual_phone.state import State
from deploy.virtual_phone.streams import Buffer, Streams

NOT_FOUND, NOT_EXECUTABLE, USAGE = 127, 126, 2
_PROMPT = "/system/bin/sh"
# Of shells within shells: more than anybody writes, and too few to end our stack.
_DEEPEST = 20


class _Exit(Exception):  # noqa: N818
    """`exit` and `exec`: not an error, but the way out of a list of commands."""

    def __init__(self, status: int) -> None:
        self.status = status


class _FileSink:
    """What `>` writes to; `>>` begins with what is there."""

    def __init__(self, files: UserFiles, path: str, *, append: bool) -> None:
        self._files = files
        self._path = path
        self._data = bytearray(files.read(path) if append and files.exists(path) else b"")
        self._kept = len(self._data)
        files.write(path, bytes(self._data))

    def write(self, data: bytes) -> None:
        self._data += data

    async def flush(self) -> None:
        if len(self._data) > self._kept:
            self._kept = len(self._data)
            self._files.write(self._path, bytes(self._data))


class Shell:
    """One shell process: a user, a folder, an environment."""

    def __init__(
        self,
        phone: State,
        *,
        uid: int = SHELL,
        cwd: str = "/",
        cores: tuple[int, ...] = (),
        environment: Mapping[str, str] | None = None,
        depth: int = 0,
    ) -> None:
        self.phone = phone
        self.uid = uid
        self.files = UserFiles(phone.filesystem, uid, cwd)
        self.cores = cores or tuple(range(phone.profile.cores))
        self.environment = dict(environment or {"HOME": "/", "PATH": "/system/bin"})
        self.status = 0
        self._depth = depth

    def child(
        self, *, uid: int | None = None, cwd: str | None = None, cores: tuple[int, ...] = ()
    ) -> Shell:
        """A process of its own: what it changes of folder or environment stays its own."""
        return Shell(
            self.phone,
            uid=self.uid if uid is None else uid,
            cwd=self.files.cwd if cwd is None else cwd,
            cores=cores or self.cores,
            environment=self.environment,
            depth=self._depth + 1,
        )

    async def run(self, text: str, streams: Streams) -> int:
        """Run a command line and return its exit status."""
        try:
            await self._run_list(parse(text), streams)
        except ShellSyntaxError as error:
            streams.stderr.write(f"{_PROMPT}: {error}\n".encode())
            self.status = USAGE
        except _Exit as leaving:
            self.status = leaving.status
        await streams.flush()
        return self.status

    async def _run_list(self, commands: Sequence[Simple], streams: Streams) -> None:
        skipped = False
        piped: Buffer | None = None
        for index, command in enumerate(commands):
            if command.connector != "|":
                piped = None
                wanted = {"&&": self.status == 0, "||": self.status != 0}
                skipped = not wanted.get(command.connector, True)
            if skipped:
                continue
            own = streams if piped is None else streams.with_input(piped)
            following = commands[index + 1 : index + 2]
            if following and following[0].connector == "|":
                piped = Buffer()
                own = own.with_output(piped)
            self.status = await self._run_simple(command, own)

    async def _run_simple(self, command: Simple, streams: Streams) -> int:
        words = [field for word in command.words for field in await self._expand(word, streams)]
        try:
            streams = await self._redirect(command.redirects, streams)
        except OSError as error:
            return _complain(streams, f"can't {error.filename}: {error.strerror}", 1)
        assigned = {}
        while words and _is_assignment(words[0]):
            name, _, value = words.pop(0).partition("=")
            assigned[name] = value
        if not words:
            self.environment |= assigned
            return 0
        status = await self.run_words(words, streams)
        await streams.flush()
        return status

    async def run_words(self, words: Sequence[str], streams: Streams) -> int:
        """Run one command of words that mean what they say; returns its exit status."""
        name = words[0]
        if self._depth > _DEEPEST:
            return _complain(streams, f"{name}: too deeply nested", USAGE)
        call = Call(phone=self.phone, shell=self, argv=tuple(words), streams=streams)
        try:
            match name:
                case "exit":
                    given = number("".join(words[1:2]))
                    raise _Exit(self.status if given is None else given & 255)
                case "exec" if len(words) > 1:
                    raise _Exit(await self.child().run_words(words[1:], streams))
            if "/" in name and not name.startswith("/system/bin/"):
                return await self._execute(call)
            command = COMMANDS.get(name.removeprefix("/system/bin/"))
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
        """A file that somebody brought: ExecuTorch's runner is all that is known to run."""
        path = call.argv[0]
        if not self.files.exists(path):
            return _complain(call.streams, f"{path}: inaccessible or not found", NOT_FOUND)
        node = self.files.stat(path)
        on_sdcard = self.files.resolve(path).startswith(f"{SDCARD}/")
        if node.data is None or on_sdcard or not node.mode & stat.S_IXUSR:
            reason = refusal(errno.EACCES, path).strerror
            return _complain(call.streams, f"{path}: can't execute: {reason}", NOT_EXECUTABLE)
        if reason := refuses_abi(self.phone, node.data):
            return _complain(call.streams, f"{path}: not executable: {reason}", NOT_EXECUTABLE)
        return await run_runner(call)

    async def _redirect(self, redirects: Sequence[Redirect], streams: Streams) -> Streams:
        """Raises OSError whose file name begins with what was tried, as mksh says it."""
        outputs = {1: streams.stdout, 2: streams.stderr}
        stdin = streams.stdin
        for redirect in redirects:
            target = " ".join(await self._expand(redirect.target, streams))
            verb = "open" if redirect.operator == "<" else "create"
            try:
                if redirect.operator == ">&":
                    outputs[redirect.fd] = outputs[int(target)]
                elif redirect.operator == "<":
                    stdin = Buffer(self.files.read(target))
                else:
                    append = redirect.operator == ">>"
                    outputs[redirect.fd] = _FileSink(self.files, target, append=append)
            except (KeyError, ValueError):
                raise OSError(errno.EBADF, "bad file descriptor", f"dup {target}") from None
            except OSError as error:
                raise OSError(error.errno, error.strerror, f"{verb} {target}") from error
        return Streams(stdin, outputs[1], outputs[2])

    async def _expand(self, word: Word, streams: Streams) -> list[str]:
        """The fields that a word becomes: substituted, split, and matched with files."""
        # A field is its pieces with whether they were quoted: a quoted `*` matches itself alone.
        fields: list[list[tuple[str, bool]]] = [[]]
        for part in word:
            value = await self._value(part, streams)
            if part.quoted or part.kind == "text":
                fields[-1].append((value, part.quoted))
                continue
            for index, piece in enumerate(value.split()):
                if index:
                    fields.append([])
                fields[-1].append((piece, False))
        expanded = []
        for pieces in fields:
            if pieces:
                expanded += self._match_files(pieces)
        return expanded

    async def _value(self, part: Part, streams: Streams) -> str:
        if part.kind == "text":
            return part.text
        if part.kind == "variable":
            return str(self.status) if part.text == "?" else self.environment.get(part.text, "")
        output = Buffer()
        await self.child().run(part.text, streams.with_output(output))
        return output.data.decode(errors="replace").rstrip("\n")

    def _match_files(self, pieces: Sequence[tuple[str, bool]]) -> list[str]:
        text = "".join(piece for piece, _ in pieces)
        if not any(sign in piece for piece, quoted in pieces if not quoted for sign in "*?["):
            return [text]
        return self.files.glob(text) or [text]


def _is_assignment(word: str) -> bool:
    name, equals, _ = word.partition("=")
    return bool(equals) and name.isidentifier()


def _complain(streams: Streams, text: str, status: int) -> int:
    streams.stderr.write(f"{_PROMPT}: {text}\n".encode())
    return status
