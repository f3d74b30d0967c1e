"""Where nobody else watches, warnings are Python's."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from deploy.support.reporter import DeployWarning, Recorder, Silent, foretell

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


def test_a_warning_is_told_at_the_line_that_called_us(tmp_path: Path) -> None:
    """Also from within a function that is decorated as `build` is."""
    file = tmp_path / "made_up.py"
    file.write_text(BUILD)
    spec = spec_from_file_location("deploy.made_up", file)
    assert spec is not None
    assert spec.loader is not None
    ours = module_from_spec(spec)
    spec.loader.exec_module(ours)
    with pytest.warns(DeployWarning, match="few photos") as told:
        ours.build()
    assert told[0].filename == __file__


def test_what_takes_long_is_told_beforehand_where_a_reporter_takes_it() -> None:
    told: list[str] = []

    class Told(Silent):
        def ahead(self, text: str) -> None:
            told.append(text)

    for reporter in (Told(), Recorder(Told()), Silent(), Recorder(Silent())):
        foretell(reporter, "it", 63)
        foretell(reporter, "it", 4.9)
    assert told == ["it takes about 65 s"] * 2
