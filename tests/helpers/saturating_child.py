"""The int8 .onnx of a bundle on the processor that an emulator plays: MODEL INPUTS OUTPUTS.

Imports numpy and onnxruntime alone, of ours only what opens a session: an emulated start is slow.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnxruntime

from deploy.runtimes.onnx_session import open_session
from deploy.runtimes.processor import int8_saturates


def main() -> None:
    model, inputs, outputs = map(Path, sys.argv[1:])
    images = np.load(inputs)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    plain = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    np.savez(
        outputs,
        saturates=int8_saturates(),
        plain=np.concatenate([plain.run(None, {"input": x[None]})[0] for x in images]),
        ours=np.concatenate([open_session(model).run(None, {"input": x[None]})[0] for x in images]),
    )


if __name__ == "__main__":
    main()
