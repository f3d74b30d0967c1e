"""How long a build takes, its proofs included, against the toolkits' stock scripts.

    python benchmarks/build_against_stock.py [--rounds 3]

See README.md beside this file. Exits with 1 where a bound is missed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil
from shared import machine, print_header, print_row

from deploy.assets import fetch, fetch_all
from deploy.photos.samples import SAMPLES
from deploy.weights import find_source

HERE = Path(__file__).parent
STOCK = ("executorch", "onnx", "coreml")
LARGEST_RATIO = 0.5
LARGEST_PEAK = 4 * 2**30
SAMPLE_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class Round:
    """Seconds of wall time. `quantize` is the stock scripts' stage of that name, by script."""

    stock: dict[str, float]
    quantize: dict[str, float]
    ours: float
    peak: int

    @property
    def ratio(self) -> float:
        return self.ours / sum(self.stock.values())

    @property
    def ratio_quantized_once(self) -> float:
        """The same, had the second and third script taken over the first one's quantization."""
        shared = sum(list(self.quantize.values())[1:])
        return self.ours / (sum(self.stock.values()) - shared)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    weights = fetch(find_source("mobilenet_v2", "imagenet", 1.0).file)
    fetch_all([sample.file for sample in SAMPLES])
    print(f"{machine()}\n")
    print_header("round", *STOCK, "stock, s", "ours, s", "ratio", "peak, GiB")
    results = []
    for number in range(1, rounds + 1):
        result = run_round(weights, ours_first=number % 2 == 0)
        cells = [*result.stock.values(), sum(result.stock.values()), result.ours]
        times = [f"{cell:.1f}" for cell in cells]
        print_row(str(number), *times, f"{result.ratio:.2f}", f"{result.peak / 2**30:.2f}")
        results.append(result)
    ratio = median(result.ratio for result in results)
    once = median(result.ratio_quantized_once for result in results)
    peak = max(result.peak for result in results)
    print(f"\nratio, median: {ratio:.2f} (bound {LARGEST_RATIO})")
    print(f"ratio, had the stock scripts quantized once for all three: {once:.2f}")
    print(f"peak memory of the build: {peak / 2**30:.2f} GiB (bound {LARGEST_PEAK / 2**30:g})")
    return 0 if ratio <= LARGEST_RATIO and peak <= LARGEST_PEAK else 1


def run_round(weights: Path, *, ours_first: bool) -> Round:
    """The three stock scripts, one after another, and our build, before or after them."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        command = Path(sys.executable).with_name("mobile-deploy")
        build = [str(command), "build", "mobilenet_v2", "-o", str(folder / "bundle")]
        ours, peak = run(build) if ours_first else (0.0, 0)
        stock, quantize = {}, {}
        for name in STOCK:
            script = str(HERE / f"stock_{name}.py")
            stock[name], _ = run([sys.executable, script, str(weights), scratch])
            quantize[name] = json.loads((folder / f"{name}.json").read_text())["quantize"]
        if not ours_first:
            ours, peak = run(build)
    return Round(stock=stock, quantize=quantize, ours=ours, peak=peak)


def run(command: Sequence[str]) -> tuple[float, int]:
    """Seconds that a command took, and the most memory that it and its children held, in bytes."""
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        peak = 0
        while process.poll() is None:
            peak = max(peak, memory_of_tree(process.pid))
            time.sleep(SAMPLE_SECONDS)
        seconds = time.perf_counter() - start
        if process.returncode != 0:
            log.seek(0)
            raise SystemExit(f"{' '.join(command)} failed:\n{log.read()[-4000:]}")
    return seconds, peak


def memory_of_tree(pid: int) -> int:
    """Bytes of a process and all below it: pages shared between them count once where the system
    tells (PSS, Linux), in each of them elsewhere."""
    try:
        parent = psutil.Process(pid)
        return sum(memory_of(process) for process in (parent, *parent.children(recursive=True)))
    except psutil.NoSuchProcess:
        return 0


def memory_of(process: psutil.Process) -> int:
    try:
        if sys.platform == "linux":
            return int(process.memory_full_info().pss)
        return int(process.memory_info().rss)
    except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
        return 0


if __name__ == "__main__":
    sys.exit(main())
