"""What each step of int8 adds, in each runtime: the table of docs/quantization.md.

    .venv/bin/python benchmarks/ablation.py CALIBRATION_FOLDER JUDGING_FOLDER

Every row adds a step to the one before. Calibrated on the first folder, judged on the second, in
dB of the logits against the float network: the simulation on all photos, the artifacts in their
runtimes on the first of them.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import torch
from torch.export import ExportedProgram

from deploy.backends import BACKENDS
from deploy.build.make import run_program
from deploy.build.recipe import Recipe, make_targets
from deploy.capture.prepare import capture_plan, make_plan
from deploy.capture.program import graph_module
from deploy.capture.simplify import simplify
from deploy.cli.output import print_table
from deploy.export.interface import Spec
from deploy.photos import load_photos
from deploy.photos.folder import find_photos
from deploy.photos.images import crop, decode, normalize
from deploy.quantize.cross_layer_equalization import equalize
from deploy.quantize.mixed_precision import leave_in_float
from deploy.quantize.ptq import EFFORTS, Decisions, Steps, decide
from deploy.quantize.simulate import simulate
from deploy.quantize.write import write_program
from deploy.runtimes import load
from deploy.statistics.error_statistics import compare_logits
from deploy.support.quiet import hidden_output
from deploy.support.reporter import Silent

PATH = click.Path(exists=True, file_okay=False, path_type=Path)
# In the runtimes, of which Core ML's is an evaluator of ours and slow.
RUNTIME_PHOTOS = 30
NONE = Steps(ranges="min-max", learned_rounding=False, bias_correction=False)


@click.command()
@click.argument("calibration", type=PATH)
@click.argument("judging", type=PATH)
@click.option("--network", default="mobilenet_v2", show_default=True)
@click.option("--weights", default="imagenet", show_default=True)
def main(calibration: Path, judging: Path, network: str, weights: str) -> None:
    recipe = Recipe(
        network=network,
        output=Path("unused"),
        targets=make_targets(precisions=["int8"]),
        weights=weights,
        photos=calibration,
    )
    with hidden_output():
        plan = make_plan(recipe, Silent())
        photos = load_photos(calibration, plan.preprocessing)
        inputs = normalize(np.stack([each.crop for each in photos.calibration]), plan.preprocessing)
        held_back = normalize(
            np.stack([each.crop for each in photos.held_back]), plan.preprocessing
        )
        program = simplify(capture_plan(recipe, plan, inputs, Silent())[0])
        crops = np.stack(
            [crop(decode(path, path.name), plan.preprocessing) for path in find_photos(judging)]
        )
        judged = normalize(crops, plan.preprocessing)
        reference = run_program(program, judged)
        rows = []
        for name, base, decisions in steps(
            program, torch.from_numpy(inputs), torch.from_numpy(held_back)
        ):
            logits = simulate(graph_module(base), decisions, torch.from_numpy(judged)).numpy()
            statistics = compare_logits(reference, logits)
            row = [name, f"{statistics.sqnr_db:.1f}", f"{100 * statistics.agreement:.1f}"]
            for target in recipe.targets:
                exporter = importlib.import_module(f"deploy.export.{target.format}")
                spec = Spec(precision="int8", preprocessing=plan.preprocessing, labels=plan.labels)
                with tempfile.TemporaryDirectory() as folder:
                    file = Path(folder, "int8" + BACKENDS[target.format].suffix)
                    exporter.export(write_program(base, decisions, exporter.DIALECT), file, spec)
                    artifact = load(target.format, file, plan.preprocessing)
                    some = artifact.logits(crops[:RUNTIME_PHOTOS])
                row.append(f"{compare_logits(reference[:RUNTIME_PHOTOS], some).sqnr_db:.1f}")
            rows.append(row)
    columns = ["steps", "dB", "agreement %", *(target.format for target in recipe.targets)]
    print_table(columns, rows)
    print(
        f"\n{len(inputs)} inputs calibrate; {len(crops)} photos judge, {RUNTIME_PHOTOS} in runtimes"
    )


def steps(
    program: ExportedProgram, inputs: torch.Tensor, held_back: torch.Tensor
) -> Iterator[tuple[str, ExportedProgram, Decisions]]:
    """Name, float program and decisions of each row."""
    equalized = equalize(program, inputs)
    corrected = Steps(ranges="min-max", learned_rounding=False)
    by_mse = Steps(ranges="mse", learned_rounding=False)
    measured = Steps(learned_rounding=False)
    yield "none: min-max, nearest", program, decide(program, inputs, steps=NONE)
    yield "+ bias correction", program, decide(program, inputs, steps=corrected)
    yield "+ ranges by MSE", program, decide(program, inputs, steps=by_mse)
    yield "+ equalization", equalized, decide(equalized, inputs, steps=by_mse)
    yield "+ ranges by error in logits", equalized, decide(equalized, inputs, steps=measured)
    pure = decide(equalized, inputs)
    yield "+ learned rounding: pure", equalized, pure
    logits = torch.from_numpy(run_program(program, held_back.numpy()))
    mix = leave_in_float(graph_module(equalized), pure, held_back, logits, target=0.97)
    yield "+ parts in float: auto", equalized, mix.decisions
    high = decide(equalized, inputs, effort=EFFORTS["high"])
    yield "pure, --int8-effort high", equalized, high


if __name__ == "__main__":
    main()
