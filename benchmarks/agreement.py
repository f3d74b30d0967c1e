"""How often int8 keeps the float network's answer: ours, pure and auto, beside the toolkits' own.

    .venv/bin/python benchmarks/agreement.py CALIBRATION_FOLDER JUDGING_FOLDER

Every arm is calibrated on the photos of the first folder and judged on those of the second, in the
runtime that it is made for, against the float network in torch.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import torch
from latency_artifacts import Arm, make_peers, save_for_peers
from shared import read_crops

from deploy.capture.prepare import prepare
from deploy.capture.program import run_program
from deploy.capture.spec import NetworkSpec
from deploy.cli.output import print_table
from deploy.photos.images import normalize
from deploy.pipeline.build import build
from deploy.pipeline.recipe import Recipe, make_targets
from deploy.quantization.effort import EFFORTS, MODES
from deploy.runtimes import load
from deploy.statistics.accuracy import share
from deploy.statistics.error_statistics import compare_logits
from deploy.statistics.intervals import student
from deploy.support.quiet import hidden_output
from deploy.support.reporter import Silent
from deploy.support.workers import in_process
from models.preprocessing import Preprocessing

PATH = click.Path(exists=True, file_okay=False, path_type=Path)
# What the float network is sure of: of things that its classes name, as a rule.
SURE = 0.5


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What an arm did with the photos; `sure` are those with a float probability above SURE.

    `photo_db` and `kept` have each photo's dB, and whether it kept its top class."""

    arm: str
    photos: int
    agree: int
    sqnr_db: float
    median_db: float
    sure: int
    sure_agree: int
    bytes: int
    photo_db: tuple[float, ...]
    kept: tuple[bool, ...]


@dataclass(frozen=True)
class Judge:
    """The photos, uint8 (N, H, W, 3), and the float network's logits for them."""

    crops: npt.NDArray[np.uint8]
    preprocessing: Preprocessing
    logits: npt.NDArray[np.float32]

    def __call__(self, arm: str, runtime: str, file: Path) -> Judged:
        logits = load(runtime, file, self.preprocessing).logits(self.crops)
        same = logits.argmax(1) == self.logits.argmax(1)
        wide = torch.from_numpy(self.logits).double().softmax(1)
        sure = wide.amax(1).numpy() > SURE
        by_photo = [
            compare_logits(self.logits[i : i + 1], logits[i : i + 1]).sqnr_db
            for i in range(len(logits))
        ]
        files = [file, *file.rglob("*")]
        return Judged(
            arm=arm,
            photos=len(logits),
            agree=int(same.sum()),
            sqnr_db=round(compare_logits(self.logits, logits).sqnr_db, 2),
            median_db=round(float(np.median(by_photo)), 2),
            sure=int(sure.sum()),
            sure_agree=int((same & sure).sum()),
            bytes=sum(path.stat().st_size for path in files if path.is_file()),
            photo_db=tuple(by_photo),
            kept=tuple(same.tolist()),
        )


@click.command()
@click.argument("calibration", type=PATH)
@click.argument("judging", type=PATH)
@click.option("--network", default="mobilenet_v2", show_default=True)
@click.option("--weights", default="imagenet", show_default=True)
@click.option("--effort", type=click.Choice(EFFORTS), default="normal", show_default=True)
@click.option("--peers/--no-peers", default=True, show_default=True)
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def main(
    calibration: Path,
    judging: Path,
    network: str,
    weights: str,
    effort: str,
    peers: bool,
    json_file: Path | None,
) -> None:
    with tempfile.TemporaryDirectory() as scratch, hidden_output():
        recipe = Recipe(
            network=NetworkSpec(network, weights=weights),
            output=Path(scratch, "ours"),
            targets=make_targets(precisions=["int8"]),
            photos=calibration,
        )
        judge = make_judge(recipe, judging, Path(scratch))
        rows = [*judge_stock(judge, Path(scratch))] if peers else []
        rows += judge_ours(judge, recipe, ((mode, mode, effort) for mode in MODES))
    show(rows)
    if json_file:
        json_file.write_text(json.dumps([asdict(row) for row in rows], indent=2))


def make_judge(recipe: Recipe, judging: Path, scratch: Path) -> Judge:
    """Read the photos; leave the float program and inputs in `scratch` for the peers."""
    prepared = prepare(recipe.network, recipe.photos, Silent())
    save_for_peers(prepared, prepared.calibration, scratch)
    preprocessing = prepared.plan.preprocessing
    crops = read_crops(judging, preprocessing)
    logits = run_program(prepared.captured, normalize(crops, preprocessing))
    return Judge(crops, preprocessing, logits)


def judge_stock(judge: Judge, scratch: Path) -> Iterator[Judged]:
    arms = [
        Arm(name="executorch, stock", runtime="executorch", file=scratch / "executorch_int8.pte"),
        Arm(name="onnx, stock", runtime="onnx", file=scratch / "onnx_int8.onnx"),
    ]
    make_peers("peers_stock.py", arms, scratch)
    for arm in arms:
        yield judge(arm.name, arm.runtime, arm.file)


def judge_ours(
    judge: Judge, recipe: Recipe, arms: Iterable[tuple[str, str, str]]
) -> Iterator[Judged]:
    """Each of `arms` has a name, a mode and an effort."""
    for name, mode, effort in arms:
        # Of several builds, each would start processes that import the toolkits anew.
        built = build(
            replace(recipe, int8=mode, int8_effort=effort, output=recipe.output / name),
            processes=in_process,
        )
        for artifact in built.manifest.artifacts:
            yield judge(f"{artifact.format}, {name}", artifact.format, built.folder / artifact.file)


def paired(a: Judged, b: Judged) -> str:
    """What `b` gains over `a`, photo by photo: means with their 95 % intervals, in words."""
    # Of logits that are equal to the bit no gain can be told.
    both = np.isfinite(a.photo_db) & np.isfinite(b.photo_db)
    db = np.array(b.photo_db)[both] - np.array(a.photo_db)[both]
    points = 100 * (np.asarray(b.kept, float) - np.asarray(a.kept, float))
    return f"{_mean(db)} dB, {_mean(points)} points of agreement"


def _mean(gains: npt.NDArray[np.floating[Any]]) -> str:
    error = student(len(gains) - 1) * gains.std(ddof=1) / np.sqrt(len(gains))
    return f"{gains.mean():+.2f} (+-{error:.2f})"


def show(rows: list[Judged]) -> None:
    table = []
    for row in rows:
        reached = share(row.agree, row.photos)
        table.append(
            [
                row.arm,
                f"{100 * reached.value:.1f}",
                f"{100 * reached.low:.1f}-{100 * reached.high:.1f}",
                f"{100 * row.sure_agree / max(row.sure, 1):.1f}",
                f"{row.sqnr_db:.1f}",
                f"{row.median_db:.1f}",
                f"{row.bytes / 1e6:.2f}",
            ]
        )
    print_table(["int8", "agree %", "95 %", "sure %", "dB", "median dB", "MB"], table)
    print(f"\n{rows[0].photos} photos; sure: of {rows[0].sure} the float network is sure")


if __name__ == "__main__":
    main()
