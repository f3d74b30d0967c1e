"""LiteRT's own conversion: peers_litert.py NETWORK.pt2 INPUTS.npy FOLDER.

Writes FOLDER/litert_fp32.tflite and FOLDER/litert_int8.tflite from a float program saved by
torch.export, calibrated on INPUTS, float32 (N, 3, H, W). Runs in a virtual environment of its own
with `litert-torch` (see README.md), which brings the converter, the quantizer and the runtime.

Both are what LiteRT is quickest with: channels last from the input on, and an int8 model that takes
and gives int8.
"""

from __future__ import annotations

import sys
from pathlib import Path

import litert_torch
import numpy as np
import torch
from ai_edge_quantizer import quantizer, recipe


def main() -> None:
    network, images, folder = sys.argv[1:]
    inputs = np.ascontiguousarray(np.load(images).transpose(0, 2, 3, 1))
    module = litert_torch.to_channel_last_io(
        torch.export.load(network).module(check_guards=False), args=[0]
    )
    fp32 = Path(folder, "litert_fp32.tflite")
    litert_torch.convert(module, (torch.from_numpy(inputs[:1]),)).export(str(fp32))
    static = quantizer.Quantizer(str(fp32), recipe.static_wi8_ai8())
    calibrated = static.calibrate({"serving_default": [{"args_0": x[None]} for x in inputs]})
    static.quantize(calibrated).export_model(str(Path(folder, "litert_int8.tflite")))


if __name__ == "__main__":
    main()
