"""A folder with a request for the native runner, to be asked, run and read."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.protocol.messages import Answer

Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Folder:
    """A folder with a request as `fields` say, and the files that it names."""

    path: Path
    fields: dict[str, Any]

    def ask(self, **changes: Any) -> None:
        """Write the request with `changes`."""
        text = json.dumps(self.fields | changes)
        (self.path / "block.request.json").write_text(text, encoding="utf-8")

    def run(self, words: tuple[str, ...], *options: str, **how: Any) -> Done:
        return subprocess.run(
            [*words, *options, "block.request.json"],
            cwd=self.path,
            env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"},
            capture_output=True,
            text=True,
            check=False,
            **{"timeout": 60, **how},
        )

    def answer(self) -> Answer:
        return Answer.model_validate_json((self.path / "block.answer.json").read_bytes())
