"""Where nobody else watches, warnings are Python's."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

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
