"""results.json read with suspicion."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.results.file import read_results
from deploy.support.errors import UserError


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not JSON"),
        ("{}", "is wrong at"),
        ('{"schema_version": 99}', "newer mobile-deploy"),
    ],
)
def test_what_is_no_results_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "r.json"
    file.write_text(text)
    with pytest.raises(UserError, match=said):
        read_results(file)
    with pytest.raises(UserError, match="cannot read"):
        read_results(tmp_path / "none.json")
