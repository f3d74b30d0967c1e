"""From what the user asked for to the float program, ours or their own: the front half of `build`.

weights ─┐
photos ──┼─ captured ─ simplified, proved
code ────┘
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from torch.export import ExportedProgram

from deploy.backends import InputForm
from deploy.capture.network import Plan, make_network, plan_network
from deploy.capture.program import capture
from deploy.capture.proofs import prove_captured, prove_simplified
from deploy.capture.simplify import simplify
from deploy.capture.spec import NetworkSpec
from deploy.capture.user.plan import UserPlan, capture_user_network, plan_user_network
from deploy.capture.user.telling import telling_where
from deploy.photos import PhotoSet, load_photos
from deploy.photos.images import feed, normalize
from deploy.support.reporter import Reporter
from models.cost import Cost, Layer, measure_cost

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A network that is ready to be quantized and exported.

    `layers` are what `cost` is made of. `captured` is the program as the network wrote it,
    `program` the same in the few forms that all stages know. `calibration_crops` (N, H, W, 3) are
    the photos to calibrate on, `crops` (M, H, W, 3) those that calibration never sees: first the
    `held_back` ones that judge, then the golden ones.
    """

    plan: Plan
    photos: PhotoSet
    cost: Cost
    layers: tuple[Layer, ...]
    captured: ExportedProgram
    program: ExportedProgram
    calibration_crops: Pixels
    crops: Pixels
    held_back: int

    @cached_property
    def calibration(self) -> Floats:
        """`calibration_crops` as the network takes them: (N, 3, H, W)."""
        return normalize(self.calibration_crops, self.plan.preprocessing)

    @cached_property
    def inputs(self) -> Floats:
        """`crops` as the network takes them: (M, 3, H, W)."""
        return normalize(self.crops, self.plan.preprocessing)

    def fed(self, form: InputForm) -> Floats:
        """`crops` as a program of `form` takes them: normalized, or as shares of 255."""
        return self.inputs if form == "tensor" else feed(self.crops, self.plan.preprocessing, form)

    @property
    def judging(self) -> slice:
        """The rows of `crops`, of `inputs` and of their logits that are of the held-back photos."""
        return slice(self.held_back)

    def float_logits(self) -> Floats:
        """Logits (M, classes) of the network as it was captured, for `crops`.

        Raises GateError where simplifying has changed what the network computes.
        """
        return prove_simplified(self.captured, self.program, self.inputs)


def prepare(spec: NetworkSpec, photos: Path | None, reporter: Reporter) -> Prepared:
    """Read the weights and the photos (a folder; None: the bundled samples), capture the network.

    Raises UserError for what the user gave, FetchError where weights or samples cannot be had,
    RunError where the user's own code broke down, GateError where the program is not the network.
    """
    reporter.stage("reading weights and photos")
    plan = make_plan(spec, reporter)
    photo_set = load_photos(photos, plan.preprocessing, progress=reporter.progress)
    for text in photo_set.warnings:
        reporter.warn(text)
    calibration_crops = np.stack([sample.crop for sample in photo_set.calibration])
    judging = [sample.crop for sample in photo_set.held_back]

    reporter.stage("capturing the network")
    with telling_where(spec.name, "captured"):
        photos_taken = normalize(calibration_crops, plan.preprocessing)
        captured, cost, layers = capture_plan(spec, plan, photos_taken, reporter)
        program = simplify(captured)
    return Prepared(
        plan=plan,
        photos=photo_set,
        cost=cost,
        layers=layers,
        captured=captured,
        program=program,
        calibration_crops=calibration_crops,
        crops=np.stack([*judging, *(photo.crop for photo in photo_set.golden)]),
        held_back=len(judging),
    )


def make_plan(spec: NetworkSpec, reporter: Reporter) -> Plan:
    """What is known before any photo is read: weights, classes, labels, preprocessing.

    Raises UserError or WeightsError for what the user gave, FetchError where published weights
    cannot be had, RunError where the user's own code broke down.
    """
    if spec.reference is not None:
        return plan_user_network(spec, spec.reference, reporter)
    return plan_network(spec, reporter)


def capture_plan(
    spec: NetworkSpec, plan: Plan, photos: Floats, reporter: Reporter
) -> tuple[ExportedProgram, Cost, tuple[Layer, ...]]:
    """The plan's network as a program, as the network wrote it, and what it and its layers cost.

    `photos` are inputs (N, 3, H, W), which an untrained network's batch norms are settled on. The
    program is held against the network run as it is: on photos where that is ours, in its own
    process where it is the user's. Raises GateError where they differ.
    """
    if isinstance(plan, UserPlan):
        return capture_user_network(plan, spec.name, photos, reporter)
    network = make_network(spec, plan, photos)
    program = capture(network, (1, 3, *plan.preprocessing.crop))
    prove_captured(network, program, photos)
    cost = measure_cost(network, program)
    return program, cost.total, cost.layers
