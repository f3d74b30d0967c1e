"""The two builds by the command that a whole session of tests shares: see conftest.py."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The README's main job. `--json` changes what is printed, not what is done.
REAL_BUILD = "mobile-deploy build mobilenet_v2"
SMALL_BUILD = (
    "build mobilenet_v1 --width 0.25 --resolution 32 --weights none --classes 10 --photos photos "
    "--formats executorch,onnx --json"
)
# Worker processes inherit neither warnings made errors nor the locale that toolkits read files in.
STRICT = {"PYTHONWARNINGS": "error::FutureWarning", "LC_ALL": "C"}


@dataclass(frozen=True, kw_only=True)
class CommandBuild:
    """Where a build was started, and what it printed."""

    workplace: Path
    stdout: str
    stderr: str

    @property
    def facts(self) -> dict[str, Any]:
        """The JSON object that it printed."""
        facts: dict[str, Any] = json.loads(self.stdout)
        return facts

    @property
    def bundle(self) -> Path:
        return self.workplace / str(self.facts["path"])

    @staticmethod
    def save(done: subprocess.CompletedProcess[str], workplace: Path) -> None:
        """For the other workers of this run."""
        (workplace / "stdout").write_text(done.stdout, encoding="utf-8")
        (workplace / "stderr").write_text(done.stderr, encoding="utf-8")

    @staticmethod
    def read(workplace: Path) -> CommandBuild:
        return CommandBuild(
            workplace=workplace,
            stdout=(workplace / "stdout").read_text(encoding="utf-8"),
            stderr=(workplace / "stderr").read_text(encoding="utf-8"),
        )
