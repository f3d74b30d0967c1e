"""Latency of our artifacts on this machine, side by side with the toolkits' own int8.

    python benchmarks/latency.py [--networks mobilenet_v2,...] [--litert-python PATH]

See README.md beside this file. Exits with 1 where a bound is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from latency_artifacts import make_arms
from latency_ratios import Comparison, Ratio, Rounds, compare
from latency_rounds import Measured, measure
from shared import machine, print_header, print_row

NETWORKS = "mobilenet_v1,mobilenet_v2,mobilenet_v3_large,mobilenet_v3_small"
EXECUTORCH, ONNX = "executorch int8, ours", "onnx int8, ours"
PIXELS = ("executorch int8, pixels", "onnx int8, pixels")
# Of our quicker int8 with pixels, over LiteRT's.
TO_LITERT = {"mobilenet_v3_large": 0.74, "mobilenet_v3_small": 0.7}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", default=NETWORKS, help="with commas between")
    parser.add_argument("--weights", default="none", help="as mobile-deploy build takes them")
    parser.add_argument("--resolution", type=int, default=224)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--iterations", type=int, default=40, help="timed calls of a round")
    parser.add_argument("--bundles", type=Path, help="keep the artifacts, and take what is there")
    parser.add_argument("--litert-python", help="interpreter with litert-torch; else no LiteRT")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every round's medians as well")
    args = parser.parse_args()
    print(f"{machine()}; {args.threads} threads")
    results, met = {}, True
    with tempfile.TemporaryDirectory() as scratch:
        for network in args.networks.split(","):
            folder = (args.bundles or Path(scratch)) / f"{network}_{args.resolution}"
            arms = make_arms(network, args.weights, args.resolution, folder, args.litert_python)
            measured = measure(
                arms,
                folder,
                threads=args.threads,
                rounds=args.rounds,
                iterations=args.iterations,
            )
            rounds = {name: arm.ms for name, arm in measured.items()}
            ratios = [compare(comparison, rounds) for comparison in comparisons(network, rounds)]
            show(network, measured, ratios)
            met &= all(ratio.met for ratio in ratios if ratio.comparison.kind == "bound")
            results[network] = {
                "ms": {name: ms.tolist() for name, ms in rounds.items()},
                "ratios": [asdict(ratio) | {"met": ratio.met} for ratio in ratios],
            }
    if args.json:
        args.json.write_text(json.dumps(results, indent=1))
    return 0 if met else 1


def comparisons(network: str, arms: Rounds) -> list[Comparison]:
    """What is asked of a network, of the arms that there are."""
    stock = {runtime: f"{runtime} int8, stock" for runtime in ("executorch", "onnx")}
    rivals = tuple(name for name in ("litert int8", stock["onnx"]) if name in arms)
    goal = 0.75 if network.startswith("mobilenet_v3") else 1.0
    asked = []
    for runtime, ours in (("executorch", EXECUTORCH), ("onnx", ONNX)):
        fp32 = f"{runtime} fp32, ours"
        asked += [
            bound(f"{runtime}: our int8 / our fp32", ours, fp32, 1.0),
            bound(f"{runtime}: our int8 / stock int8", ours, stock[runtime], 1.03),
            Comparison(
                title=f"{runtime}: auto / pure",
                ours=(f"{runtime} int8, auto",),
                theirs=(ours,),
                limit=1.15,
                kind="goal",
            ),
        ]
    for pixels, ours in zip(PIXELS, (EXECUTORCH, ONNX), strict=True):
        title = f"{pixels.partition(' ')[0]}: pixels / tensor"
        asked.append(
            Comparison(title=title, ours=(pixels,), theirs=(ours,), limit=1.0, kind="goal")
        )
    if "litert int8" in arms:
        asked.append(
            Comparison(
                title="our best int8 with pixels / LiteRT's",
                ours=PIXELS,
                theirs=("litert int8",),
                limit=TO_LITERT.get(network, 1.03),
                kind="bound",
            )
        )
    for title, theirs in (
        ("our best int8 / best of LiteRT's and onnxruntime's", rivals),
        ("our best int8 / best int8 of all peers", (*rivals, stock["executorch"])),
    ):
        asked.append(
            Comparison(title=title, ours=(EXECUTORCH, ONNX), theirs=theirs, limit=goal, kind="goal")
        )
    return asked


def bound(title: str, ours: str, theirs: str, limit: float) -> Comparison:
    return Comparison(title=title, ours=(ours,), theirs=(theirs,), limit=limit, kind="bound")


def show(network: str, measured: dict[str, Measured], ratios: Sequence[Ratio]) -> None:
    """Two markdown tables: the arms and the ratios."""
    print(f"\n### {network}\n")
    print_header("arm", "ms", "p10 to p90 of the rounds", "correlation")
    reference = measured["executorch fp32, ours"].logits
    for name, arm in measured.items():
        low, middle, high = np.quantile(arm.ms, [0.1, 0.5, 0.9])
        correlation = np.corrcoef(reference, arm.logits)[0, 1]
        print_row(name, f"{middle:.3f}", f"{low:.3f} to {high:.3f}", f"{correlation:.3f}")
    print()
    print_header("ratio", "", "95 %", "asked", "")
    for ratio in ratios:
        asked = ratio.comparison
        print_row(
            asked.title,
            f"{ratio.value:.3f}",
            f"{ratio.low:.3f} to {ratio.high:.3f}",
            f"{asked.kind} {asked.limit:g}",
            "met" if ratio.met else "MISSED",
        )


if __name__ == "__main__":
    sys.exit(main())
