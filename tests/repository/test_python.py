"""What users import from Python: it is there, loads late, and the examples of its page run."""

from __future__ import annotations

import subprocess
import sys

from command_line import environment
from places import ROOT

import deploy


def test_every_public_name_is_there_and_named_once() -> None:
    assert sorted(deploy._HOMES) == sorted(deploy.__all__)
    assert all(getattr(deploy, name) is not None for name in deploy.__all__)
    assert set(deploy.__all__) <= set(dir(deploy))


def test_no_room_takes_a_public_name() -> None:
    """Python would give the room for it, once anything in the room is imported."""
    rooms = {path.stem for path in (ROOT / "deploy").iterdir()}
    assert not rooms & set(deploy.__all__)


def test_importing_it_loads_nothing_else() -> None:
    code = "import sys, deploy; deploy.UserError; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert {name for name in loaded if name.startswith("deploy")} == {
        "deploy",
        "deploy.support",
        "deploy.support.errors",
    }
    assert not {"torch", "numpy", "pydantic"} & loaded
