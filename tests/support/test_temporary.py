"""Temporary folders: gone afterwards, and swept where their process was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.support.temporary import temporary_folder

HOLD = """
import sys
from deploy.support.temporary import temporary_folder
with temporary_folder() as folder:
    (folder / "golden.f32").touch()
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_there_and_then_gone(own: Path) -> None:
    with temporary_folder() as folder, temporary_folder() as other:
        assert folder != other
        (folder / "inside" / "it").mkdir(parents=True)
    with pytest.raises(ZeroDivisionError), temporary_folder():
        raise ZeroDivisionError
    assert os.listdir(own) == []


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_has_is_not(own: Path) -> None:
    with (
        _holding(own) as killed,
        _holding(own) as living,
    ):
        assert killed.stdout is not None
        assert living.stdout is not None
        left, used = Path(killed.stdout.readline().strip()), Path(living.stdout.readline().strip())
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert (left / "golden.f32").exists()
        with temporary_folder():
            assert not left.exists()
            assert (used / "golden.f32").exists()
        living.communicate("")
    assert os.listdir(own) == []


def test_only_plain_locks_of_ones_own_are_looked_at(own: Path) -> None:
    """Anyone may make names among the temporary files."""
    elsewhere = own / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").touch()
    os.mkfifo(own / "mobile-deploy-run-a.lock")
    (own / "mobile-deploy-run-b.lock").symlink_to(elsewhere / "file")
    (own / "mobile-deploy-run-c.lock").touch()
    (own / "mobile-deploy-run-c").symlink_to(elsewhere)
    with temporary_folder():
        pass
    assert (elsewhere / "file").exists()
    assert (own / "mobile-deploy-run-a.lock").exists()


def _holding(own: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLD],
        env={**os.environ, "TMPDIR": str(own)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
