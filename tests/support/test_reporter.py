"""Where nobody else watches, warnings are Python's."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from deploy.support.reporter import DeployWarning

BUILD = """
from contextlib import contextmanager

from deploy.support.reporter import Logged, Recorder

@contextmanager
def alone():
    yield

@alone()
def build():
    Recorder(Logged()).warn("few photos")
"""


def test_a_warning_is_told_at_the_line_that_called_us(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also from within a function that is decorated as `build` is."""
    ours = ModuleType("deploy.made_up")
    monkeypatch.setitem(sys.modules, ours.__name__, ours)
    exec(BUILD, ours.__dict__)
    with pytest.warns(DeployWarning, match="few photos") as told:
        ours.build()
    assert told[0].filename == __file__
