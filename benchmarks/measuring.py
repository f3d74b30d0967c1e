"""How far the statistics can be trusted, on synthetic devices whose truth is known.

    python benchmarks/measuring.py [--runs 2000] [--kinds [WORD]]

Prints, in Markdown, each claim of statistical_claims.py with the share of seeded
runs in which it came out, and the time that the statistics of 8 phones x 20 arms x 1000 samples
take. Needs no phone. Exits with 1 where a claim fails.

With --kinds it prints instead how the statistics stand each kind of device of hostile_devices.py,
or those whose names have WORD in them: what is claimed of none, and holds or does not.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
from claim import Claim
from hostile_devices import KINDS, alike
from shared import machine, print_header, print_row
from standing import Tally, stand
from statistical_claims import CLAIMS
from synthetic_device import SyntheticDevice

from deploy.statistics import (
    compare_interleaved,
    session_spread,
    signs_in_times,
    summarize_times,
)

PHONES, ARMS, ROUNDS, ITERATIONS = 8, 20, 10, 100
LONGEST_S = 1.0
FEW = 200


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--kinds", nargs="?", const="", metavar="WORD")
    arguments = parser.parse_args()
    runs = arguments.runs
    if arguments.kinds is not None:
        return print_kinds(runs, arguments.kinds)
    print_header(f"of {runs} runs", "claimed %", "came out %")
    good = True
    for claim in CLAIMS:
        share = claim.came_out(runs) / runs
        good = good and claim.low <= share <= claim.high
        print_row(claim.name, claimed(claim), f"{100 * share:.1f}")
    seconds = statistics_time()
    samples = f"{PHONES} phones x {ARMS} arms x {ROUNDS * ITERATIONS} samples"
    print(f"\nstatistics of {samples}: {seconds:.2f} s ({machine()})")
    return 0 if good and seconds < LONGEST_S else 1


def print_kinds(runs: int, word: str) -> int:
    print(f"{runs} sessions of each; {machine()}\n")
    print_header(
        "kind",
        "VALID",
        "false, one session",
        "false, two files",
        "p50 covered",
        "p90 covered",
        "5 % told",
        "what would show told, one session",
        "two files",
    )
    for name, device in KINDS.items():
        if word in name:
            stood = stand(device, runs, alike=alike(name))
            tallies = (
                *(stood.valid, stood.false_together, stood.false_apart, stood.p50, stood.p90),
                *(stood.five, stood.smallest, stood.smallest_apart),
            )
            print_row(name, *map(cell, tallies))
    return 0


def cell(tally: Tally) -> str:
    """In percent; of few what they are of, for they say little."""
    if tally.percent is None:
        return "-"
    return f"{tally.percent:.1f}" + (f" of {tally.of}" if tally.of < FEW else "")


def claimed(claim: Claim) -> str:
    low, high = f"{100 * claim.low:g}", f"{100 * claim.high:g}"
    if claim.low > 0:
        return f"{low} to {high}" if claim.high < 1 else f"at least {low}"
    return f"at most {high}" if claim.high < 1 else ""


def statistics_time() -> float:
    """Seconds to summarize each arm, look for signs, and compare it with its phone's first."""
    random = np.random.default_rng(0)
    phones = [
        SyntheticDevice().measure(
            random, slowdowns=[1.0] * ARMS, rounds=ROUNDS, iterations=ITERATIONS
        )
        for _ in range(PHONES)
    ]
    start = time.perf_counter()
    for arms in phones:
        spread = session_spread(arms)
        for blocks in arms:
            summarize_times(blocks, spread=spread)
            signs_in_times(blocks)
            compare_interleaved(arms[0], blocks, session=spread.level)
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
