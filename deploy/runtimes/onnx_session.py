"""The one way in which we open an .onnx, so that its answers are right on every processor."""

from __future__ import annotations

from pathlib import Path

import onnxruntime

from deploy.runtimes.processor import int8_saturates

# onnxruntime's slower and exact int8 arithmetic, which it takes on x86-64 alone; there it is not
# needed, and costs time, where the processor has VNNI.
EXACT_INT8 = ("session.x64quantprecision", "1")


def open_session(
    model: Path | bytes, *, threads: int = 0, options: onnxruntime.SessionOptions | None = None
) -> onnxruntime.InferenceSession:
    """A session on the processor, with `threads` of its own (0: onnxruntime's choice).

    `options` are further ones, such as profiling. Raises what onnxruntime raises.
    """
    options = options or onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    if int8_saturates():
        options.add_session_config_entry(*EXACT_INT8)
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
