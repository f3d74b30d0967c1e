"""What the benchmarks share: the machine, photos to judge by, tables in Markdown."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deploy.photos.folder import find_photos
from deploy.photos.images import crop, decode
from deploy.runtimes.processor import describe_int8
from models.preprocessing import Preprocessing


def machine() -> str:
    """What to print above a table of times: processor, cores, Python, other work."""
    return (
        f"{describe_int8()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f}"
    )


def read_crops(folder: Path, preprocessing: Preprocessing) -> npt.NDArray[np.uint8]:
    """Every photo of a folder, whole, as the network sees it: uint8 (N, H, W, 3)."""
    return np.stack([crop(decode(path, path.name), preprocessing) for path in find_photos(folder)])


def print_header(*columns: str) -> None:
    print_row(*columns)
    print("|---" * len(columns) + "|", flush=True)


def print_row(*cells: str) -> None:
    """At once, so that a long run shows how far it is."""
    print(f"| {' | '.join(cells)} |", flush=True)
