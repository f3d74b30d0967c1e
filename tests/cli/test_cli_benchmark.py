"""benchmark: what evaluate and profile say, in one table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import run_here
from phone_sessions import own_server as own_server
from small_photos import write_photos

SHORT = ("--device", "virtual", "--rounds", "6", "--iterations", "2")


@pytest.mark.usefixtures("own_server")
def test_one_table_has_accuracy_latency_and_size(
    phone_bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    photos = str(write_photos(tmp_path / "photos", 6, classes=3))
    Path(photos, "broken.png").touch()  # Beside the classes, which is told, and once.
    done = run_here(capfd, "benchmark", str(phone_bundle), photos, *SHORT, "--markdown")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("left out, beside the class folders (1): broken.png") == 1
    header, _, *rows = [line for line in done.stdout.splitlines() if line.startswith("|")]
    assert [cell.strip() for cell in header.strip("|").split("|")] == [
        *("artifact", "MB", "top-1 %", "top-5 %", "agreement %"),
        *("threads", "ms", "95 %", "verdict"),
    ]
    assert [row.split()[1] for row in rows] == [
        *("executorch-fp32", "executorch-int8", "onnx-fp32", "onnx-int8")
    ]
    assert all(row.endswith("| VALID |") for row in rows)
    assert "virtual phone, made up" in done.stdout

    evaluated = json.loads(run_here(capfd, "evaluate", str(phone_bundle), photos, "--json").stdout)
    found = json.loads(
        run_here(capfd, "benchmark", str(phone_bundle), photos, *SHORT, "--json").stdout
    )
    assert found["evaluation"] == evaluated
    assert [one["latency"]["valid"] for one in found["artifacts"]] == [True] * 4
    manifest = json.loads((phone_bundle / "manifest.json").read_text())
    assert [(one["name"], one["bytes"]) for one in found["artifacts"]] == [
        (one["name"], one["bytes"]) for one in manifest["artifacts"]
    ]


@pytest.mark.usefixtures("own_server")
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--device", "none"), 2, "--device none measures nothing"),
        (("--device", "no-such-phone"), 1, "no-such-phone"),
        (("--rounds", "1"), 2, "every figure of fewer than 6 is INVALID"),
        (("--markdown", "--json"), 2, "exclude each other"),
    ],
)
def test_what_cannot_be_is_told_before_anything_takes_time(
    arguments: tuple[str, ...],
    code: int,
    said: str,
    phone_bundle: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    done = run_here(capfd, "benchmark", str(phone_bundle), str(tmp_path), *arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
