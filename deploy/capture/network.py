"""The network that a spec names, in eval mode, with its weights, preprocessing and labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from deploy.bundle.manifest import Weights
from deploy.capture.given import preprocessing_of
from deploy.capture.spec import IMAGENET_CLASSES, UNTRAINED, NetworkSpec
from deploy.labels import default_labels, imagenet_labels, read_labels
from deploy.photos.preprocessing import default_preprocessing
from deploy.support.errors import RunError, UserError
from deploy.support.reporter import Reporter
from deploy.weights import choose_weights
from deploy.weights.fit import load_weights
from models.preprocessing import Preprocessing
from models.registry import NETWORKS, create

if TYPE_CHECKING:
    import numpy.typing as npt

# Between photos, an untrained network's logits must vary by this share of their own size.
SMALLEST_VARIATION = 0.01
CALMING_BIAS = 0.5


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is known of the network before any photo is read.

    `state_dict` is what to load, None for an untrained network; `options` what it asks of one of
    ours besides width and classes.
    """

    weights: Weights
    state_dict: dict[str, Tensor] | None = None
    options: Mapping[str, str | float] = field(default_factory=dict)
    classes: int
    labels: tuple[str, ...]
    preprocessing: Preprocessing


def plan_network(spec: NetworkSpec, reporter: Reporter) -> Plan:
    """Find and read the weights; classes, labels and preprocessing follow from them.

    Raises UserError or WeightsError for what the user gave, FetchError without a network.
    """
    resolution = spec.resolution or NETWORKS[spec.name].resolution
    if spec.weights == UNTRAINED:
        classes = spec.classes or IMAGENET_CLASSES
        return Plan(
            weights=Weights(source="untrained", file=None, sha256=None),
            options={} if spec.padding is None else {"padding": spec.padding},
            classes=classes,
            labels=choose_labels(spec, classes, reporter),
            preprocessing=preprocessing_of(spec, default_preprocessing(resolution)),
        )
    chosen = choose_weights(
        spec.name,
        spec.chosen_weights,
        width=spec.width,
        resolution=resolution,
        padding=spec.padding,
        prefix=spec.weights_prefix,
        reporter=reporter,
    )
    if spec.classes not in (None, chosen.classes):
        raise UserError(
            f"--classes {spec.classes} contradicts {chosen.file_name}, whose head has "
            f"{chosen.classes}: leave --classes out"
        )
    return Plan(
        weights=Weights(source=chosen.source, file=chosen.file_name, sha256=chosen.sha256),
        state_dict=chosen.state_dict,
        options=chosen.options,
        classes=chosen.classes,
        labels=choose_labels(spec, chosen.classes, reporter),
        preprocessing=preprocessing_of(spec, chosen.preprocessing),
    )


def make_network(spec: NetworkSpec, plan: Plan, photos: npt.NDArray[np.float32]) -> nn.Module:
    """The network of the plan. An untrained one gets its batch norms' statistics from `photos`.

    `photos` are inputs (N, 3, H, W). Raises WeightsError where the file does not fit.
    """
    torch.manual_seed(spec.seed)
    network = create(spec.name, width=spec.width, classes=plan.classes, **plan.options)
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
    share = variation(logits)
    if not share >= SMALLEST_VARIATION:
        raise RunError(
            "the untrained network gives nearly the same logits for every photo "
            f"({share:.1e} of their size): give more varied photos, or another --seed"
        )


def variation(logits: Tensor) -> float:
    """How much logits (N, classes) vary between photos, as a share of their own size."""
    return float(logits.std(0).mean() / logits.square().mean().sqrt())


def choose_labels(spec: NetworkSpec, classes: int, reporter: Reporter) -> tuple[str, ...]:
    """The names of the classes: from the user's file, ImageNet's for 1000, else numbers."""
    if spec.labels is not None:
        return tuple(read_labels(spec.labels, classes))
    if classes == IMAGENET_CLASSES:
        return tuple(imagenet_labels())
    reporter.warn(f"{classes} classes without names: give them with --labels FILE, one a line")
    return tuple(default_labels(classes))
