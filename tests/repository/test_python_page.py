"""The examples of docs/python.md, as one script."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import environment
from places import ROOT
from small_photos import write_photos

PAGE = (ROOT / "docs/python.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.M | re.S)


# By night: the README's own example builds from Python by day, and each function has its tests.
@pytest.mark.nightly
@pytest.mark.builds
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
    assert "now classifying" in done.stdout
    assert "INFO:mobile-deploy:running artifacts" in done.stderr
    assert (tmp_path / "answers.csv").read_text().startswith("photo,class,onnx-fp32,")
    # Each is told at the line of the script that called us.
    assert re.search(r"page.py:\d+: DeployWarning: ", done.stderr)
