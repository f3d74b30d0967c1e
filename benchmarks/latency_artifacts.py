"""All that is measured of one network, made from one float program."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from deploy.bundle.manifest import MANIFEST_FILE
from deploy.capture.prepare import Prepared, prepare
from deploy.capture.spec import NetworkSpec
from deploy.photos.images import with_alpha
from deploy.pipeline.build import build
from deploy.pipeline.recipe import Recipe, make_targets
from deploy.runtimes.processor import int8_saturates
from deploy.support.quiet import hidden_output
from deploy.support.reporter import Silent

HERE = Path(__file__).parent
# Enough for ranges: how quick an artifact is does not hang on them.
CALIBRATION_INPUTS = 8
NETWORK, INPUTS, BITMAPS = "network.pt2", "inputs.npy", "bitmaps.npy"

Runtime = Literal["executorch", "onnx", "onnx_saturating", "litert"]


@dataclass(frozen=True, kw_only=True)
class Arm:
    """An artifact to measure; `python` is the interpreter whose environment has its runtime.

    `input` is a file of photos beside the artifacts: normalized, or the bytes of bitmaps.
    """

    name: str
    runtime: Runtime
    file: Path
    input: str = INPUTS
    python: str = sys.executable


def make_arms(
    network: str, weights: str, resolution: int, folder: Path, litert_python: str | None
) -> list[Arm]:
    """The arms of `network`; what `folder` does not hold yet is made there, one after another."""
    pure = Recipe(
        network=NetworkSpec(network, weights=weights, resolution=(resolution, resolution)),
        output=folder / "ours",
        targets=make_targets(("executorch", "onnx")),
        int8="pure",
    )
    auto = replace(
        pure,
        output=folder / "ours_auto",
        targets=make_targets(("executorch", "onnx"), ("int8",)),
        int8="auto",
    )
    pixels = replace(
        pure,
        output=folder / "ours_pixels",
        targets=make_targets(("executorch", "onnx"), ("int8",)),
        input="pixels",
    )
    make(folder, [folder / BITMAPS], partial(save_inputs, pure, folder))
    for recipe in (pure, auto, pixels):
        make(folder, [recipe.output / MANIFEST_FILE], partial(build_quietly, recipe))
    ours = [
        Arm(
            name=f"{target.format} {target.precision}, {name}",
            runtime="onnx" if target.format == "onnx" else "executorch",
            file=recipe.output / recipe.file_name(target),
            input=BITMAPS if recipe.input == "pixels" else INPUTS,
        )
        for recipe, name in ((pure, "ours"), (auto, "auto"), (pixels, "pixels"))
        for target in recipe.targets
    ]
    stock = [
        Arm(
            name="executorch int8, stock", runtime="executorch", file=folder / "executorch_int8.pte"
        ),
        Arm(name="onnx int8, stock", runtime="onnx", file=folder / "onnx_int8.onnx"),
    ]
    make_peers("peers_stock.py", stock, folder)
    litert = [
        Arm(
            name=f"litert {precision}",
            runtime="litert",
            file=folder / f"litert_{precision}.tflite",
            python=litert_python or "",
        )
        for precision in ("fp32", "int8")
        if litert_python is not None
    ]
    make_peers("peers_litert.py", litert, folder)
    arms = [*ours, *stock]
    return [*arms, *(saturating(arms) if int8_saturates() else []), *litert]


def saturating(arms: Sequence[Arm]) -> list[Arm]:
    """onnxruntime's int8 once more as it opens a file by itself on a processor without VNNI:
    quicker, and of wrong answers, for its sums saturate at 16 bits."""
    return [
        replace(arm, name=f"{arm.name}, saturating", runtime="onnx_saturating")
        for arm in arms
        if arm.name.startswith("onnx int8")
    ]


def make(folder: Path, files: Sequence[Path], maker: Callable[[], object]) -> None:
    """Call `maker` unless all `files` are there, and say on stderr how long it took."""
    if all(file.exists() for file in files):
        return
    start = time.perf_counter()
    print(f"{folder.name}: making {files[0].relative_to(folder)} ...", end="", file=sys.stderr)
    sys.stderr.flush()
    maker()
    print(f" {time.perf_counter() - start:.0f} s", file=sys.stderr)


def build_quietly(recipe: Recipe) -> None:
    with hidden_output():
        build(recipe)


def make_peers(script: str, arms: Sequence[Arm], folder: Path) -> None:
    """Run the script that writes the files of `arms`, unless all are there."""

    def run() -> None:
        paths = [HERE / script, folder / NETWORK, folder / INPUTS, folder]
        command = [arms[0].python, *map(str, paths)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{script} failed:\n{done.stdout[-4000:]}")

    if arms:
        make(folder, [arm.file for arm in arms], run)


def save_inputs(recipe: Recipe, folder: Path) -> None:
    """Write what the peers are made from, and the photos as bitmaps, uint8 (N, H, W, 4)."""
    with hidden_output():
        prepared = prepare(recipe.network, recipe.photos, Silent())
    save_for_peers(prepared, prepared.calibration[:CALIBRATION_INPUTS], folder)
    np.save(folder / BITMAPS, with_alpha(prepared.calibration_crops[:CALIBRATION_INPUTS]))


def save_for_peers(prepared: Prepared, inputs: npt.NDArray[np.float32], folder: Path) -> None:
    """Write the float program as its author wrote it, and `inputs` (N, 3, H, W) to calibrate on."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.export.save(prepared.captured, folder / NETWORK)
    np.save(folder / INPUTS, inputs)
