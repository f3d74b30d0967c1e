"""Running a .pte in the ExecuTorch runtime of the Python wheel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from deploy.photos.images import normalize
from deploy.support.errors import GateError
from models.preprocessing import Preprocessing

# Of the flatbuffer of a program, behind the offset of its root.
IDENTIFIER = b"ET12"


def load(path: Path, preprocessing: Preprocessing) -> ExecuTorchClassifier:
    return ExecuTorchClassifier(path, preprocessing)


class ExecuTorchClassifier:
    """A loaded .pte. `preprocessing` makes its tensor input of crops."""

    def __init__(self, path: Path, preprocessing: Preprocessing) -> None:
        """Raises GateError when the runtime does not load the file."""
        from executorch.runtime import Runtime

        self._preprocessing = preprocessing
        with path.open("rb") as file:
            head = file.read(8)
        # Of anything else the runtime's own complaint may end the process, not the call.
        if head[4:] != IDENTIFIER:
            raise GateError(f"{path.name} is no ExecuTorch program: build it again")
        try:
            self._program = Runtime.get().load_program(path)
            method = self._program.load_method("forward")
        except (RuntimeError, ValueError) as error:
            raise GateError(
                f"ExecuTorch cannot load {path.name} ({str(error).splitlines()[0]}): build it again"
            ) from error
        assert method is not None
        self._method = method

    def logits(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Crops, uint8 (N, H, W, 3) -> logits, float32 (N, classes)."""
        inputs = torch.from_numpy(normalize(crops, self._preprocessing))
        # The runtime reuses the memory of its output: each must be copied out.
        rows = [self._method.execute([row[None]])[0].numpy().copy() for row in inputs]
        return np.concatenate(rows)
