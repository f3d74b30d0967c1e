"""Which network, with which weights, for which input: checked where it is said. Needs no torch."""

from __future__ import annotations

import difflib
import math
import os
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path

from deploy.capture.user.reference import Reference, parse_reference
from deploy.photos.preprocessing import LARGEST_SIDE, SMALLEST_SIDE, PreprocessingOptions
from deploy.support.choices import one_of
from deploy.support.errors import UserError
from models.registry import NETWORKS
from models.weights.source import DEFAULT_WEIGHTS

UNTRAINED = "none"
IMAGENET_CLASSES = 1000
PADDINGS = ("symmetric", "same")  # As `models.layers.Padding`, whose module imports torch.

# By what their names end with.
_WEIGHTS = (".pth", ".pt", ".ckpt", ".bin", ".safetensors", ".h5", ".tar")
_ARTIFACTS = (".onnx", ".pte", ".tflite", ".mlpackage", ".mlmodel")


@dataclass(frozen=True)
class NetworkSpec:
    """A network as the user asks for it. Raises UserError for one that cannot be made.

    `name` is one of ours, or the user's own as `deploy.capture.user.reference` reads it. `weights`
    is a published name, "none", or the path of a file; None is "imagenet", or for the user's own
    network what its factory gives it. `weights_prefix` says what stands before the names of the
    network to take, in a file that holds several. `resolution` is (height, width), None for the
    weights' own. `preprocessing` goes before `preprocessing_file`, and both before the weights'.
    `classes`, `labels` and `padding` are None to follow the weights. `logits` is which output of
    the user's own network they are, where it has several: a key, a field or a number. `seed` is
    that of untrained weights.
    """

    name: str
    _: KW_ONLY
    weights: str | None = None
    weights_prefix: str | None = None
    width: float = 1.0
    padding: str | None = None
    resolution: tuple[int, int] | None = None
    classes: int | None = None
    logits: str | None = None
    labels: Path | None = None
    preprocessing: PreprocessingOptions = field(default_factory=PreprocessingOptions)
    preprocessing_file: Path | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        self._check_types()
        if self.reference is not None:
            self._check_for_own_network()
        elif self.name not in NETWORKS:
            raise UserError(f"unknown network {self.name!r}: {_hint(self.name)}")
        if not (math.isfinite(self.width) and 0.1 <= self.width <= 4):
            raise UserError(f"--width {self.width:g} is out of range: give 0.1 to 4, such as 0.5")
        if self.weights_prefix is not None and self.weights in (None, DEFAULT_WEIGHTS, UNTRAINED):
            raise UserError(
                "--weights-prefix is for a file that holds several networks: give it with "
                "--weights FILE, or leave --weights-prefix out"
            )
        if self.logits is not None and self.reference is None:
            raise UserError(
                f"--logits is for a network of your own that has several outputs: {self.name} has "
                "one, leave --logits out"
            )
        if self.padding is not None:
            one_of("--padding", "padding", self.padding, PADDINGS)
        for side in self.resolution or ():
            if not SMALLEST_SIDE <= side <= LARGEST_SIDE:
                raise UserError(
                    f"--resolution {side} is out of range: give {SMALLEST_SIDE} to {LARGEST_SIDE}"
                )
        if self.classes is not None and not 2 <= self.classes <= 100_000:
            raise UserError(
                f"--classes {self.classes} is out of range: give 2 to 100000 (a network that "
                "says yes or no has 2)"
            )
        if (
            self.classes is not None
            and self.reference is None
            and self.weights in (None, DEFAULT_WEIGHTS)
        ):
            raise UserError(
                "--classes contradicts the published weights, whose classes are ImageNet's: "
                "give your own with --weights FILE, or --weights none"
            )

    @property
    def chosen_weights(self) -> str:
        """`weights`, or what None stands for."""
        return self.weights or (DEFAULT_WEIGHTS if self.reference is None else UNTRAINED)

    def _check_types(self) -> None:
        """Strings stand for paths, and paths for weights, as on the command line."""
        for name in ("labels", "preprocessing_file"):
            if isinstance(path := getattr(self, name), str):
                object.__setattr__(self, name, Path(path))
        for name in ("name", "weights"):
            if isinstance(path := getattr(self, name), Path):
                object.__setattr__(self, name, str(path))
        whole = {"classes": self.classes, "seed": self.seed}
        for name, value in whole.items():
            if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
                raise UserError(f"{name}: {value!r} is no whole number")
        if not 0 <= self.seed < 2**32:
            raise UserError(f"seed {self.seed} is out of range: give 0 to 4294967295")
        if isinstance(self.width, bool) or not isinstance(self.width, (int, float)):
            raise UserError(f"width: {self.width!r} is no number: give one such as 0.5")
        if self.resolution is not None and not (
            isinstance(self.resolution, tuple)
            and len(self.resolution) == 2
            and all(isinstance(side, int) for side in self.resolution)
        ):
            raise UserError(
                f"resolution: {self.resolution!r} is no size: give (height, width), such as "
                "(160, 224)"
            )

    @property
    def reference(self) -> Reference | None:
        """The user's own network; None for one of ours."""
        return parse_reference(self.name)

    @property
    def file_name(self) -> str:
        """What names of files begin with, such as `mobilenet_v2` or `nets.make_net`."""
        return self.reference.name if self.reference else self.name

    def _check_for_own_network(self) -> None:
        if self.width != 1:
            raise UserError(
                f"--width is for our own networks: let {self.name} make it as wide as you want"
            )
        if self.padding is not None:
            raise UserError(
                f"--padding is for our own networks: {self.name} is built as it makes it, "
                "leave --padding out"
            )
        if self.weights is not None and self.name.endswith(".pt2"):
            raise UserError(f"{self.name} has its weights in it: leave --weights out")
        if self.weights == UNTRAINED:
            raise UserError(
                f"--weights {UNTRAINED} is for our own networks: {self.name} is built as it "
                "makes it, leave --weights out"
            )


def _hint(name: str) -> str:
    """What somebody meant, most likely, by a name that is no network's."""
    suffix = Path(name).suffix.lower()
    if suffix in _WEIGHTS:
        return f"a file of weights goes with its network, as in mobilenet_v2 --weights {name}"
    if suffix in _ARTIFACTS:
        return "what is exported already is not built again: give the Python that makes it"
    if os.path.isdir(name):
        what = "bundle" if os.path.exists(Path(name, "manifest.json")) else "folder"
        return f"there is a {what} of that name, but a network is to be named first"
    near = difflib.get_close_matches(name, NETWORKS, n=3, cutoff=0.4)
    return f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(NETWORKS)}"
