"""Every parser on every captured text: with CRLF, cut off anywhere, and garbled."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from phone_output import fixtures
from phone_parsers import PARSERS


@pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)
def test_carriage_returns_change_nothing(parser: Callable[[str], object]) -> None:
    for text in fixtures().values():
        expected = parser(text)
        assert parser(text.replace("\n", "\r\n")) == expected
        assert parser(text.replace("\n", "\r\r\n")) == expected


@pytest.mark.parametrize("name", sorted(PARSERS.keys() - {"profile"}))
def test_the_daemon_that_starts_first_changes_nothing(name: str) -> None:
    """A profile is a file on this computer, so that no client speaks into it."""
    parser = PARSERS[name]
    noise = (
        "* daemon not running; starting now at tcp:5037\n* daemon started successfully\n"
        "* daemon not running. starting it now on port 5037 *\n"
    )
    for text in fixtures().values():
        assert parser(noise + text) == parser(text)


@pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)
def test_nothing_is_learnt_from_nothing(parser: Callable[[str], object]) -> None:
    empty = parser("")
    for text in ("\n", "\r\n\r\n", "\x00", "Permission Denial: can't dump", "Killed"):
        # A text that is not the command's says as little as none; a push that fails is one anyhow.
        if parser is not PARSERS["failure of push"] and parser is not PARSERS["setting"]:
            assert parser(text) == empty


@pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)
def test_no_text_is_too_garbled(parser: Callable[[str], object]) -> None:
    """Each fixture cut off at many places, with stretches lost, doubled and overwritten."""
    chance = random.Random(0)
    strange = "\x00\r\n\t :=[]{}(),.-_/'\"%*#0123456789eE²٣\u2028\x1c\udc80\U0001f4f1Ñn"
    for text in fixtures().values():
        for _ in range(12):
            parser(text[: chance.randrange(len(text) + 1)])
            start = chance.randrange(len(text))
            end = start + chance.randrange(40)
            parser(text[:start] + text[end:])
            parser(text[:end] + text[start:])
            noise = "".join(chance.choices(strange, k=chance.randrange(1, 12)))
            parser(text[:start] + noise + text[end:])
            parser(text.replace("0", "9" * 5000, 1))
    for _ in range(40):
        parser("".join(chance.choices(strange, k=chance.randrange(200))))
        parser(chance.randbytes(200).decode("utf-8", "replace"))
        parser(chance.randbytes(200).decode("utf-8", "surrogateescape"))


LARGE = {
    # Of these a parser that looks back at all before, or tries each blank, takes hours.
    "devices": "List of devices attached\n" + "x device usb:1 transport_id:1\n" * 60_000,
    "devices by state": "List of devices attached\n" + ("b:c " * 140 + "!!\n") * 4_000,
    "devices of blanks": "List of devices attached\n" + ("a" + " " * 590 + "b\n") * 4_000,
    "core list": "0-1023," * 1_000_000,
    "cpu": "/a:1\n" * 400_000,
    "cpu of clusters": "".join(
        f"/sys/devices/system/cpu/cpufreq/policy{k}/related_cpus:0-1023\n"
        f"/sys/devices/system/cpu/cpufreq/policy{k}/scaling_cur_freq:1\n"
        for k in range(10_000, 30_000)
    ),
}


@pytest.mark.parametrize("name", LARGE)
def test_megabytes_are_read_in_one_pass(name: str) -> None:
    PARSERS[next(parser for parser in PARSERS if name.startswith(parser))](LARGE[name])


@pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)
def test_a_deep_or_endless_text_is_survived(parser: Callable[[str], object]) -> None:
    endless = ("[", "a", "9", " ", "[a]: [", "cpu ", "a: ", "/a:", "device ", "1 ", "\n", "[]\n")
    for part in endless:
        parser(part * 8_000)
        parser("List of devices attached\n" + part * 8_000)
        parser("ApplicationExitInfo #0: pid=1 reason=1 (" + part * 8_000)
        parser("cpu0" + part * 8_000 + "x")
