"""The stock way to two .onnx files: stock_onnx.py WEIGHTS FOLDER."""

from __future__ import annotations

import torch
from stock_common import EXAMPLE, arguments, finish, load_network, quantize, stage

weights, folder = arguments()
network = load_network(weights)
with stage("quantize"):
    int8 = quantize(network)
for precision, program in (("fp32", torch.export.export(network, EXAMPLE)), ("int8", int8)):
    with stage(precision):
        exported = torch.onnx.export(program, dynamo=True)
        assert exported is not None
        exported.save(folder / f"stock_{precision}.onnx")
finish(folder / "onnx.json")
