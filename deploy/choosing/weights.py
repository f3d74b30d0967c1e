"""Which weights each network and width of a sweep gets: settled before anything is built."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.capture.spec import UNTRAINED
from deploy.choosing.sweep import BEST_WEIGHTS, Sweep
from deploy.support.errors import FetchError, UserError
from deploy.support.reporter import Progress, silent
from deploy.weights import fetch_weights, find_source
from models.weights.source import DEFAULT_WEIGHTS, WeightSource


@dataclass(frozen=True, kw_only=True)
class SettledWeights:
    """`name` is what `NetworkSpec.weights` takes. `source` is None for untrained ones, and
    `untrained_because` says why; `error` why there are none at all."""

    name: str = UNTRAINED
    source: WeightSource | None = None
    untrained_because: str | None = None
    error: str | None = None


def settle_weights(
    sweep: Sweep, network: str, width: float, progress: Progress = silent
) -> SettledWeights:
    """Find and fetch what `sweep.weights` means. What it names and cannot be had is an error;
    "auto" then takes untrained ones."""
    if sweep.weights == UNTRAINED:
        return SettledWeights(untrained_because="untrained weights were asked for")
    if not sweep.is_imagenet:
        return SettledWeights(untrained_because=f"it has {sweep.classes} classes, not ImageNet's")
    name = DEFAULT_WEIGHTS if sweep.weights == BEST_WEIGHTS else sweep.weights
    try:
        source = find_source(network, name, width)
        fetch_weights(source, progress=progress)
    except (UserError, FetchError) as error:
        if sweep.weights != BEST_WEIGHTS:
            return SettledWeights(error=str(error))
        return SettledWeights(untrained_because=str(error))
    return SettledWeights(name=name, source=source)
