"""`dumpsys package`: whether our app is installed, and which."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deploy.benchmark.parsers.text import lines_of, whole, words

_FLAGS = re.compile(r"(?:pkgF|f)lags=\[(.*)\]")
_APP_VERSION = re.compile(
    r"(?P<version>[0-9]+(?:\.[0-9A-Za-z-]+)*)\+protocol\.(?P<protocol>[0-9]{1,9})"
    r"\.executorch\.(?P<executorch>[0-9][0-9A-Za-z.-]*?)"
    r"\.onnxruntime\.(?P<onnxruntime>[0-9][0-9A-Za-z.-]*)"
)


@dataclass(frozen=True, kw_only=True)
class Package:
    """An installed app."""

    version_name: str | None
    version_code: int | None
    debuggable: bool | None
    primary_abi: str | None


@dataclass(frozen=True, kw_only=True)
class AppVersion:
    """What the name of our app's version says of it."""

    version: str
    protocol: int
    executorch: str
    onnxruntime: str


def parse_package(text: str, package: str) -> Package | None:
    """`dumpsys package PACKAGE`; None where it is not installed."""
    block = _block(lines_of(text), f"Package [{package}] (")
    if block is None:
        return None
    entries: dict[str, str] = {}
    for line in block:
        for word in line.split():
            key, equals, value = word.partition("=")
            if equals:
                entries.setdefault(key, value)
    flags = [found[1].split() for line in block if (found := _FLAGS.fullmatch(line.strip()))]
    return Package(
        version_name=words(entries.get("versionName")),
        version_code=whole(entries.get("versionCode")),
        debuggable=any("DEBUGGABLE" in line for line in flags) if flags else None,
        primary_abi=words(entries.get("primaryCpuAbi")),
    )


def parse_app_version(name: str) -> AppVersion | None:
    """The parts of our app's version name; None for the name of another app's.

    >>> parse_app_version("0.1.0+protocol.1.executorch.1.4.1.onnxruntime.1.23.2").executorch
    '1.4.1'
    """
    matched = _APP_VERSION.fullmatch(name.strip())
    if matched is None:
        return None
    return AppVersion(
        version=matched["version"],
        protocol=int(matched["protocol"]),
        executorch=matched["executorch"],
        onnxruntime=matched["onnxruntime"],
    )


def _block(lines: list[str], start: str) -> list[str] | None:
    """The lines under the first that begins with `start`. A copy of the app on the system
    partition, which the installed one hides, has a block of the same name further down.
    """
    at = next((k for k, line in enumerate(lines) if line.strip().startswith(start)), None)
    if at is None:
        return None
    indent = len(lines[at]) - len(lines[at].lstrip())
    inside: list[str] = []
    for line in lines[at + 1 :]:
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            break
        inside.append(line)
    return inside
