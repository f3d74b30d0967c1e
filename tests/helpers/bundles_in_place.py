"""Bundles that are told apart by their seed, written as a build writes them."""

from __future__ import annotations

import os
from pathlib import Path

from bundle_factory import make_bundle

from deploy.bundle import exchange
from deploy.bundle.open import check_integrity, open_bundle
from deploy.bundle.write import staged

OLD, NEW, NEWEST = 1, 2, 3


def build(target: Path, seed: int) -> None:
    with staged(target) as folder:
        make_bundle(folder, seed=seed, photos=1)


def seed_of(target: Path) -> int:
    """Which bundle the target holds, once it is proved whole."""
    bundle = open_bundle(target)
    check_integrity(bundle)
    return int((target / "verification.json").read_text().partition(": ")[2].partition("\n")[0])


def alone(target: Path) -> bool:
    return os.listdir(target.parent) == [target.name]


def can_exchange(folder: Path) -> bool:
    one, other = folder / "one", folder / "other"
    one.mkdir()
    other.mkdir()
    try:
        return exchange.exchange(one, other)
    finally:
        one.rmdir()
        other.rmdir()
