"""The virtual phone's wire without adb: what no adb sends ends the connection, in silence."""

from __future__ import annotations

import random

import pytest
from raw_wire import converse

from deploy.virtual_phone.wire import (
    AUTH,
    CLSE,
    CNXN,
    MOST_PAYLOAD,
    OKAY,
    OPEN,
    VERSION,
    WRTE,
    Packet,
)

HELLO = Packet(CNXN, VERSION, MOST_PAYLOAD, b"host::").encode()
LIST = Packet(OPEN, 1, 0, b"shell,v2,raw:ls /\0").encode()


def answers(data: bytes) -> bytes:
    told = converse(data)
    assert told.accidents == []
    return bytes(told.sent)


def test_a_host_is_greeted_and_served() -> None:
    # A stream's first packets: it is opened, and waits to be allowed the next.
    assert answers(HELLO + LIST).startswith(b"CNXN")
    assert b"OKAY" in answers(HELLO + LIST)
    assert b"sdcard" in answers(HELLO + LIST) or b"data" in answers(HELLO + LIST)


@pytest.mark.parametrize("size", [0, 5, 4095])
def test_a_host_that_takes_next_to_nothing_is_left(size: int) -> None:
    assert answers(Packet(CNXN, VERSION, size, b"host::").encode() + LIST) == b""


def test_a_host_that_does_not_wait_is_left() -> None:
    # Of sync's 40 requests to push, none is whole before it has sent more than it may.
    flood = b"".join(Packet(WRTE, 1, 1, b"x" * 1000).encode() for _ in range(40))
    sent = answers(HELLO + Packet(OPEN, 1, 0, b"exec:cat\0").encode() + flood)
    assert sent.count(b"OKAY") < 10


def test_streams_are_bounded() -> None:
    opened = b"".join(Packet(OPEN, k, 0, b"exec:cat\0").encode() for k in range(1, 400))
    sent = answers(HELLO + opened)
    assert sent.count(b"OKAY") == 256
    assert sent.count(b"CLSE") >= 399 - 256


def any_packets(chance: random.Random) -> bytes:
    """Well formed for the most part, and in any order."""
    names = (
        b"shell:ls\0",
        b"shell,v2:cat\0",
        b"sync:\0",
        b"exec:cat\0",
        b"\xff:\0",
        b"shell,v2",
        b"",
    )
    sizes = (0, 1, 5, 24, 4096, MOST_PAYLOAD, 2**32 - 1)
    out = HELLO if chance.random() < 0.7 else b""
    for _ in range(chance.randrange(12)):
        payload = chance.choice(
            [*names, chance.randbytes(chance.randrange(40)), b"STAT\4\0\0\0/dat"]
        )
        packet = Packet(
            chance.choice([CNXN, AUTH, OPEN, OKAY, WRTE, CLSE, chance.getrandbits(32)]),
            chance.choice([1, 2, chance.choice(sizes)]),
            chance.choice([1, 2, chance.choice(sizes)]),
            payload,
        ).encode()
        out += packet if chance.random() < 0.95 else packet[: chance.randrange(len(packet))]
    return out


def test_whatever_a_host_sends_nothing_is_printed() -> None:
    chance = random.Random(0)
    for _ in range(300):
        answers(any_packets(chance))
