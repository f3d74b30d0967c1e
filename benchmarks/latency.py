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
from typing import Any

import numpy as np
from latency_artifacts import Arm, make_arms
from latency_ratios import Comparison, Ratio, compare
from latency_rounds import Measured, measure
from shared import machine, print_header, print_row

from deploy.runtimes.processor import int8_saturates

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
    parser.add_argument("--threads", default="1,2", help="with commas between")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--iterations", type=int, default=15, help="timed calls of a round")
    parser.add_argument("--bundles", type=Path, help="keep the artifacts, and take what is there")
    parser.add_argument("--only-make", action="store_true", help="the artifacts; measure nothing")
    parser.add_argument("--litert-python", help="interpreter with litert-torch; else no LiteRT")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every round's medians as well")
    args = parser.parse_args()
    if args.only_make and args.bundles is None:
        parser.error("--only-make keeps what it makes in --bundles: give a folder")
    threads = [int(number) for number in args.threads.split(",")]
    print(machine(), flush=True)
    results, met = dict[str, Any](), True
    with tempfile.TemporaryDirectory() as scratch:
        for network in args.networks.split(","):
            folder = (args.bundles or Path(scratch)) / f"{network}_{args.resolution}"
            arms = make_arms(network, args.weights, args.resolution, folder, args.litert_python)
            for number in [] if args.only_make else threads:
                measured = measure(
                    arms, folder, threads=number, rounds=args.rounds, iterations=args.iterations
                )
                rounds = {name: arm.ms for name, arm in measured.items()}
                ratios = [compare(comparison, rounds) for comparison in comparisons(network, arms)]
                show(f"{network}, {number} thread{'s' * (number > 1)}", measured, ratios)
                met &= all(ratio.met for ratio in ratios if ratio.comparison.kind == "bound")
                results.setdefault(network, {})[str(number)] = {
                    "ms": {name: ms.tolist() for name, ms in rounds.items()},
                    "ratios": [asdict(ratio) | {"met": ratio.met} for ratio in ratios],
                }
                if args.json:  # Of each as soon as it is there: a long run may be cut short.
                    args.json.write_text(json.dumps(results, indent=1))
    return 0 if met else 1


def comparisons(network: str, arms: Sequence[Arm]) -> list[Comparison]:
    """What is asked of a network, of the arms that there are."""
    there = {arm.name for arm in arms}
    stock = {runtime: f"{runtime} int8, stock" for runtime in ("executorch", "onnx")}
    rivals = tuple(name for name in ("litert int8", stock["onnx"]) if name in there)
    goal_of_best = 0.75 if network.startswith("mobilenet_v3") else 1.0
    asked = []
    for runtime, ours in (("executorch", EXECUTORCH), ("onnx", ONNX)):
        asked += [
            # Without VNNI int8 has no arithmetic that is quicker than float's, whoever quantizes.
            Comparison(
                title=f"{runtime}: our int8 / our fp32",
                ours=(ours,),
                theirs=(f"{runtime} fp32, ours",),
                limit=1.0,
                kind="goal" if int8_saturates() else "bound",
            ),
            bound(f"{runtime}: our int8 / stock int8", ours, stock[runtime], 1.03),
            goal(f"{runtime}: auto / pure", f"{runtime} int8, auto", ours, 1.15),
        ]
    for pixels, ours in zip(PIXELS, (EXECUTORCH, ONNX), strict=True):
        asked.append(goal(f"{pixels.partition(' ')[0]}: pixels / tensor", pixels, ours, 1.0))
    quick = f"{ONNX}, saturating"
    if quick in there:
        asked += [
            goal("onnx, saturating: our int8 / our fp32", quick, "onnx fp32, ours", 1.0),
            goal(
                "onnx, saturating: our int8 / stock int8",
                quick,
                f"{stock['onnx']}, saturating",
                1.03,
            ),
        ]
    if "litert int8" in there:
        asked.append(
            Comparison(
                title="our best int8 with pixels / LiteRT's",
                ours=PIXELS,
                theirs=("litert int8",),
                limit=TO_LITERT.get(network, 1.03),
                kind="bound",
            )
        )
        asked.append(goal("LiteRT: int8 / fp32", "litert int8", "litert fp32", 1.0))
    for title, theirs in (
        ("our best int8 / best of LiteRT's and onnxruntime's", rivals),
        ("our best int8 / best int8 of all peers", (*rivals, stock["executorch"])),
    ):
        asked.append(
            Comparison(
                title=title,
                ours=(EXECUTORCH, ONNX),
                theirs=theirs,
                limit=goal_of_best,
                kind="goal",
            )
        )
    return asked


def bound(title: str, ours: str, theirs: str, limit: float) -> Comparison:
    return Comparison(title=title, ours=(ours,), theirs=(theirs,), limit=limit, kind="bound")


def goal(title: str, ours: str, theirs: str, limit: float) -> Comparison:
    return Comparison(title=title, ours=(ours,), theirs=(theirs,), limit=limit, kind="goal")


def show(what: str, measured: dict[str, Measured], ratios: Sequence[Ratio]) -> None:
    """Two markdown tables: the arms and the ratios."""
    print(f"\n### {what}\n")
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
