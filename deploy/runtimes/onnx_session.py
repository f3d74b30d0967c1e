"""The one way in which we open an .onnx, so that its answers are right on every processor."""

from __future__ import annotations

import os
from pathlib import Path

import onnxruntime

from deploy.bundle.onnx_file import check_self_contained
from deploy.runtimes.processor import int8_saturates

# onnxruntime's slower and exact int8 arithmetic, which it takes on x86-64 alone; there it is not
# needed, and costs time, where the processor has VNNI.
EXACT_INT8 = ("session.x64quantprecision", "1")

# Where a model in memory looks for weights in other files, which else is the current folder: none
# has any, and here there are none.
_NO_OTHER_FILES = ("session.model_external_initializers_file_folder_path", os.devnull)


def open_session(
    model: Path | bytes,
    *,
    threads: int = 0,
    options: onnxruntime.SessionOptions | None = None,
    exact: bool = True,
) -> onnxruntime.InferenceSession:
    """A session on the processor, with `threads` of its own (0: onnxruntime's choice).

    `model` is a file of a bundle whose integrity was checked, or of our own making; or any bytes:
    these are refused with a ValueError where they are no model or name other files. `options` are
    further ones, such as profiling. Without `exact` int8 saturates where the processor has no VNNI,
    as onnxruntime has it by itself: only to compare with. Raises what onnxruntime raises.
    """
    options = options or onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    if exact and int8_saturates():
        options.add_session_config_entry(*EXACT_INT8)
    if isinstance(model, bytes):
        check_self_contained(model)
        options.add_session_config_entry(*_NO_OTHER_FILES)
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
