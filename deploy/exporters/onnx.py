"""ONNX: opset 20 and IR 10, which the runtimes on phones load; int8 as QuantizeLinear pairs."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.export import ExportedProgram
from torch.fx import GraphModule

from deploy.bundle.manifest import ArtifactInput, ArtifactOutput
from deploy.capture.program import aten, calls, graph_module, input_shape, tidy
from deploy.exporters.interface import Spec
from deploy.exporters.onnx_minimum import oldest_runtime
from deploy.exporters.operators import OperatorCount
from deploy.exporters.pixels import UNSIGNED_ROWS, artifact_input, take_bytes
from deploy.exporters.rewrites.adaptive_pools import adaptive_pools_by_constants
from deploy.exporters.rewrites.forms import write_pools_out
from deploy.exporters.rewrites.rewriting import concat_before_avg_pool, noise, pad_before_avg_pool
from deploy.exporters.rewrites.rewriting import prove as prove_rewrites
from deploy.quantization.write import ONNXRUNTIME as DIALECT
from deploy.support.temporary import temporary_folder
from deploy.verification.gates import Check, judge_reasons

__all__ = [
    "DIALECT",
    "count_operators",
    "export",
    "interface",
    "oldest_runtime",
    "prove",
    "prove_forms",
]

OPSET = 20
INPUT, OUTPUT = "input", "logits"


def export(program: ExportedProgram, path: Path, spec: Spec) -> ExportedProgram:
    """Translate `program`, float or PT2E, and write it to `path`."""
    prepared = _prepared(program)
    if spec.input == "pixels":
        prepared = take_bytes(prepared, UNSIGNED_ROWS)
    exported = torch.onnx.export(
        prepared,
        dynamo=True,
        opset_version=OPSET,
        input_names=[INPUT],
        output_names=[OUTPUT],
        custom_translation_table=_translations(),
        verbose=False,
    )
    assert exported is not None
    _strip_traces(exported.model)
    _keep_softmax_in_float(exported.model.graph)
    _give_each_reader_its_own(exported.model.graph)
    exported.save(path)
    return program


def prove_forms(program: ExportedProgram, photos: torch.Tensor) -> None:
    """Raise ExportError where a rewrite for ONNX is wrong on `photos` (N, C, H, W), normalized."""
    _rewrite_pools(graph_module(program), photos)


def _prepared(program: ExportedProgram) -> ExportedProgram:
    """`program` in forms that onnxruntime reads as meant."""
    module, shape = graph_module(program), input_shape(program)
    if not any(calls(module, *_POOLS)):
        return program
    _rewrite_pools(module, noise(shape))
    write_pools_out(module)
    return torch.export.export(module, (torch.zeros(shape),))


def _rewrite_pools(module: GraphModule, examples: torch.Tensor) -> None:
    """Each rewrite by itself, for one may replace what another wrote; proved on `examples`."""
    for rewrite in (
        adaptive_pools_by_constants,
        partial(pad_before_avg_pool, plain_padding=False),
        concat_before_avg_pool,
    ):
        before = copy.deepcopy(module)
        replaced = rewrite(module)
        tidy(module)
        prove_rewrites(before, module, replaced, examples)


_POOLS = (
    aten.avg_pool2d.default,
    aten.adaptive_avg_pool2d.default,
    aten.adaptive_max_pool2d.default,
    aten.max_pool2d.default,
)


def prove(
    converted: ExportedProgram, path: Path, spec: Spec, crops: npt.NDArray[np.uint8]
) -> list[Check]:
    """The gate of the file alone: what every processor needs, on whichever this is."""
    shared = shared_int8_constants(path)
    gate, required = "readers of each int8 constant", "one"
    return [judge_reasons(f"onnx-{spec.precision}", gate, required, shared)]


def interface(spec: Spec) -> tuple[ArtifactInput, ArtifactOutput]:
    return (
        artifact_input(spec, INPUT, UNSIGNED_ROWS),
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


def _keep_softmax_in_float(graph: Any) -> None:
    """dq -> softmax -> q        becomes        dq -> log-softmax -> exp -> q

    onnxruntime would make one int8 kernel of the three, QLinearSoftmax, whose answers are wrong
    where the logits are nearly equal: all 0 for 16 of them within 0.7 (1.31, x86-64).
    """
    import onnx_ir as ir

    for node in list(graph):
        if node.op_type != "Softmax" or node.domain:
            continue
        before = node.inputs[0].producer()
        if before is None or before.op_type != "DequantizeLinear":
            continue
        (result,) = node.outputs
        if all(user.op_type != "QuantizeLinear" for user in result.consumers()):
            continue
        log = ir.node("LogSoftmax", node.inputs, attributes=dict(node.attributes))
        exp = ir.node("Exp", log.outputs)
        for value in (*log.outputs, *exp.outputs):
            value.shape, value.type = result.shape, result.type
        ir.convenience.replace_nodes_and_values(
            graph, node, [node], [log, exp], node.outputs, exp.outputs
        )


def _give_each_reader_its_own(graph: Any) -> None:
    """q(x, s, zero), dq(y, s, zero)     becomes     q(x, s, zero), dq(y, s, zero_1)

    for each 8-bit constant. On x86-64 without VNNI onnxruntime turns them into uint8, reader by
    reader, under a name made of the old one: at the second reader it finds that name taken, and
    does not load the file (1.31: "Attempt to replace the existing tensor").
    """
    import onnx_ir as ir

    for name, value in list(graph.initializers.items()):
        if value.dtype not in (ir.DataType.INT8, ir.DataType.UINT8):
            continue
        for k, (reader, index) in enumerate(list(value.uses())[1:], 1):
            own = ir.Value(name=f"{name}_{k}", shape=value.shape, type=value.type)
            own.const_value = value.const_value
            graph.register_initializer(own)
            reader.replace_input_with(index, own)


def shared_int8_constants(path: Path) -> list[str]:
    """The 8-bit constants of an .onnx that more than one node reads, in words."""
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    eight_bits = {
        tensor.name
        for tensor in graph.initializer
        if tensor.data_type in (onnx.TensorProto.INT8, onnx.TensorProto.UINT8)
    }
    readers = Counter(name for node in graph.node for name in node.input if name in eight_bits)
    return [f"{name} has {count}" for name, count in readers.items() if count > 1]


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
    "MatMulIntegerToFloat": "matmul.int8",
}


def count_operators(path: Path) -> OperatorCount:
    """Operators of the graph that onnxruntime really runs, after its own fusions.

    A QDQ file says what could be int8; only the optimized model says what is. Everything runs
    inside the one CPU provider.
    """
    import onnx
    import onnxruntime

    from deploy.runtimes.onnx_session import open_session

    with temporary_folder() as folder:
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(Path(folder, "optimized.onnx"))
        open_session(path, options=options)
        graph = onnx.load(options.optimized_model_filepath).graph
    constants = {tensor.name for tensor in graph.initializer}
    count: Counter[str] = Counter()
    for node in graph.node:
        is_int8 = node.op_type.startswith("QLinear")
        name = node.op_type.removeprefix("QLinear").lower()
        name = _NAMES.get(node.op_type, f"{name}.{'int8' if is_int8 else 'float'}")
        # A linear without a bias is a product like that of two activations, but for its weights.
        if name.startswith("matmul."):
            second = node.input[3 if node.op_type == "QLinearMatMul" else 1]
            name = name.replace("matmul.", "linear.") if second in constants else name
        count[name] += 1
    return OperatorCount(inside=dict(count), outside={})
