"""ONNX: opset 20 and IR 10, which the runtimes on phones load; int8 as QuantizeLinear pairs."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram

from deploy.bundle.manifest import ArtifactInput, ArtifactOutput
from deploy.export.interface import Spec
from deploy.export.operators import OperatorCount
from deploy.quantize.write import ONNXRUNTIME as DIALECT

__all__ = ["DIALECT", "count_operators", "export", "interface"]

OPSET = 20
INPUT, OUTPUT = "input", "logits"


def export(program: ExportedProgram, path: Path, spec: Spec) -> ExportedProgram:
    """Translate `program`, float or PT2E, and write it to `path`."""
    exported = torch.onnx.export(
        program,
        dynamo=True,
        opset_version=OPSET,
        input_names=[INPUT],
        output_names=[OUTPUT],
        custom_translation_table=_translations(),
        verbose=False,
    )
    assert exported is not None
    _strip_traces(exported.model)
    exported.save(path)
    return program


def interface(spec: Spec) -> tuple[ArtifactInput, ArtifactOutput]:
    return (
        ArtifactInput(kind="tensor", name=INPUT, shape=spec.input_shape),
        ArtifactOutput(name=OUTPUT, shape=spec.output_shape, kind="logits", label_output=None),
    )


def _translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    from onnxscript import opset20 as op

    def mean_dim(x: Any, dim: Sequence[int], keepdim: bool = False, dtype: int = -1) -> Any:
        """Pooling has an int8 kernel in onnxruntime; ReduceMean has none."""
        if keepdim and len(x.shape) == 4 and sorted(d % 4 for d in dim) == [2, 3]:
            return op.GlobalAveragePool(x)
        return op.ReduceMean(x, op.Constant(value_ints=list(dim)), keepdims=int(keepdim))

    return {torch.ops.aten.mean.dim: mean_dim}


def _strip_traces(model: Any) -> None:
    """Remove the stack traces that torch leaves on nodes: they name paths of the user's machine."""
    model.metadata_props.clear()
    for graph in (model.graph, *(f.graph for f in model.functions.values())):
        graph.metadata_props.clear()
        for node in graph:
            node.metadata_props.clear()
            node.doc_string = None
            for value in node.outputs:
                value.metadata_props.clear()
        for value in [*graph.inputs, *graph.initializers.values()]:
            value.metadata_props.clear()


# onnxruntime's names of heavy and int8 operators in the vocabulary of OperatorCount.
_NAMES = {
    "Conv": "conv.float",
    "FusedConv": "conv.float",
    "QLinearConv": "conv.int8",
    "Gemm": "linear.float",
    "FusedGemm": "linear.float",
    "QGemm": "linear.int8",
    "MatMul": "matmul.float",
    "FusedMatMul": "matmul.float",
    "QLinearMatMul": "matmul.int8",
    "MatMulInteger": "matmul.int8",
}


def count_operators(path: Path) -> OperatorCount:
    """Operators of the graph that onnxruntime really runs, after its own fusions.

    A QDQ file says what could be int8; only the optimized model says what is. Everything runs
    inside the one CPU provider.
    """
    import onnx
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.optimized_model_filepath = str(Path(folder, "optimized.onnx"))
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        graph = onnx.load(options.optimized_model_filepath).graph
    count: Counter[str] = Counter()
    for node in graph.node:
        is_int8 = node.op_type.startswith("QLinear")
        name = node.op_type.removeprefix("QLinear").lower()
        count[_NAMES.get(node.op_type, f"{name}.{'int8' if is_int8 else 'float'}")] += 1
    return OperatorCount(inside=dict(count), outside={})
