"""The iOS app's files, and what its Swift package makes."""

from __future__ import annotations

import re

from places import ROOT

IOS = ROOT / "ios_demo"
KIT = IOS / "MobileDeployKit"
# Not what `swift test` has made.
SWIFT = sorted(file for file in IOS.rglob("*.swift") if ".build" not in file.parts)


def text_of(name: str) -> str:
    [file] = [each for each in SWIFT if each.name == name]
    return file.read_text(encoding="utf-8")


def libraries() -> dict[str, str]:
    """The package's products, each with its target."""
    manifest = (KIT / "Package.swift").read_text(encoding="utf-8")
    return dict(re.findall(r'\.library\(name: "(\w+)", targets: \["(\w+)"\]\)', manifest))
