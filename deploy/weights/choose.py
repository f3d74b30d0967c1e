"""From what `--weights` says to tensors that fit, and what they ask of network and photo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.support.hashing import sha256_file
from deploy.support.reporter import Reporter
from deploy.weights.published import (
    fetch_weights,
    find_conventions,
    find_known_file,
    find_source,
    names_a_file,
)
from deploy.weights.read import read_state_dict
from models.preprocessing import Preprocessing
from models.weights.source import Convention, LayoutName, WeightSource, preprocess

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
    padding: str | None = None,
    prefix: str | None = None,
    reporter: Reporter,
) -> ChosenWeights:
    """The weights that `weights`, a published name or a path, means for a network of ours.

    A file whose hash is published is known wherever it lies; of any other the layout tells what
    it needs, and `resolution` (height, width) stands for the one it does not tell. `padding` goes
    before the weights' own; `prefix` as of `fit_weights`. Raises UserError, WeightsError or
    FetchError.
    """
    from deploy.weights.fit import fit_weights  # Of torch, which a look-up must not wait for.

    path, source = _find(network, weights, width, reporter)
    tensors = read_state_dict(path)
    sha256 = sha256_file(path)
    if source is not None and not source.file.sha256:
        reporter.warn(f"no SHA-256 of {path.name} is published to check it by: it is {sha256}")
    fitted = fit_weights(tensors, network, width=width, file_name=path.name, prefix=prefix)
    if fitted.left_out:
        reporter.warn(f"{path.name}: {fitted.left_out}")
    known = source or find_known_file(sha256)
    if known:
        convention = known.convention
    else:
        convention = _guess_convention(network, fitted.layout, padding, path.name, reporter)
    return ChosenWeights(
        state_dict=fitted.state_dict,
        source=source.title if source else f"file, {fitted.layout} layout",
        file_name=path.name,
        sha256=sha256,
        layout=fitted.layout,
        classes=fitted.classes,
        options=convention.options
        if padding is None
        else {**convention.options, "padding": padding},
        preprocessing=known.preprocessing if known else preprocess(convention, resolution),
    )


def _guess_convention(
    network: str, layout: LayoutName, padding: str | None, file_name: str, reporter: Reporter
) -> Convention:
    """What a file needs of which no more is known than its layout and, where said, padding.

    In timm the padding tells the rest too: `tf_` networks have inputs and an eps of their own.
    """
    likeliest, *others = find_conventions(network, layout)
    if padding is None and others:
        reporter.warn(
            f"{file_name} has the names of timm's {network} and of its tf_ twin alike: taken for "
            f"the first, --padding {likeliest.options['padding']}; if it is of the twin give "
            f"--padding {others[0].options['padding']}"
        )
    asked = (one for one in others if one.options["padding"] == padding)
    return next(asked, likeliest)


def _find(
    network: str, weights: str, width: float, reporter: Reporter
) -> tuple[Path, WeightSource | None]:
    """The file, and its row in the table where `weights` names one."""
    if names_a_file(weights):
        return Path(weights), None
    source = find_source(network, weights, width)
    return fetch_weights(source, progress=reporter.progress), source
