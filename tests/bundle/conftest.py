"""A place for a bundle, for the tests of what stands there whatever happens."""

from __future__ import annotations

from pathlib import Path

import pytest
from bundles_in_place import can_exchange

from deploy.bundle import exchange


@pytest.fixture(params=["exchange", "two renames"])
def target(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for a bundle, on a system that can exchange two folders and on one that cannot."""
    if request.param == "two renames":
        monkeypatch.setattr(exchange, "exchange", lambda one, other: False)
    elif not can_exchange(tmp_path):
        pytest.skip("needs a file system that can exchange two folders in one step")
    (tmp_path / "bundles").mkdir()
    return tmp_path / "bundles" / "x"
