"""What it costs the timed iterations that the harness looks whether they are done.

A look on a phone is a shell that starts pidof and, as the app's user, test. Here, one thread of a
float matrix product is timed while such a look is made so many times a second, in turns with none,
and beside it on the same core and on any. Prints ratios of medians with 95 % intervals.

    python benchmarks/looking.py
"""

from __future__ import annotations

import os
import subprocess
import threading
import time

import numpy as np

from deploy.statistics import TimedBlock, compare_interleaved

ROUNDS, SECONDS = 12, 1.5
LOOK = ("sh", "-c", "pidof dev.mobiledeploy.demo; sh -c 'test -f /nowhere && echo there'")


def block(looks_a_second: float, core: int | None) -> np.ndarray:  # type: ignore[type-arg]
    """Nanoseconds of each product in some seconds."""
    done = threading.Event()

    def look() -> None:
        pinned = () if core is None else ("taskset", "-c", str(core))
        while looks_a_second and not done.wait(1 / looks_a_second):
            subprocess.run([*pinned, *LOOK], stdout=subprocess.DEVNULL, check=False)

    looker = threading.Thread(target=look)
    looker.start()
    matrix = np.random.default_rng(0).normal(size=(256, 256)).astype(np.float32)
    times = []
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        begin = time.perf_counter_ns()
        for _ in range(20):
            matrix @ matrix
        times.append(time.perf_counter_ns() - begin)
    done.set()
    looker.join()
    return np.array(times, np.float64)


def main() -> None:
    core = min(os.sched_getaffinity(0))
    for where, pinned in (("any core", None), ("the same core", core)):
        os.sched_setaffinity(0, {core} if pinned is not None else set(range(os.cpu_count() or 1)))
        arms: dict[float, list[TimedBlock]] = {0.0: [], 1.0: [], 4.0: [], 16.0: []}
        for number in range(ROUNDS):
            for looks in list(arms) if number % 2 == 0 else list(reversed(arms)):
                arms[looks].append(TimedBlock(round=number, times=block(looks, pinned)))
        for looks, blocks in arms.items():
            if looks:
                found = compare_interleaved(arms[0.0], blocks)
                means = np.mean([b.times.mean() for b in blocks]) / np.mean(
                    [b.times.mean() for b in arms[0.0]]
                )
                interval = found.interval
                shown = f"{interval.low:.3f}-{interval.high:.3f}" if interval else "-"
                print(f"{where}, {looks:g} looks a second: {found.ratio:.3f} ({shown}), "
                      f"means {means:.3f}")  # fmt: skip


if __name__ == "__main__":
    main()
