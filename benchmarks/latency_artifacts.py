"""All that is measured of one network, made from one float program."""

from __future__ import annotations

import importlib
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

from deploy.backends import BACKENDS, InputForm
from deploy.capture.prepare import Prepared, prepare
from deploy.capture.spec import NetworkSpec
from deploy.exporters.interface import Spec
from deploy.photos.images import with_alpha
from deploy.pipeline.recipe import make_targets
from deploy.quantization.effort import DEFAULT_AGREEMENT
from deploy.quantization.int8 import quantize
from deploy.quantization.mixed_precision import leave_in_float
from deploy.quantization.write import write_program
from deploy.runtimes.processor import int8_saturates
from deploy.support.quiet import hidden_output
from deploy.support.reporter import Silent

HERE = Path(__file__).parent
# Enough for ranges: how quick an artifact is does not hang on them.
CALIBRATION_INPUTS = 8
NETWORK, INPUTS, BITMAPS = "network.pt2", "inputs.npy", "bitmaps.npy"
_FORMATS = ("executorch", "onnx")
_INT8 = make_targets(_FORMATS, ("int8",))
# What is made of each network by us; "ours" is all that is quantized in int8.
OURS = {"ours": make_targets(_FORMATS), "auto": _INT8, "pixels": _INT8}

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
    spec = NetworkSpec(network, weights=weights, resolution=(resolution, resolution))
    ours = [
        Arm(
            name=f"{target.format} {target.precision}, {kind}",
            runtime="onnx" if target.format == "onnx" else "executorch",
            file=folder / "ours" / f"{kind}_{target.precision}{BACKENDS[target.format].suffix}",
            input=BITMAPS if kind == "pixels" else INPUTS,
        )
        for kind, targets in OURS.items()
        for target in targets
    ]
    files = [folder / BITMAPS, *(arm.file for arm in ours)]
    make(folder, files, partial(make_ours, spec, folder))
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


def make_ours(spec: NetworkSpec, folder: Path) -> None:
    """What three builds would write, of one calibration and without their proofs: those take most
    of a build's time, and the benchmark tells by the logits whether an arm is right."""
    with hidden_output():
        prepared = prepare(spec, None, Silent())
        save_for_peers(prepared, prepared.calibration[:CALIBRATION_INPUTS], folder)
        forms: tuple[InputForm, ...] = ("tensor", "pixels")
        int8 = quantize(
            prepared, effort="normal", target_agreement=None, reporter=Silent(), forms=forms
        )
        tensor, pixels = int8["tensor"], int8["pixels"]
        mix = leave_in_float(
            tensor.module,
            tensor.pure,
            torch.from_numpy(prepared.calibration),
            target=DEFAULT_AGREEMENT,
        )
        (folder / "ours").mkdir(exist_ok=True)
        for kind, targets in OURS.items():
            for target in targets:
                backend = BACKENDS[target.format]
                exporter = importlib.import_module(backend.exporter)
                one = pixels if kind == "pixels" else tensor
                program = prepared.program
                if target.precision == "int8":
                    decisions = mix.decisions if kind == "auto" else one.pure
                    program = write_program(one.program, decisions, exporter.DIALECT)
                made = Spec(
                    precision=target.precision,
                    preprocessing=prepared.plan.preprocessing,
                    labels=prepared.plan.labels,
                    input="pixels" if kind == "pixels" else "tensor",
                )
                file = folder / "ours" / f"{kind}_{target.precision}{backend.suffix}"
                exporter.export(program, file, made)
    # Last: that it is there says that all of it is.
    np.save(folder / BITMAPS, with_alpha(prepared.calibration_crops[:CALIBRATION_INPUTS]))


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


def save_for_peers(prepared: Prepared, inputs: npt.NDArray[np.float32], folder: Path) -> None:
    """Write the float program as its author wrote it, and `inputs` (N, 3, H, W) to calibrate on."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.export.save(prepared.captured, folder / NETWORK)
    np.save(folder / INPUTS, inputs)
