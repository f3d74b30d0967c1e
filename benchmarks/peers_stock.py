"""int8 as the toolkits' documentation makes it: peers_stock.py NETWORK.pt2 INPUTS.npy FOLDER.

Writes FOLDER/executorch_int8.pte and FOLDER/onnx_int8.onnx from a float program saved by
torch.export, calibrated on INPUTS, float32 (N, 3, H, W).

`quantize_static` has the settings that its documentation recommends for x86-64 with VNNI: a
preprocessed model, QDQ, per channel, uint8 activations and int8 weights.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from stock_common import quantize_exported
from torch.export import ExportedProgram

Array = npt.NDArray[np.float32]


def executorch(program: ExportedProgram, inputs: Array, path: Path) -> None:
    """XNNPACKQuantizer, per channel, lowered to XNNPACK."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    module = program.module(check_guards=False)
    converted = quantize_exported(module, torch.from_numpy(inputs)[:, None])
    lowered = to_edge_transform_and_lower(converted, partitioner=[XnnpackPartitioner()])
    path.write_bytes(lowered.to_executorch().buffer)


def onnx(program: ExportedProgram, inputs: Array, path: Path) -> None:
    """onnxruntime's own quantizer on torch's own export."""
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self._inputs: Iterator[dict[str, Array]] = ({"input": x[None]} for x in inputs)

        def get_next(self) -> dict[str, Array] | None:
            return next(self._inputs, None)

    exported = torch.onnx.export(program, dynamo=True, input_names=["input"], verbose=False)
    assert exported is not None
    with tempfile.TemporaryDirectory() as scratch:
        float_model, prepared = Path(scratch, "float.onnx"), Path(scratch, "prepared.onnx")
        exported.save(float_model)
        quant_pre_process(float_model, prepared)
        quantize_static(
            prepared,
            path,
            Reader(),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )


def main() -> None:
    warnings.filterwarnings("ignore")
    network, images, folder = sys.argv[1:]
    program, inputs = torch.export.load(network), np.load(images)
    executorch(program, inputs, Path(folder, "executorch_int8.pte"))
    onnx(program, inputs, Path(folder, "onnx_int8.onnx"))


if __name__ == "__main__":
    main()
