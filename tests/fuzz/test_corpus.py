"""What once went wrong goes right: each stored input, and each that was always in order."""

from __future__ import annotations

import pytest
from fuzz_targets import TARGETS, seeds, stored

STORED = [(target, name) for target in TARGETS for name in stored(target)]


@pytest.mark.parametrize(("target", "name"), STORED)
def test_what_once_went_wrong(target: str, name: str) -> None:
    TARGETS[target](stored(target)[name])


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_garbled_by_night_is_in_order(target: str) -> None:
    for data in seeds(target):
        TARGETS[target](data)
