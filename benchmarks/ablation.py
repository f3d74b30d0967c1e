"""What each step of int8 adds, in each runtime: the table of docs/quantization.md.

    .venv/bin/python benchmarks/ablation.py CALIBRATION_FOLDER JUDGING_FOLDER

Every row adds a step to the one before. Calibrated on the first folder, judged on the second, in
dB of the logits against the float network: the simulation on all photos, the artifacts in their
runtimes on the first of them.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click
import torch
from shared import read_crops
from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import GraphModule, Node

from deploy.backends import BACKENDS
from deploy.capture.prepare import Prepared, prepare
from deploy.capture.program import constant, graph_module, run_program
from deploy.capture.spec import NetworkSpec
from deploy.cli.output import print_table
from deploy.exporters.interface import Spec
from deploy.photos.images import normalize
from deploy.pipeline.recipe import make_targets
from deploy.quantization.calibrate import Observer, run_photos
from deploy.quantization.cross_layer_equalization import equalize
from deploy.quantization.effort import DEFAULT_AGREEMENT, EFFORTS
from deploy.quantization.learn import with_learned_biases, with_learned_gains
from deploy.quantization.mixed_precision import leave_in_float
from deploy.quantization.ptq import Decisions, Steps, decide
from deploy.quantization.simulate import simulate
from deploy.quantization.train import hold_out
from deploy.quantization.write import write_program
from deploy.runtimes import load
from deploy.statistics.error_statistics import compare_logits
from deploy.support.quiet import hidden_output
from deploy.support.reporter import Silent

PATH = click.Path(exists=True, file_okay=False, path_type=Path)
# In the runtimes, of which Core ML's is an evaluator of ours and slow.
RUNTIME_PHOTOS = 30


@click.command()
@click.argument("calibration", type=PATH)
@click.argument("judging", type=PATH)
@click.option("--network", default="mobilenet_v2", show_default=True)
@click.option("--weights", default="imagenet", show_default=True)
def main(calibration: Path, judging: Path, network: str, weights: str) -> None:
    with hidden_output():
        prepared = prepare(NetworkSpec(network, weights=weights), calibration, Silent())
        plan = prepared.plan
        crops = read_crops(judging, plan.preprocessing)
        judged = normalize(crops, plan.preprocessing)
        reference = run_program(prepared.captured, judged)
        targets, rows = make_targets(precisions=["int8"]), []
        for name, base, decisions in steps(prepared):
            logits = simulate(graph_module(base), decisions, torch.from_numpy(judged)).numpy()
            statistics = compare_logits(reference, logits)
            row = [name, f"{statistics.sqnr_db:.1f}", f"{100 * statistics.agreement:.1f}"]
            for target in targets:
                exporter = importlib.import_module(f"deploy.exporters.{target.format}")
                spec = Spec(precision="int8", preprocessing=plan.preprocessing, labels=plan.labels)
                with tempfile.TemporaryDirectory() as folder:
                    file = Path(folder, "int8" + BACKENDS[target.format].suffix)
                    exporter.export(write_program(base, decisions, exporter.DIALECT), file, spec)
                    artifact = load(target.format, file, plan.preprocessing)
                    some = artifact.logits(crops[:RUNTIME_PHOTOS])
                row.append(f"{compare_logits(reference[:RUNTIME_PHOTOS], some).sqnr_db:.1f}")
            rows.append(row)
    columns = ["steps", "dB", "agreement %", *(target.format for target in targets)]
    print_table(columns, rows)
    print(
        f"\n{len(prepared.calibration)} inputs calibrate; {len(crops)} photos judge, "
        f"{RUNTIME_PHOTOS} in runtimes"
    )


def steps(prepared: Prepared) -> Iterator[tuple[str, ExportedProgram, Decisions]]:
    """Name, float program and decisions of each row."""
    program, inputs = prepared.program, torch.from_numpy(prepared.calibration)
    equalized = equalize(program, inputs)
    by_mse = Steps(ranges="mse", learned_rounding=False)
    measured = Steps(learned_rounding=False)

    def corrected(base: ExportedProgram, decisions: Decisions) -> Decisions:
        return with_corrected_biases(graph_module(base), decisions, inputs)

    plain = decide(program, inputs, steps=Steps(ranges="min-max", learned_rounding=False))
    yield "none: min-max, nearest", program, plain
    yield "+ bias correction", program, corrected(program, plain)
    yield (
        "+ ranges by MSE",
        program,
        corrected(program, decide(program, inputs, steps=by_mse)),
    )
    yield (
        "+ equalization",
        equalized,
        corrected(equalized, decide(equalized, inputs, steps=by_mse)),
    )
    yield (
        "+ ranges by error in logits",
        equalized,
        corrected(equalized, decide(equalized, inputs, steps=measured)),
    )
    pure = decide(equalized, inputs)
    yield "+ learned rounding: pure", equalized, pure
    mix = leave_in_float(
        graph_module(equalized),
        pure,
        inputs,
        target=DEFAULT_AGREEMENT,
    )
    yield "+ parts in float: auto", equalized, mix.decisions
    effort = EFFORTS["high"]
    apart = hold_out([sample.photo_sha256 for sample in prepared.photos.calibration])
    start = decide(equalized, inputs, effort=effort)
    program, gains = with_learned_gains(
        equalized, start, inputs, apart=apart, effort=effort, reporter=Silent()
    )
    yield "pure, + learned gains and ranges", program, gains
    tuned = with_learned_biases(
        graph_module(program), gains, inputs, apart=apart, effort=effort, reporter=Silent()
    )
    yield "+ learned biases: pure, high", program, tuned


def with_corrected_biases(module: GraphModule, decisions: Decisions, photos: Tensor) -> Decisions:
    """What rounding a weight shifts on average, taken off the bias.

    A rounding error times an input that is rarely negative (behind a ReLU) does not average out: it
    is the sum over the kernel of error * E[x] (Nagel et al. 2019, arXiv 1906.04721, section 4.2).
    Zero padding at the border is neglected. Learned rounding leaves nothing for it to do.
    """
    nodes = {node.name: node for node in module.graph.nodes}
    means = channel_means(module, [nodes[name].args[0] for name in decisions.weights], photos)
    weights = dict(decisions.weights)
    for name, chosen in decisions.weights.items():
        node = nodes[name]
        weight = constant(module, node.args[1])
        assert weight is not None
        error = torch.from_numpy(
            chosen.codes * chosen.scales.reshape(-1, *[1] * (weight.dim() - 1))
        )
        taps = error.flatten(2).sum(2) if error.dim() > 2 else error
        groups = node.args[6] if len(node.args) > 6 else 1
        inputs = means[node.args[0].name].view(groups, 1, taps.shape[1])
        shift = (taps.view(groups, -1, taps.shape[1]) * inputs).sum(2).flatten()
        weights[name] = replace(chosen, bias=chosen.bias - shift.numpy())
    return replace(decisions, weights=weights)


def channel_means(module: GraphModule, wanted: Sequence[Node], photos: Tensor) -> dict[str, Tensor]:
    """Of what each convolution (N, C, H, W) or linear (N, C) reads, by name: (C,)."""
    sums = {node.name: torch.zeros(node.meta["val"].shape[1]) for node in wanted}

    def observe(name: str, value: Tensor) -> None:
        if name in sums:
            sums[name] += value.movedim(1, 0).flatten(1).mean(1)

    run_photos(Observer(module, observe), photos)
    return {name: total / len(photos) for name, total in sums.items()}


if __name__ == "__main__":
    main()
