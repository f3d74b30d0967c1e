"""Running an .onnx in onnxruntime, on the processor."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from deploy.errors import GateError
from deploy.images import normalize
from models.preprocessing import Preprocessing


def load(path: Path, preprocessing: Preprocessing) -> OnnxClassifier:
    return OnnxClassifier(path, preprocessing)


class OnnxClassifier:
    """A loaded .onnx. `preprocessing` makes its tensor input of crops."""

    def __init__(self, path: Path, preprocessing: Preprocessing) -> None:
        """Raises GateError when onnxruntime does not load the file."""
        self._preprocessing = preprocessing
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if int8_saturates():
            options.add_session_config_entry("session.x64quantprecision", "1")
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's errors share no public base class.
            raise GateError(
                f"onnxruntime cannot load {path.name} ({str(error).splitlines()[0]}): "
                "build it again"
            ) from error
        (self._input,) = (value.name for value in self._session.get_inputs())

    def logits(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Crops, uint8 (N, H, W, 3) -> logits, float32 (N, classes)."""
        inputs = normalize(crops, self._preprocessing)
        return np.concatenate([self._session.run(None, {self._input: x[None]})[0] for x in inputs])


def int8_saturates(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this processor's int8 dot products may saturate in their 16-bit intermediate.

    True of x86-64 without VNNI, where uint8 x int8 pairs are added in int16; onnxruntime's option
    `session.x64quantprecision` then takes a slower exact path. Where nobody tells, assume it.
    """
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    try:
        flags = cpuinfo.read_text()
    except OSError:
        return True
    return not ("avx512_vnni" in flags or "avx_vnni" in flags)
