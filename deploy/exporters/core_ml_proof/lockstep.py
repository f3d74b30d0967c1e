"""Each operator of a Core ML program against the torch program it was converted from.

End to end, two int8 networks drift apart chaotically: one step at an early layer grows until
nothing can be concluded. So each operator is run on the *reference's* values of its inputs, and its
result is compared with the reference's value of the same name; then the reference's value takes its
place. By induction from the inputs, a program whose every comparison holds, up to its output,
computes what the reference computes; a value that was paired wrongly fails, it never passes.

This checks the program that the package holds, not Apple's kernels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind

from deploy.exporters.core_ml_proof.pairing import Pair, pair_values
from deploy.exporters.core_ml_proof.reference import VIEWS
from deploy.runtimes.mil.evaluate import Values, run_mil
from deploy.runtimes.mil.program import MilProgram, Operation, Output
from deploy.statistics.error_statistics import power_ratio_db
from deploy.support.errors import GateError

EXACT_DB: Final = 120.0  # float32 reordered: V2 gives 129 dB and more
FLOAT16_DB: Final = 25.0
TIE: Final = 1e-3  # steps; how near to a rounding boundary either neighbour is right


@dataclass(frozen=True)
class OpError:
    """How far one operator strays, over all images, given the reference's inputs.

    `sqnr_db` is inf where the values are equal. `max_abs` is in the reference's unit. `mismatched`
    counts the elements that differ. For integers, `max_lsb` is the largest difference in steps and
    `off_tie` counts the mismatched elements that were not within `TIE` of a rounding boundary.
    """

    name: str
    op_type: str
    sqnr_db: float
    max_abs: float
    max_lsb: int | None
    elements: int
    mismatched: int
    off_tie: int


@dataclass(frozen=True)
class LockstepReport:
    """`operators` in the program's order, by the reference's names.

    `unpaired`: operators of the program without a counterpart, judged through what they feed.
    `missing_quantizes`: quantize nodes of the reference without a counterpart, save those that
    change nothing. `compared`: for each kind of node, how many of how many were compared.
    """

    operators: tuple[OpError, ...]
    unpaired: tuple[str, ...]
    missing_quantizes: tuple[str, ...]
    output_compared: bool
    compared: Mapping[str, tuple[int, int]]


def compare_in_lockstep(
    program: MilProgram, reference: ExportedProgram, inputs: Sequence[Tensor]
) -> LockstepReport:
    """Run both on each of `inputs` (float32, the shape of the one input) and compare.

    `reference` must be the very program that was converted: its node names are what pairs the two.

    Raises:
        GateError: the programs do not both take one input.
        UnknownOperatorError: the program holds an operator that cannot be evaluated.
    """
    if len(program.inputs) != 1 or len(reference.graph_signature.user_inputs) != 1:
        raise GateError("lockstep needs programs of one input: convert a network of one input")
    pairing = pair_values(program, reference)
    comparison = _Comparison(pairing.pairs)
    for image in inputs:
        comparison.expected = _reference_values(reference, image)
        run_mil(program, {program.inputs[0].name: image}, after=comparison)
    return LockstepReport(
        operators=tuple(tally.error() for tally in comparison.tallies.values()),
        unpaired=pairing.unpaired,
        missing_quantizes=pairing.missing_quantizes,
        output_compared=pairing.output_paired,
        compared=pairing.compared,
    )


def judge_lockstep(report: LockstepReport, *, exact: bool) -> list[str]:
    """Reasons to refuse the program, each naming the operator and the figure; none if it holds.

    `exact` is for a conversion that computes in float32: every integer equal, save at a tie (where
    coremltools rescales the inputs of an addition, rounding may go either way), and floats to
    `EXACT_DB`. Otherwise, computing in float16: at most one step, and `FLOAT16_DB`.
    """
    limit = EXACT_DB if exact else FLOAT16_DB
    reasons = []
    for error in report.operators:
        name = f"{error.name} ({error.op_type})"
        if error.max_lsb is None:
            if not error.sqnr_db >= limit:  # so that nan fails
                large = " (beyond 65504, float16's largest)" if math.isinf(error.max_abs) else ""
                reasons.append(f"{name}: {error.sqnr_db:.1f} dB, at least {limit:g} wanted{large}")
        elif error.max_lsb > 1 or (exact and error.off_tie):
            reasons.append(
                f"{name}: {error.mismatched} of {error.elements} integers differ, "
                f"by up to {error.max_lsb} steps, {error.off_tie} of them off a tie"
            )
    reasons += [
        f"{name}: the package has no quantize of its input, scale and zero point"
        for name in report.missing_quantizes
    ]
    if not report.output_compared:
        reasons.append("the program's output has no counterpart in the reference")
    return reasons


class _Comparison:
    """Called after each operation: tallies its error, and puts the reference's value in place."""

    def __init__(self, pairs: Mapping[str, Pair]) -> None:
        self.pairs = pairs
        self.tallies: dict[str, _Tally] = {}
        self.expected: Mapping[str, Tensor] = {}  # the reference's values on the current image

    def __call__(
        self, operation: Operation, values: Values, results: tuple[Any, ...]
    ) -> Sequence[Any]:
        return [
            self._compared(operation, values, output, result)
            for output, result in zip(operation.outputs, results, strict=True)
        ]

    def _compared(self, operation: Operation, values: Values, output: Output, result: Any) -> Any:
        pair = self.pairs.get(output.name)
        if pair is None:
            return result
        right = self.expected[pair.node]
        tally = self.tallies.setdefault(output.name, _Tally(pair.node, operation.op_type))
        tally.add(result, right, pair, _boundary_distance(operation, values))
        return _in_program_units(right, pair, output.dtype)


