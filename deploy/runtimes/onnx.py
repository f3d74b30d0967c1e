"""Running an .onnx in onnxruntime, on the processor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deploy.runtimes import Inference, Photo, Timed
from deploy.runtimes.onnx_session import open_session
from deploy.support.errors import GateError

if TYPE_CHECKING:
    from models.preprocessing import Preprocessing


def load(path: Path, preprocessing: Preprocessing) -> OnnxClassifier:
    return OnnxClassifier(path, preprocessing)


def timed() -> Timed:
    import onnxruntime

    def open_timed(file: Path, *, threads: int, input: str, output: str) -> Inference:
        session = open_session(file, threads=threads)

        def infer(photo: Photo) -> npt.NDArray[np.float32]:
            logits: npt.NDArray[np.float32] = session.run([output], {input: photo})[0]
            return logits.ravel()

        return infer

    return Timed(runtime="ONNX Runtime", version=onnxruntime.__version__, open=open_timed)


class OnnxClassifier:
    """A loaded .onnx. `preprocessing` makes its input of crops; of bytes, it takes the crop's."""

    def __init__(self, path: Path, preprocessing: Preprocessing) -> None:
        """Raises GateError when onnxruntime does not load the file."""
        self._preprocessing = preprocessing
        try:
            # One thread: a second one spins for as much time again, and the answers are the same.
            self._session = open_session(path, threads=1)
        except Exception as error:  # onnxruntime's errors share no public base class.
            raise GateError(
                f"onnxruntime cannot load {path.name} ({str(error).splitlines()[0]}): "
                "build it again"
            ) from error
        (taken,) = self._session.get_inputs()
        self._input, self._takes_bytes = taken.name, taken.type == "tensor(uint8)"

    def logits(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Crops, uint8 (N, H, W, 3) -> logits, float32 (N, classes)."""
        # Not where a block is timed: it takes memory.
        from deploy.photos.images import codes, normalize

        bytes_taken = codes(crops, signed=False) if self._takes_bytes else None
        inputs = normalize(crops, self._preprocessing) if bytes_taken is None else bytes_taken
        return np.concatenate([self._session.run(None, {self._input: x[None]})[0] for x in inputs])
