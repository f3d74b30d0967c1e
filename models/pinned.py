"""Files that are known before they are fetched, by their hash if possible, and their addresses."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Url:
    """An http or https address."""

    url: str


@dataclass(frozen=True, kw_only=True)
class WheelMember:
    """A file inside a wheel on the Python package index.

    `requirement` pins one version (`name==1.2.3`); `member` is the exact name inside the archive.
    """

    requirement: str
    member: str


@dataclass(frozen=True, kw_only=True)
class WholeWheel:
    """A wheel on the Python package index itself, of a platform and a Python that need not be ours.

    `requirement` pins one version; `platform` is its tag such as `manylinux_2_28_aarch64`, `python`
    a version such as `3.11`.
    """

    requirement: str
    platform: str
    python: str


@dataclass(frozen=True, kw_only=True)
class PinnedFile:
    """One file's name, its hash, and its addresses in the order in which they are tried.

    `sha256` is lower-case hex: all 64 digits, the leading 8 or more where only a prefix is
    published, or "" where nothing is. `bytes` is its exact size, None where it is not known.
    """

    name: str
    sha256: str
    bytes: int | None = None
    addresses: tuple[Url | WheelMember | WholeWheel, ...]

    def __post_init__(self) -> None:
        assert re.fullmatch(r"([0-9a-f]{8,64})?", self.sha256), self.sha256
        assert re.fullmatch(r"[\w][\w.+-]*", self.name), self.name