@dataclass
class _Tally:
    name: str
    op_type: str
    signal: float = 0.0
    noise: float = 0.0
    max_abs: float = 0.0
    max_lsb: int | None = None
    elements: int = 0
    mismatched: int = 0
    off_tie: int = 0

    def add(self, result: Tensor, right: Tensor, pair: Pair, to_boundary: Tensor | None) -> None:
        got = result.double() / pair.gain - pair.shift
        difference = (got - right.double()).abs()
        self.signal += right.double().square().sum().item()
        self.noise += difference.square().sum().item()
        self.max_abs = max(self.max_abs, difference.max().item())
        self.elements += difference.numel()
        self.mismatched += int((difference != 0).sum())
        # A truth is no integer, of which one step would be let pass.
        if not right.is_floating_point() and right.dtype is not torch.bool:
            self.max_lsb = max(self.max_lsb or 0, int(difference.max()))
            excused = to_boundary <= TIE if to_boundary is not None else torch.tensor(False)
            self.off_tie += int(((difference != 0) & ~excused).sum())

    def error(self) -> OpError:
        return OpError(
            name=self.name,
            op_type=self.op_type,
            sqnr_db=power_ratio_db(self.signal, self.noise),
            max_abs=self.max_abs,
            max_lsb=self.max_lsb,
            elements=self.elements,
            mismatched=self.mismatched,
            off_tie=self.off_tie,
        )


def _boundary_distance(operation: Operation, values: Values) -> Tensor | None:
    """For a quantize, how many steps each element of its input lies from a rounding boundary."""
    if operation.op_type != "quantize":
        return None
    steps = values[str(operation.inputs["input"])] / values[str(operation.inputs["scale"])]
    distance: Tensor = (steps - steps.floor() - 0.5).abs()
    return distance


def _in_program_units(value: Tensor, pair: Pair, dtype: str) -> Tensor:
    if not value.is_floating_point() and dtype not in ("int8", "uint8"):
        return value
    if not value.is_floating_point():
        return (value.to(torch.int16) + pair.shift).to(
            torch.uint8 if dtype == "uint8" else torch.int8
        )
    scaled = value * pair.gain
    return scaled.half().float() if dtype == "float16" else scaled


def _reference_values(reference: ExportedProgram, image: Tensor) -> Mapping[str, Tensor]:
    """Every node's value on `image`, by name."""
    tensors = {**reference.state_dict, **reference.constants}
    arguments = [
        image if spec.kind is InputKind.USER_INPUT else tensors[str(spec.target)]
        for spec in reference.graph_signature.input_specs
    ]
    recorder = _Recorder(reference.graph_module)
    with torch.no_grad():
        recorder.run(*arguments)
    return recorder.values


class _Recorder(torch.fx.Interpreter):
    def __init__(self, module: torch.fx.GraphModule) -> None:
        super().__init__(module)
        self.values: dict[str, Tensor] = {}

    def run_node(self, n: torch.fx.Node) -> Any:
        value = super().run_node(n)
        if isinstance(value, Tensor):
            self.values[n.name] = value
        return value

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        # Kernels lay their results out as they like, and not as torch.export foresaw.
        move = torch.ops.aten.reshape if str(target) in VIEWS else target
        return super().call_function(move, args, kwargs)
