"""Where the user is."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user is."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
