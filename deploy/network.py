"""From a recipe to a network in eval mode, with its weights, preprocessing and labels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from deploy.bundle.manifest import Weights
from deploy.errors import RunError, UserError
from deploy.hashing import sha256_file
from deploy.labels import default_labels, imagenet_labels, read_labels
from deploy.recipe import CROP_RATIO, UNTRAINED, Recipe
from deploy.reporter import Reporter
from deploy.weights import (
    count_classes,
    fetch_weights,
    find_source,
    load_weights,
    read_state_dict,
)
from models.preprocessing import Preprocessing
from models.registry import NETWORKS, create

if TYPE_CHECKING:
    import numpy.typing as npt

IMAGENET_CLASSES = 1000
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Between photos, an untrained network's logits must vary by this share of their own size.
SMALLEST_VARIATION = 0.01
CALMING_BIAS = 0.5


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is known of the network before any photo is read."""

    weights: Weights
    state_dict: dict[str, Tensor] | None
    classes: int
    labels: tuple[str, ...]
    preprocessing: Preprocessing


def plan_network(recipe: Recipe, reporter: Reporter) -> Plan:
    """Find and read the weights; classes, labels and preprocessing follow from them.

    Raises UserError or WeightsError for what the user gave, FetchError without a network.
    """
    if recipe.weights == UNTRAINED:
        weights = Weights(source="untrained", file=None, sha256=None)
        state_dict, preprocessing = None, None
        classes = recipe.classes or IMAGENET_CLASSES
    else:
        path, weights, preprocessing = _weights_file(recipe, reporter)
        state_dict = read_state_dict(path)
        classes = count_classes(state_dict, recipe.network, file_name=path.name)
        if recipe.classes not in (None, classes):
            raise UserError(
                f"--classes {recipe.classes} contradicts {path.name}, whose head has {classes}: "
                "leave --classes out"
            )
    return Plan(
        weights=weights,
        state_dict=state_dict,
        classes=classes,
        labels=_labels(recipe, classes, reporter),
        preprocessing=_at_resolution(recipe, preprocessing),
    )


def make_network(recipe: Recipe, plan: Plan, photos: npt.NDArray[np.float32]) -> nn.Module:
    """The network of the plan. An untrained one gets its batch norms' statistics from `photos`.

    `photos` are inputs (N, 3, H, W). Raises WeightsError where the file does not fit.
    """
    torch.manual_seed(recipe.seed)
    network = create(recipe.network, width=recipe.width, classes=plan.classes)
    if plan.state_dict is None:
        settle_batch_norms(network, torch.from_numpy(photos))
    else:
        file_name = plan.weights.file or plan.weights.source
        load_weights(network, plan.state_dict, file_name=file_name)
    return network.eval()


def settle_batch_norms(network: nn.Module, photos: Tensor) -> None:
    """Set the statistics of an untrained network's batch norms to those of `photos` (N, 3, H, W).

    With the initial ones its logits hardly depend on its input, and every comparison on them
    would hold of anything. Raises RunError if they still do not vary.

    Deep stacks of batch norm and ReLU are chaotic at zero bias: a rounding error grows by a fifth
    a layer (Yang et al. 2019, arXiv 1902.08129), and 27 layers of MobileNetV1 turn float16 into
    25 dB. A small positive bias calms them as training does, and leaves the logits their variety.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    network.eval()
    for norm in norms:
        nn.init.constant_(norm.bias, CALMING_BIAS)
        norm.momentum = 1.0  # The new statistics replace the old.
        norm.train()
    with torch.inference_mode():
        network(photos)
        network.eval()
        logits = network(photos)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    variation = float(logits.std(0).mean() / logits.square().mean().sqrt())
    if not variation >= SMALLEST_VARIATION:
        raise RunError(
            "the untrained network gives nearly the same logits for every photo "
            f"({variation:.1e} of their size): give more varied photos, or another --seed"
        )


def _weights_file(recipe: Recipe, reporter: Reporter) -> tuple[Path, Weights, Preprocessing | None]:
    path = Path(recipe.weights)
    if path.exists() or path.suffix or len(path.parts) > 1:
        weights = Weights(
            source="file", file=path.name, sha256=sha256_file(path) if path.is_file() else "0" * 64
        )
        return path, weights, None
    source = find_source(recipe.network, recipe.weights, recipe.width)
    path = fetch_weights(source, progress=reporter.progress)
    weights = Weights(
        source=f"{source.publisher} {source.name}", file=source.file.name, sha256=sha256_file(path)
    )
    return path, weights, source.preprocessing


def _at_resolution(recipe: Recipe, published: Preprocessing | None) -> Preprocessing:
    if published is not None and recipe.resolution in (None, published.crop):
        return published
    height, width = recipe.resolution or NETWORKS[recipe.network].resolution
    return Preprocessing(
        resize=(math.floor(height / CROP_RATIO), math.floor(width / CROP_RATIO)),
        crop=(height, width),
        mean=published.mean if published else IMAGENET_MEAN,
        std=published.std if published else IMAGENET_STD,
    )


def _labels(recipe: Recipe, classes: int, reporter: Reporter) -> tuple[str, ...]:
    if recipe.labels is not None:
        return tuple(read_labels(recipe.labels, classes))
    if classes == IMAGENET_CLASSES:
        return tuple(imagenet_labels())
    reporter.warn(f"{classes} classes without names: give them with --labels FILE, one a line")
    return tuple(default_labels(classes))
