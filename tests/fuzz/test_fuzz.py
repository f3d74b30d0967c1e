"""Parsers, wire, records and bundles on garbled inputs, by night.

A failure is shown as small as hypothesis can make it, as bytes: written to a file in
tests/fuzz/corpus/TARGET it is tried by every run from then on.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from fuzz_targets import TARGETS, seeds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.nightly

EXAMPLES = {"parsers": 1500, "wire": 3000, "onnx": 8000}
USUAL = 2000

# What readers stumble over: numbers at the edges of types, signs, ends, brackets, escapes.
SHARDS = st.sampled_from(
    [
        *(b"0", b"-1", b"9" * 400, b"2147483648", b"9007199254740992", b"1e999", b"NaN", b"null"),
        *(b"\0", b"\r\n", b"\n", b"\t", b" " * 300, b"\x1b[2J", b"\x1e", b"\xff", b"\xed\xb2\x80"),
        *(b'"', b"{", b"[" * 300, b"}", b",", b":", b"=", b"../", b"/", b"\xe2\x80\xa8", b"true"),
        *(b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x05\0\0\0"),
    ]
)
# Where, how much is cut out there, and what is put in its place.
EDITS = st.lists(
    st.tuples(
        st.floats(0, 1), st.integers(0, 40) | st.integers(0, 4000), SHARDS | st.binary(max_size=12)
    ),
    max_size=6,
)


def often(target: str) -> settings:
    return settings(
        max_examples=EXAMPLES.get(target, USUAL),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def garbled(data: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    for place, cut, put in edits:
        at = round(place * len(data))
        data = data[:at] + put + data[at + cut :]
    return data


# Of a JSON file whose shape stays: values that a schema may let through, and arithmetic not.
VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, True, "", "x" * 999, "\x1b[2J", "=1", "AAAA", "AAAAfw==", [], {}, [0]),
        *(0, 1, -1, 2, 64, 10**6, 2**31, 2**53 - 1, 2**53, 3_600 * 10**9, 0.0, 0.5, 1e300, -99.9),
    ]
)
CHANGES = st.lists(st.tuples(st.floats(0, 1), VALUES), min_size=1, max_size=4)


def changed(data: bytes, changes: list[tuple[float, Any]]) -> bytes:
    content = json.loads(data)
    for place, value in changes:
        slots = list(_slots(content))
        holder, key = slots[round(place * (len(slots) - 1))]
        holder[key] = copy.copy(value)
    return json.dumps(content).encode()


def _slots(content: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a value, by what holds it."""
    if isinstance(content, dict | list):
        for key in content if isinstance(content, dict) else range(len(content)):
            yield content, key
            yield from _slots(content[key])


@pytest.mark.parametrize("target", ["answer", "results", "manifest"])
def test_no_value_is_too_odd(target: str) -> None:
    @often(target)
    @given(seed=st.sampled_from(seeds(target)), changes=CHANGES)
    def holds(seed: bytes, changes: list[tuple[float, Any]]) -> None:
        TARGETS[target](changed(seed, changes))

    holds()


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_too_garbled(target: str) -> None:
    @often(target)
    @given(seed=st.sampled_from(seeds(target)), edits=EDITS)
    def holds(seed: bytes, edits: list[tuple[float, int, bytes]]) -> None:
        TARGETS[target](garbled(seed, edits))

    holds()
