"""What users import from Python: it is there, loads late, and the examples of its page run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from command_line import environment
from places import ROOT
from small_photos import write_photos

import deploy

PAGE = (ROOT / "docs/python.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.M | re.S)


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


def test_the_pages_examples_run_one_after_another(tmp_path: Path) -> None:
    assert len(EXAMPLES) >= 5
    write_photos(tmp_path / "my_photos", 16)
    (tmp_path / "page.py").write_text("\n".join(EXAMPLES), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "page.py"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "mobilenet_v1_int8.onnx" in done.stdout
    assert "unknown network 'mobilenet_v9': did you mean" in done.stdout
