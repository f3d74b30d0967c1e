"""From a recipe to the float program, whether the network is ours or the user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.export import ExportedProgram

from deploy.build.recipe import Recipe
from deploy.capture.network import Plan, make_network, plan_network
from deploy.capture.program import capture
from deploy.capture.proofs import prove_captured
from deploy.capture.user.plan import UserPlan, capture_user_network, plan_user_network
from deploy.support.reporter import Reporter
from models.cost import Cost, measure_cost

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def make_plan(recipe: Recipe, reporter: Reporter) -> Plan:
    """What is known before any photo is read: weights, classes, labels, preprocessing.

    Raises UserError or WeightsError for what the user gave, FetchError where published weights
    cannot be had, RunError where the user's own code broke down.
    """
    if recipe.reference is not None:
        return plan_user_network(recipe, recipe.reference, reporter)
    return plan_network(recipe, reporter)


def capture_plan(
    recipe: Recipe, plan: Plan, photos: npt.NDArray[np.float32], reporter: Reporter
) -> tuple[ExportedProgram, Cost]:
    """The plan's network as a program, as the network wrote it, and what it costs.

    `photos` are inputs (N, 3, H, W), which an untrained network's batch norms are settled on. The
    program is held against the network run as it is: on photos where that is ours, in its own
    process where it is the user's. Raises GateError where they differ.
    """
    if isinstance(plan, UserPlan):
        return capture_user_network(plan, recipe.network, photos, reporter)
    network = make_network(recipe, plan, photos)
    program = capture(network, (1, 3, *plan.preprocessing.crop))
    prove_captured(network, program, photos)
    return program, measure_cost(network, program)
