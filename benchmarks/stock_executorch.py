"""The stock way to two .pte files: stock_executorch.py WEIGHTS FOLDER."""

from __future__ import annotations

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import to_edge_transform_and_lower
from stock_common import EXAMPLE, arguments, finish, load_network, quantize, stage

weights, folder = arguments()
network = load_network(weights)
with stage("quantize"):
    int8 = quantize(network)
for precision, program in (("fp32", torch.export.export(network, EXAMPLE)), ("int8", int8)):
    with stage(precision):
        lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
        (folder / f"stock_{precision}.pte").write_bytes(lowered.to_executorch().buffer)
finish(folder / "executorch.json")
