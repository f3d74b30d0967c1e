"""One artifact in one runtime, alone in its process: latency_arm.py RUNTIME FILE INPUT THREADS.

Loads FILE and runs it once on the first input of INPUT, a .npy of float32 (N, 3, H, W), or for a
network of pixels of uint8 (N, H, W, 4). Its first line is the logits as JSON. Then each line
"WARM-UP CALLS" on stdin is answered by the median latency of that many calls, in ms, after that
many untimed ones.

Imports nothing of the project, so that a peer's own virtual environment can run it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
# One inference: the input is handed over and the logits are there to read.
Call = Callable[[], Array]


def executorch(path: Path, image: Array, threads: int) -> Call:
    import torch
    from executorch.extension.pybindings import portable_lib
    from executorch.runtime import Runtime

    # "Unsafe" once a model is loaded, since a delegate keeps the pool that it was made with.
    portable_lib._unsafe_reset_threadpool(threads)
    method = Runtime.get().load_program(path).load_method("forward")
    assert method is not None
    if image.dtype == np.uint8:

        def from_bytes() -> Array:
            codes = torch.from_numpy((image ^ 128).view(np.int8)).permute(0, 3, 1, 2)
            logits: Array = method.execute([codes])[0].numpy()
            return logits

        return from_bytes
    inputs = [torch.from_numpy(image)]
    return lambda: method.execute(inputs)[0].numpy()


def onnx(path: Path, image: Array, threads: int, *, exact: bool = True) -> Call:
    from deploy.runtimes.onnx_session import open_session

    session = open_session(path, threads=threads, exact=exact)
    inputs = {session.get_inputs()[0].name: image}
    return lambda: session.run(None, inputs)[0]


def litert(path: Path, image: Array, threads: int) -> Call:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=threads)
    interpreter.allocate_tensors()
    (into,), (out,) = interpreter.get_input_details(), interpreter.get_output_details()
    value = np.ascontiguousarray(image.transpose(0, 2, 3, 1))
    if into["dtype"] == np.int8:
        scale, zero_point = into["quantization"]
        value = np.clip(np.rint(value / scale + zero_point), -128, 127).astype(np.int8)
    scale, zero_point = out["quantization"] if out["dtype"] == np.int8 else (1.0, 0)

    def call() -> Array:
        interpreter.set_tensor(into["index"], value)
        interpreter.invoke()
        logits: Array = (interpreter.get_tensor(out["index"]) - np.float32(zero_point)) * scale
        return logits

    return call


RUNTIMES = {
    "executorch": executorch,
    "onnx": onnx,
    "onnx_saturating": partial(onnx, exact=False),
    "litert": litert,
}


def main() -> None:
    runtime, path, images, threads = sys.argv[1:]
    image: Array = np.load(images)[:1]
    call = RUNTIMES[runtime](Path(path), image, int(threads))
    print(json.dumps(call().ravel().tolist()), flush=True)
    for line in sys.stdin:
        warm_up, calls = map(int, line.split())
        for _ in range(warm_up):
            call()
        print(median(timed(call) for _ in range(calls)), flush=True)


def timed(call: Call) -> float:
    """Milliseconds of one call."""
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1e3


if __name__ == "__main__":
    main()
