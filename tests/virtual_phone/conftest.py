"""Networks of one layer, 48 numbers to 5 logits, for virtual phones to run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

SHAPE = (1, 3, 4, 4)


@pytest.fixture(scope="module")
def tiny_onnx() -> bytes:
    weights = np.random.default_rng(1).normal(size=(48, 5)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["input"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, (1, 5))],
        [numpy_helper.from_array(weights, "weights")],
    )
    opset = helper.make_opsetid("", 20)
    return helper.make_model(graph, opset_imports=[opset], ir_version=10).SerializeToString()


@pytest.fixture(scope="module")
def tiny_pte(shared_folder: Callable[[str, Callable[[Path], None]], Path]) -> bytes:
    def make(folder: Path) -> None:
        # Once for all workers: the exporter takes seconds to import.
        import torch
        from executorch.exir import to_edge

        network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 5))
        exported = torch.export.export(network.eval(), (torch.zeros(SHAPE),))
        (folder / "tiny.pte").write_bytes(to_edge(exported).to_executorch().buffer)

    return (shared_folder("tiny-pte", make) / "tiny.pte").read_bytes()
