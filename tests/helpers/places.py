"""Where the tests find what is not theirs."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "tests/fixtures"
# Networks that are not ours, as a user would hand them over.
USERS_NETWORKS = ROOT / "tests/networks"
HELPERS = ROOT / "tests/helpers"
