"""Running a .pte in the ExecuTorch runtime of the Python wheel."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from deploy.runtimes import Inference, Photo, Timed
from deploy.runtimes.executorch_program import Forward, library
from deploy.support.errors import GateError

if TYPE_CHECKING:
    from models.preprocessing import Preprocessing

# Of the flatbuffer of a program, behind the offset of its root.
IDENTIFIER = b"ET12"
# torch's number of int8, as the runtime gives the type of an input.
_INT8 = 1


def load(path: Path, preprocessing: Preprocessing) -> ExecuTorchClassifier:
    return ExecuTorchClassifier(path, preprocessing)


def timed() -> Timed:
    library()  # Now: it is no part of loading a file.

    def open_timed(file: Path, *, threads: int, input: str, output: str) -> Inference:
        forward = Forward(file, threads=threads)

        def infer(photo: Photo) -> npt.NDArray[np.float32]:
            logits: npt.NDArray[np.float32] = forward(torch.from_numpy(photo)).numpy()
            return logits.ravel()

        return infer

    return Timed(runtime="ExecuTorch", version=version("executorch"), open=open_timed)


class ExecuTorchClassifier:
    """A loaded .pte. `preprocessing` makes its input of crops; of bytes, it takes the crop's."""

    def __init__(self, path: Path, preprocessing: Preprocessing) -> None:
        """Raises GateError when the runtime does not load the file."""
        self._preprocessing = preprocessing
        with path.open("rb") as file:
            head = file.read(8)
        # Of anything else the runtime's own complaint may end the process, not the call.
        if head[4:] != IDENTIFIER:
            raise GateError(f"{path.name} is no ExecuTorch program: build it again")
        try:
            self._forward = Forward(path)
        except (RuntimeError, ValueError) as error:
            raise GateError(
                f"ExecuTorch cannot load {path.name} ({str(error).splitlines()[0]}): build it again"
            ) from error
        self._takes_bytes = self._forward.dtype == _INT8

    def logits(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Crops, uint8 (N, H, W, 3) -> logits, float32 (N, classes)."""
        # Not where a block is timed: it takes memory.
        from deploy.photos.images import codes, normalize

        if self._takes_bytes:
            inputs = torch.from_numpy(codes(crops, signed=True)).permute(0, 3, 1, 2)
        else:
            inputs = torch.from_numpy(normalize(crops, self._preprocessing))
        # The runtime reuses the memory of its output: each must be copied out.
        rows = [self._forward(row[None]).numpy().copy() for row in inputs]
        return np.concatenate(rows)
