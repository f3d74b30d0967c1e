"""From what `--weights` says to tensors that fit, and what they ask of network and photo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.hashing import sha256_file
from deploy.reporter import Reporter
from deploy.weights.fit import fit_weights
from deploy.weights.published import fetch_weights, find_known_file, find_source
from deploy.weights.read import read_state_dict
from models.preprocessing import Preprocessing
from models.weights.conventions import OF_LAYOUT, LayoutName
from models.weights.source import WeightSource, preprocess

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class ChosenWeights:
    """Tensors under our names, whose classes they know, and what belongs to them.

    `source` says in words where they come from; `options` are the network's that they need, such
    as padding; `preprocessing` is what they were trained with, at their own resolution.
    """

    state_dict: dict[str, Tensor]
    source: str
    file_name: str
    sha256: str
    layout: LayoutName
    classes: int
    options: Mapping[str, str | float]
    preprocessing: Preprocessing


def choose_weights(
    network: str,
    weights: str,
    *,
    width: float,
    resolution: tuple[int, int],
    reporter: Reporter,
) -> ChosenWeights:
    """The weights that `weights`, a published name or a path, means for a network of ours.

    A file whose hash is published is known wherever it lies; of any other the layout tells what
    it needs, and `resolution` (height, width) stands for the one it does not tell. Raises
    UserError, WeightsError or FetchError.
    """
    path, source = _find(network, weights, width, reporter)
    tensors = read_state_dict(path)
    sha256 = sha256_file(path)
    if source is not None and not source.file.sha256:
        reporter.warn(f"no SHA-256 of {path.name} is published to check it by: it is {sha256}")
    fitted = fit_weights(tensors, network, width=width, file_name=path.name)
    known = source or find_known_file(sha256)
    convention = known.convention if known else OF_LAYOUT[fitted.layout]
    return ChosenWeights(
        state_dict=fitted.state_dict,
        source=source.title if source else f"file, {fitted.layout} layout",
        file_name=path.name,
        sha256=sha256,
        layout=fitted.layout,
        classes=fitted.classes,
        options=convention.options,
        preprocessing=known.preprocessing if known else preprocess(convention, resolution),
    )


def _find(
    network: str, weights: str, width: float, reporter: Reporter
) -> tuple[Path, WeightSource | None]:
    """The file, and its row in the table where `weights` names one."""
    path = Path(weights)
    if path.exists() or path.suffix or len(path.parts) > 1:
        return path, None
    source = find_source(network, weights, width)
    return fetch_weights(source, progress=reporter.progress), source
