"""What a host opens a stream for, by name: a shell, exec, file transfer, reboot."""

from __future__ import annotations

import struct

from deploy.virtual_phone.shell import ShellProcess
from deploy.virtual_phone.state import State
from deploy.virtual_phone.streams import Streams
from deploy.virtual_phone.sync import serve_sync
from deploy.virtual_phone.wire import AdbStream

# No second version of file transfer among them: every adb speaks the first to who lacks it.
FEATURES = ("shell_v2", "cmd", "fixed_push_mkdir")

_SERVICES = ("shell", "exec", "sync", "reboot")
_NOISE = b"* daemon not running; starting now at tcp:5037\n* daemon started successfully\n"
_NO_TERMINAL = "a virtual phone has no interactive shell: give a command\n"

# Packets of the second shell protocol: a byte that says what, a u32 of how much.
_PACKET = struct.Struct("<BI")
_STDIN, _STDOUT, _STDERR, _EXIT, _CLOSE_STDIN = range(5)
_MOST_STDIN = 1 << 20


def banner(phone: State, features: tuple[str, ...]) -> str:
    """What the phone says of itself when it is connected."""
    kind = "recovery" if phone.faults.strike("recovery") else "device"
    device = f"virtual_{phone.profile.name}"
    # These end a property.
    model = phone.model_name.translate(str.maketrans(";=", "__"))
    return (
        f"{kind}::ro.product.name={device};ro.product.model={model};"
        f"ro.product.device={device};features={','.join(features)}"
    )


def knows(name: str) -> bool:
    """Whether there is such a service."""
    return name.partition(":")[0].partition(",")[0] in _SERVICES


async def serve(phone: State, stream: AdbStream, name: str) -> None:
    """Serve one stream to its end; `name` such as `shell,v2,raw:ls -l`."""
    head, _, argument = name.partition(":")
    service, *options = head.split(",")
    match service:
        case "shell" if "v2" in options:
            stream.ends_with_host = True
            await _shell_v2(phone, stream, argument)
        case "shell":
            stream.ends_with_host = True
            await _shell_v1(phone, stream, argument)
        case "exec":
            await _exec(phone, stream, argument)
        case "sync":
            await serve_sync(phone, stream)
        case "reboot":
            phone.reboot()


async def _run(phone: State, command: str, streams: Streams) -> int:
    phone.commands.append(command)
    if not command:
        streams.stdout.write(_NO_TERMINAL.encode())
        await streams.flush()
        return 1
    return await ShellProcess(phone).run(command, streams)


async def _exec(phone: State, stream: AdbStream, command: str) -> None:
    output = _Raw(stream)
    await _run(phone, command, Streams(stream, output, output))


async def _shell_v1(phone: State, stream: AdbStream, command: str) -> None:
    """Both outputs in one, no exit status, input that never ends."""
    old = phone.faults.strike("crlf")
    output = _Raw(stream, with_crlf=old)
    if old:
        output.write(_NOISE)
    await _run(phone, command, Streams(stream, output, output))


async def _shell_v2(phone: State, stream: AdbStream, command: str) -> None:
    stdout, stderr = _Packets(stream, _STDOUT), _Packets(stream, _STDERR)
    status = await _run(phone, command, Streams(_PacketInput(stream), stdout, stderr))
    await stream.write(_PACKET.pack(_EXIT, 1) + bytes([status & 255]))


class _Raw:
    """Output as it is, or with the line ends of an old phone's terminal."""

    def __init__(self, stream: AdbStream, *, with_crlf: bool = False) -> None:
        self._stream = stream
        self._with_crlf = with_crlf
        self._data = bytearray()

    def write(self, data: bytes) -> None:
        self._data += data.replace(b"\n", b"\r\n") if self._with_crlf else data

    async def flush(self) -> None:
        data, self._data = bytes(self._data), bytearray()
        await self._stream.write(data)


class _Packets:
    """One of the two outputs of the second shell protocol."""

    def __init__(self, stream: AdbStream, kind: int) -> None:
        self._stream = stream
        self._kind = kind
        self._data = bytearray()

    def write(self, data: bytes) -> None:
        self._data += data

    async def flush(self) -> None:
        data, self._data = bytes(self._data), bytearray()
        size = self._stream.transport.payload_size - _PACKET.size
        for begin in range(0, len(data), size):
            chunk = data[begin : begin + size]
            await self._stream.write(_PACKET.pack(self._kind, len(chunk)) + chunk)


class _PacketInput:
    """Standard input of the second shell protocol."""

    def __init__(self, stream: AdbStream) -> None:
        self._stream = stream
        self._ended = False

    async def read(self) -> bytes:
        while not self._ended:
            try:
                head = await self._stream.read_exactly(_PACKET.size)
                kind, size = _PACKET.unpack(head)
                data = await self._stream.read_exactly(min(size, _MOST_STDIN))
            except EOFError:
                break
            if kind == _STDIN and data:
                return data
            self._ended = kind == _CLOSE_STDIN
        return b""
