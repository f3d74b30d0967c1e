"""What a second job gains in `choose`, and whether a variant costs the same in a larger sweep.

    python benchmarks/sweep.py [--trials 3]

See README.md beside this file. Exits with 1 where a bound is missed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median

import numpy as np
import psutil
from PIL import Image
from shared import machine, print_header, print_row

LEAST_SHARE_OF_LINEAR = 0.85
LARGEST_GROWTH = 1.1
# Of the cores: with more in others' hands a trial says nothing of ours.
QUIET = 0.05

_SIDES = (32, 40, 48, 56)
# Of as many pixels on average, so that only their number differs.
FEW = tuple(f"{height}x{width}" for height, width in zip(_SIDES, reversed(_SIDES), strict=True))
MANY = tuple(f"{height}x{width}" for height, width in product(_SIDES, _SIDES))


@dataclass(frozen=True, kw_only=True)
class Run:
    """Seconds of wall time and of all processes' processor time; `others` is the share of the
    cores' time that was not ours."""

    variants: int
    wall: float
    processor: float
    others: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=3)
    trials = parser.parse_args().trials
    print(f"{machine()}\n")
    columns = ("one job, s", "two jobs, s", "of linear", "processor, s", "growth", "others")
    print_header("trial", *columns)
    shares, growths = [], []
    with tempfile.TemporaryDirectory() as scratch:
        photos = write_photos(Path(scratch, "photos"))
        for trial in range(1, trials + 1):
            # By turns, so that what drifts hits both.
            order = (1, 2) if trial % 2 else (2, 1)
            runs = {jobs: sweep(photos, FEW, jobs) for jobs in order}
            large = sweep(photos, MANY, 2)
            share = runs[1].wall / runs[2].wall / 2
            growth = per_variant(large) / per_variant(runs[2])
            others = max(run.others for run in (*runs.values(), large))
            print_row(
                str(trial),
                f"{runs[1].wall:.1f}",
                f"{runs[2].wall:.1f}",
                f"{share:.2f}",
                " / ".join(f"{run.processor:.1f}" for run in (runs[1], runs[2], large)),
                f"{growth:.2f}",
                f"{others:.0%}" + ("" if others <= QUIET else " (busy)"),
            )
            shares.append(share)
            growths.append(growth)
    print(f"\nof linear, median: {median(shares):.2f} (bound {LEAST_SHARE_OF_LINEAR})")
    print(
        f"processor time a variant, {len(MANY)} to {len(FEW)} variants, median: "
        f"{median(growths):.2f} (bound {LARGEST_GROWTH})"
    )
    met = median(shares) >= LEAST_SHARE_OF_LINEAR and median(growths) <= LARGEST_GROWTH
    return 0 if met else 1


def per_variant(run: Run) -> float:
    return run.processor / run.variants


def write_photos(folder: Path) -> Path:
    folder.mkdir()
    coarse = np.random.default_rng(0).integers(0, 256, (12, 6, 8, 3), np.uint8)
    for index, pixels in enumerate(coarse):
        Image.fromarray(pixels).resize((80, 60)).save(folder / f"{index}.png")
    return folder


def sweep(photos: Path, resolutions: tuple[str, ...], jobs: int) -> Run:
    """One whole command, its start included, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as log:
        command = [
            str(Path(sys.executable).with_name("mobile-deploy")),
            *("choose", "--networks", "mobilenet_v1", "--widths", "0.25", "--weights", "none"),
            *("--resolutions", ",".join(resolutions), "--classes", "10", "--formats", "onnx"),
            *("--photos", str(photos), "--device", "none", "--jobs", str(jobs), "-o", folder),
        ]
        busy, start = busy_seconds(), time.perf_counter()
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        # Of all that it waited for, too.
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            log.seek(0)
            raise SystemExit(f"{' '.join(command)} failed:\n{log.read()[-4000:]}")
    processor = usage.ru_utime + usage.ru_stime
    others = max(0.0, busy_seconds() - busy - processor) / (wall * (os.cpu_count() or 1))
    return Run(variants=len(resolutions), wall=wall, processor=processor, others=others)


def busy_seconds() -> float:
    """Of all cores since the start of the system; what a host gave to other guests counts."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0))


if __name__ == "__main__":
    sys.exit(main())
