"""The user's own network in the pipeline: planned and captured as ours are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.export import ExportedProgram

from deploy.bundle.manifest import Weights
from deploy.capture.given import preprocessing_of
from deploy.capture.network import (
    SMALLEST_VARIATION,
    Plan,
    choose_labels,
    variation,
)
from deploy.capture.program import graph_module, run_network
from deploy.capture.proofs import prove_captured
from deploy.capture.spec import NetworkSpec
from deploy.capture.user.export import (
    UserNetwork,
    export_user_network,
    make_stand_in,
    size_of_program,
)
from deploy.capture.user.functional import functionalize
from deploy.capture.user.reference import Reference
from deploy.photos.preprocessing import default_preprocessing
from deploy.support.errors import UserError
from deploy.support.hashing import sha256_file
from deploy.support.reporter import Reporter
from deploy.weights import read_state_dict
from deploy.weights.fit import load_weights
from models.cost import Cost, Layer, measure_cost

if TYPE_CHECKING:
    import numpy.typing as npt

RESOLUTION = (224, 224)
# Photos that its logits are looked at on.
WATCHED = 8


@dataclass(frozen=True, kw_only=True)
class UserPlan(Plan):
    """A plan whose network is there already, its weights included."""

    network: UserNetwork


def plan_user_network(spec: NetworkSpec, reference: Reference, reporter: Reporter) -> UserPlan:
    """Have the user's code make the network, and load the weights file into it, if there is one.

    Raises UserError, WeightsError for a file of another network, RunError where the code's process
    broke down.
    """
    size = size_of_program(reference) if reference.is_program else None
    preprocessing = preprocessing_of(
        spec, default_preprocessing(size or RESOLUTION), file=_file_beside(reference)
    )
    if size not in (None, preprocessing.crop):
        raise UserError(
            f"{reference} takes images of {size[0]}x{size[1]}, not "
            f"{preprocessing.crop[0]}x{preprocessing.crop[1]}: leave --resolution out, or export "
            "it anew"
        )
    weights, tensors = _read_weights(spec, reference, preprocessing.crop, reporter)
    network = export_user_network(
        reference,
        preprocessing.crop,
        seed=spec.seed,
        weights=tensors,
        logits=spec.logits,
        one_logit=spec.classes == 2,
    )
    for text in network.told:
        reporter.warn(f"{reference} {text}")
    if spec.classes not in (None, network.classes):
        raise UserError(
            f"--classes {spec.classes} contradicts {reference}, which gives {network.classes} "
            "logits: leave --classes out"
        )
    return UserPlan(
        weights=weights,
        state_dict=None,
        classes=network.classes,
        labels=choose_labels(spec, network.classes, reporter),
        preprocessing=preprocessing,
        network=network,
    )


def capture_user_network(
    plan: UserPlan, name: str, photos: npt.NDArray[np.float32], reporter: Reporter
) -> tuple[ExportedProgram, Cost, tuple[Layer, ...]]:
    """The network's program, functional, and what it and its layers cost; warns of logits that say
    little.

    `photos` are inputs (N, 3, H, W).
    """
    program = functionalize(plan.network.program)
    if program is not plan.network.program:
        as_exported = graph_module(plan.network.program)
        prove_captured(as_exported, program, photos, step="rewriting operators in place")
    module = graph_module(program)
    cost = measure_cost(module, program)
    logits = run_network(module, torch.from_numpy(photos[:WATCHED]))
    for oddity in oddities(logits):
        reporter.warn(f"{name} {oddity}")
    return program, replace(cost.total, params=plan.network.params), cost.layers


def oddities(logits: Tensor) -> list[str]:
    """What is odd about logits (N, classes) for N photos, in words."""
    found = []
    if not logits.any():
        found.append(
            "gives all zero for every photo, so the proofs say little: give trained weights with "
            "--weights FILE, or leave out what zeroes its head"
        )
    elif not (share := variation(logits)) >= SMALLEST_VARIATION:
        found.append(
            f"gives nearly the same logits for every photo ({share:.1e} of their size), so the "
            "proofs say little: give trained weights with --weights FILE, or check the "
            "preprocessing"
        )
    if bool((logits >= 0).all()) and bool(((logits.sum(1) - 1).abs() < 1e-3).all()):
        found.append(
            "gives probabilities, it seems: leave its softmax out, since apps and the Core ML "
            "artifact apply one"
        )
    return found


def _read_weights(
    spec: NetworkSpec, reference: Reference, crop: tuple[int, int], reporter: Reporter
) -> tuple[Weights, dict[str, Tensor] | None]:
    """Where the weights are from, and those of a file by the network's own names for them."""
    if spec.weights is None:
        return Weights(source=f"as made by {reference}", file=None, sha256=None), None
    path = Path(spec.weights)
    state_dict = read_state_dict(path)
    network = make_stand_in(reference, crop, seed=spec.seed)
    left_out = load_weights(network, state_dict, file_name=path.name, prefix=spec.weights_prefix)
    if left_out:
        reporter.warn(f"{path.name}: {left_out}")
    weights = Weights(source="file", file=path.name, sha256=sha256_file(path))
    return weights, network.state_dict()


def _file_beside(reference: Reference) -> Path | None:
    file = reference.beside(".toml")
    return file if file.is_file() else None
