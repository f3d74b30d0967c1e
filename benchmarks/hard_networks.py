"""int8 where it is hard: small, narrow, few pixels, no clamp. The table of docs/quantization.md.

    python benchmarks/hard_networks.py CALIBRATION_FOLDER JUDGING_FOLDER
                                       [--network PART ...] [--work FOLDER]

ours, pure, auto and pure with `--int8-effort high`, beside the toolkits' own int8, each in its
runtime against the float network in torch: dB of the logits and agreement of the top class, with
its 95 % interval. Networks whose trained weights can be had are calibrated on the photos of the
first folder and judged on those of the second; the others are trained here to read digits, and
calibrated and judged on pictures of those, where agreement tells little and dB is what to compare.
One row an arm, in Markdown, as it comes; below a network what high gains over pure, photo by photo.
With --work all files stay there, and a network that is trained there is not trained again.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import click
import digits
import numpy as np
import torch
from agreement import PATH, Judge, Judged, judge_ours, judge_stock, make_judge, paired
from lite0 import LITE0, LITE0_NETWORK
from safetensors.torch import load_file
from shared import machine, print_header, print_row
from torch import nn

from deploy.assets import fetch
from deploy.capture.spec import NetworkSpec
from deploy.cli.output import with_interval
from deploy.photos.folder import find_photos
from deploy.photos.preprocessing import PreprocessingOptions
from deploy.pipeline.recipe import Recipe, make_targets
from deploy.statistics.accuracy import share
from deploy.support.errors import DeployError
from deploy.support.quiet import hidden_output
from models.preprocessing import IMAGENET_MEAN, IMAGENET_STD
from models.registry import create

FORMATS = ("executorch", "onnx")
SIDE, TEST, PHOTOS, EPOCHS = 64, 397, 256, 15
# A network that reads fewer has not been trained, and says nothing of trained ones.
LEAST_TOP1 = 0.95


@dataclass(frozen=True, kw_only=True)
class Digits:
    """One of our networks, to be trained; `options` are those of `create`."""

    network: str
    width: float = 1.0
    options: tuple[tuple[str, str], ...] = ()

    def make(self) -> nn.Module:
        return create(
            self.network,
            width=self.width,
            classes=digits.CLASSES,
            bn_momentum=0.1,
            **dict(self.options),
        )


HARD: dict[str, Digits | Callable[[], NetworkSpec]] = {
    "MobileNetV2": partial(NetworkSpec, "mobilenet_v2"),
    "MobileNetV2, 96 pixels": partial(NetworkSpec, "mobilenet_v2", resolution=(96, 96)),
    "EfficientNet-Lite0": lambda: NetworkSpec(LITE0_NETWORK, weights=str(fetch(LITE0, remedy=""))),
    "MobileNetV2 x .35, digits": Digits(network="mobilenet_v2", width=0.35),
    "MobileNetV3-Small, digits": Digits(network="mobilenet_v3_small"),
    # As in Keras' first releases: ReLU, which bounds nothing, and TensorFlow's padding.
    "MobileNetV1 x .25 with ReLU, digits": Digits(
        network="mobilenet_v1",
        width=0.25,
        options=(("activation", "relu"), ("padding", "same")),
    ),
}
# Name, mode and effort of what is built.
ARMS = (("pure", "pure", "normal"), ("auto", "auto", "normal"), ("high", "pure", "high"))
COLUMNS = ("network", "int8", "runtime", "dB", "median dB", "agreement % (95 %)", "MB")


@click.command()
@click.argument("calibration", type=PATH)
@click.argument("judging", type=PATH)
@click.option("--network", "parts", multiple=True, default=[""], help="A part of its name.")
@click.option("--stock/--no-stock", default=True, show_default=True)
@click.option("--work", type=click.Path(file_okay=False, path_type=Path))
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path))
def main(
    calibration: Path,
    judging: Path,
    parts: tuple[str, ...],
    stock: bool,
    work: Path | None,
    json_file: Path | None,
) -> None:
    wanted = [name for name in HARD if any(part in name for part in parts)]
    print(f"{machine()}\n")
    print_header(*COLUMNS)
    found: dict[str, list[Judged]] = {}
    failed = False
    with tempfile.TemporaryDirectory() as scratch:
        for name in wanted:
            folder = (work or Path(scratch)) / name.replace(" ", "_")
            try:
                with hidden_output():
                    found[name] = judge_network(
                        HARD[name], calibration, judging, folder, stock=stock
                    )
            except DeployError as error:
                print(f"{name}: {error}", file=sys.stderr, flush=True)
                failed = True
                continue
            for judged in found[name]:
                print_row(name, *row(judged))
    for name, rows in found.items():
        arms = {row.arm: row for row in rows}
        for kind in FORMATS:
            gains = paired(arms[f"{kind}, pure"], arms[f"{kind}, high"])
            print(f"\n{name}, {kind}, {rows[0].photos} photos, high over pure: {gains}", flush=True)
    if json_file:
        plain = {name: [asdict(row) for row in rows] for name, rows in found.items()}
        json_file.write_text(json.dumps(plain, indent=2))
    sys.exit(failed)


def row(judged: Judged) -> list[str]:
    runtime, arm = judged.arm.split(", ")
    reached = with_interval(share(judged.agree, judged.photos))
    figures = [f"{judged.sqnr_db:.1f}", f"{judged.median_db:.1f}", reached]
    return [arm, runtime, *figures, f"{judged.bytes / 1e6:.2f}"]


def judge_network(
    hard: Digits | Callable[[], NetworkSpec],
    calibration: Path,
    judging: Path,
    folder: Path,
    *,
    stock: bool,
) -> list[Judged]:
    """Every arm of one network; `folder` holds what is made."""
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(hard, Digits):
        training, test = digits.load_digits(SIDE, test=TEST)
        calibration = digits.write_by_class(training.first(PHOTOS), folder / "photos")
        judging = digits.write_by_class(test, folder / "test")
        spec = trained(hard, training, folder)
    else:
        spec = hard()
    recipe = Recipe(
        network=spec,
        output=folder / "ours",
        targets=make_targets(FORMATS, ["int8"]),
        photos=calibration,
    )
    judge = make_judge(recipe, judging, folder)
    if isinstance(hard, Digits):
        check_trained(judge, judging)
    return [
        *(judge_stock(judge, folder) if stock else ()),
        *judge_ours(judge, recipe, ARMS),
    ]


def trained(hard: Digits, training: digits.Digits, folder: Path) -> NetworkSpec:
    """The network that has learned `training`, as a .pt2 in `folder`."""
    weights, program = folder / "weights.safetensors", folder / "network_trained.pt2"
    if not weights.exists():
        digits.train(hard.make, training, weights, epochs=EPOCHS)
    module = hard.make().eval()
    module.load_state_dict(load_file(weights))
    torch.export.save(torch.export.export(module, (torch.zeros(1, 3, SIDE, SIDE),)), program)
    labels = folder / "labels.txt"
    labels.write_text("".join(f"{digit}\n" for digit in range(digits.CLASSES)), encoding="utf-8")
    preprocessing = PreprocessingOptions(
        resize=(SIDE, SIDE), crop=(SIDE, SIDE), mean=IMAGENET_MEAN, std=IMAGENET_STD
    )
    return NetworkSpec(str(program), labels=labels, preprocessing=preprocessing)


def check_trained(judge: Judge, judging: Path) -> None:
    """Stop where the float network cannot read: its int8 figures would mean nothing."""
    labels = np.array([int(path.parent.name) for path in find_photos(judging)])
    top1 = float((judge.logits.argmax(1) == labels).mean())
    if top1 < LEAST_TOP1:
        raise SystemExit(f"the float network reads {100 * top1:.1f} % of the digits: train longer")


if __name__ == "__main__":
    main()
