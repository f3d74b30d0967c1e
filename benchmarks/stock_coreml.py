"""The stock way to two .mlpackage folders: stock_coreml.py WEIGHTS FOLDER."""

from __future__ import annotations

import coremltools as ct
import torch
from stock_common import EXAMPLE, arguments, finish, load_network, quantize, stage

weights, folder = arguments()
network = load_network(weights)
with stage("quantize"):
    int8 = quantize(network)
for precision, program in (("fp16", torch.export.export(network, EXAMPLE)), ("int8", int8)):
    with stage(precision):
        model = ct.convert(
            program.run_decompositions({}),
            minimum_deployment_target=ct.target.iOS17,
            skip_model_load=True,
        )
        model.save(str(folder / f"stock_{precision}.mlpackage"))
finish(folder / "coreml.json")
