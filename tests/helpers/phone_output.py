"""What phones and adb printed once: the files of tests/fixtures/phone."""

from __future__ import annotations

import places

FIXTURES = places.FIXTURES / "phone"
APP = "dev.mobiledeploy.demo"


def fixture(name: str) -> str:
    return (FIXTURES / f"{name}.txt").read_text(encoding="utf-8")


def fixtures() -> dict[str, str]:
    return {path.stem: fixture(path.stem) for path in sorted(FIXTURES.glob("*.txt"))}
