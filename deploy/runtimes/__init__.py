"""Load an artifact and call it: a file a runtime, named after its format, imported when chosen."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from deploy.bundle.manifest import Format
    from models.preprocessing import Preprocessing


class Classifier(Protocol):
    """An artifact in its runtime."""

    def logits(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Crops, uint8 (N, H, W, 3) RGB -> logits, float32 (N, classes)."""


def load(format: Format, path: Path, preprocessing: Preprocessing) -> Classifier:
    """The artifact at `path` in the runtime of its format. Raises GateError if it does not load."""
    runtime = importlib.import_module(f"deploy.runtimes.{format}")
    classifier: Classifier = runtime.load(path, preprocessing)
    return classifier
