"""Bytes into the virtual phone's wire without a socket: what comes back, and what goes wrong."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from deploy.virtual_phone import services
from deploy.virtual_phone.profiles import profile_named
from deploy.virtual_phone.state import State
from deploy.virtual_phone.wire import Greeting, Transport

# Connections that reach a service wait for its end so many times round the loop.
_TURNS = 200


@dataclass
class Conversation:
    """What the phone sent, and the accidents that asyncio would print a traceback of."""

    sent: bytearray = field(default_factory=bytearray)
    accidents: list[BaseException] = field(default_factory=list)


class _Writer:
    """As much of a StreamWriter as a transport uses."""

    def __init__(self, sent: bytearray) -> None:
        self._sent = sent
        self.transport = self

    def write(self, data: bytes) -> None:
        self._sent.extend(data)

    async def drain(self) -> None: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...


def converse(data: bytes) -> Conversation:
    """A host sends `data` at once and closes."""
    return asyncio.run(_converse(data))


async def _converse(data: bytes) -> Conversation:
    told = Conversation()

    def accident(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        told.accidents.append(context.get("exception") or RuntimeError(context["message"]))

    asyncio.get_running_loop().set_exception_handler(accident)
    state = State(profile_named("pixel"), seed=0, faults=(), speed=6000)
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    writer: Any = _Writer(told.sent)
    transport = Transport(
        reader,
        writer,
        Greeting(banner=services.banner(state, services.FEATURES)),
        services.knows,
        lambda stream, name: services.serve(state, stream, name),
    )
    run = asyncio.create_task(transport.run())
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    reader.feed_eof()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for outcome in await asyncio.gather(run, *left, return_exceptions=True):
        if isinstance(outcome, Exception):
            told.accidents.append(outcome)
    return told
