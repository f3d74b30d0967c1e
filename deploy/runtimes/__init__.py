"""Load an artifact and call it: a module a runtime, named in the backend's row.

load(path, preprocessing) -> Classifier     raises GateError where the file does not load,
                                                CannotRunError where it cannot be run here
timed() -> Timed                            optional: where this computer can measure it
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from deploy.backends import BACKENDS

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from models.preprocessing import Preprocessing


class Classifier(Protocol):
    """An artifact in its runtime."""

    def logits(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Crops, uint8 (N, H, W, 3) RGB -> logits, float32 (N, classes)."""


# A photo as an artifact takes it: float32 (1, 3, H, W), or the codes of a bitmap's bytes.
Photo: TypeAlias = "npt.NDArray[Any]"
# One inference: a photo to logits, float32 (classes,), which the next one may overwrite.
Inference = Callable[[Photo], "npt.NDArray[np.float32]"]


class Opener(Protocol):
    """Loads an artifact to be timed."""

    def __call__(self, file: Path, *, threads: int, input: str, output: str) -> Inference:
        """`threads` is 0 for the runtime's own choice; `input` and `output` are names."""


@dataclass(frozen=True, kw_only=True)
class Timed:
    """A runtime, imported, by whose `open` an artifact's loading and inferences are timed."""

    runtime: str
    version: str
    open: Opener


def load(format: str, path: Path, preprocessing: Preprocessing) -> Classifier:
    """The artifact at `path` in the runtime of its format. Raises GateError if it does not load."""
    classifier: Classifier = module_of(format).load(path, preprocessing)
    return classifier


def module_of(format: str) -> ModuleType:
    """The runtime of a format, imported."""
    return importlib.import_module(BACKENDS[format].classifier)
